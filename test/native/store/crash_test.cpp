// The power is cut at random moments. Writes are in one order; what is there afterwards has to be what some prefix of
// them leaves, with all in it that was acknowledged as durable.
#include <algorithm>
#include <map>
#include <set>

#include "store_fixture.h"

namespace switchyard::store::test {
namespace {

// What was asked for, in order, over all lives of a store.
class History {
 public:
  struct Step {
    Kind kind;
    std::string key, value;
    bool durable;
    std::shared_ptr<Answer> answer;
  };
  std::vector<Step> steps;
  std::map<std::string, std::string> objects;  // before all steps
  std::vector<std::string> records;            // of the collection; those of a checkpoint have gone into its state
  size_t checkpointed = 0;                     // how many records, by the last checkpoint that was acknowledged
  size_t tried = 0;                            // by one that may have been made

  // The first step behind all that have to be there.
  size_t floor() const {
    size_t least = 0;
    for (size_t i = 0; i < steps.size(); ++i)
      if (steps[i].durable && steps[i].answer->isWell()) least = i + 1;
    return least;
  }
};

struct State {
  std::map<std::string, std::string> objects;
  std::vector<std::string> records;
  bool operator==(const State&) const = default;
};

void advance(State& state, const History::Step& step) {
  if (step.kind == Kind::Put) state.objects[step.key] = step.value;
  if (step.kind == Kind::Delete) state.objects.erase(step.key);
  if (step.kind == Kind::Record) state.records.push_back(step.value);
}

std::string contentFor(size_t records) { return "records:" + std::to_string(records) + std::string(700, '.'); }

State stateOf(Opened& opened, size_t& checkpointed) {
  State state;
  for (const std::string& key : opened.store->list("", "", 1'000'000)) state.objects[key] = *opened.get(key);
  const uint64_t id = opened.store->collection("c");
  const auto found = opened.store->recover(id);
  checkpointed = found.state.empty() ? 0 : std::stoull(found.state);
  for (const auto& file : found.files)
    if (opened.readFile(id, file.name) != contentFor(checkpointed)) throw std::runtime_error("a file is not its own");
  state.records = opened.records(id);
  return state;
}

// Whether it is what the history allows; what is there is the history's beginning from then on.
bool agrees(Opened& opened, History& history) {
  size_t checkpointed = 0;
  const State found = stateOf(opened, checkpointed);
  if (checkpointed != history.checkpointed && checkpointed != history.tried) return false;
  State state{history.objects, history.records};
  const size_t floor = history.floor();
  for (size_t i = 0;; ++i) {
    if (i >= floor) {
      State seen = state;
      const size_t gone = std::min(checkpointed, seen.records.size());  // in the checkpoint, whether or not in the log
      seen.records.erase(seen.records.begin(), seen.records.begin() + static_cast<ptrdiff_t>(gone));
      if (seen == found) break;
    }
    if (i == history.steps.size()) return false;
    advance(state, history.steps[i]);
  }
  // Records of a checkpoint are there though the log may have lost them.
  for (const auto& step : history.steps)
    if (state.records.size() < checkpointed && step.kind == Kind::Record &&
        step.value == "r" + std::to_string(state.records.size()))
      state.records.push_back(step.value);
  history.objects = state.objects;
  history.records = state.records;
  history.steps.clear();
  history.checkpointed = history.tried = checkpointed;
  return true;
}

void makeCheckpoint(Opened& opened, History& history, uint64_t id, std::mt19937_64& random) {
  // All records that were acknowledged, which are the first ones, go into it.
  const auto found = opened.store->recover(id);
  uint64_t through = found.through, count = history.checkpointed;
  for (const auto& [sequence, value] : opened.store->readRecords(id, opened.store->recover(id).through))
    through = sequence, ++count;
  const std::string name = "f" + std::to_string(random());
  history.tried = count;
  opened.writeFile(id, name, contentFor(count));
  opened.store->checkpoint({id, through, std::to_string(count), {name}});
  history.checkpointed = count;
}

// Some work; ends with an Error when the power is cut.
void live(Opened& opened, History& history, std::mt19937_64& random) {
  const uint64_t id = opened.store->collection("c");
  size_t records = history.records.size();
  for (int round = 0; round < 40; ++round) {
    for (uint64_t i = random() % 6; i-- > 0;) {
      const std::string key = "k" + std::to_string(random() % 12);
      const bool durable = random() % 4 != 0;
      const uint64_t what = random() % 8;
      const Kind kind = what == 0 ? Kind::Delete : what < 3 ? Kind::Record : Kind::Put;
      const std::string value = kind == Kind::Record   ? "r" + std::to_string(records++)
                                : kind == Kind::Delete ? ""
                                                       : std::to_string(random()) + std::string(random() % 3000, 'v');
      const std::string name = kind == Kind::Record ? Store::keyOf(id) : key;
      history.steps.push_back({kind, key, value, durable, opened.post(kind, name, value, durable)});
    }
    opened.work();
    for (const auto& step : history.steps)
      if (!step.answer->isWell()) throw Error(Code::Internal, "the power is cut");
    if (random() % 8 == 0) makeCheckpoint(opened, history, id, random);
    if (random() % 30 == 0) return opened.store->close();
  }
}

// How many of so many power cuts have lost something, or left what can't be opened.
int losses(int cuts, FaultyFiles::Lies lies, uint64_t seed) {
  std::mt19937_64 random(seed);
  int lost = 0;
  auto files = emptyDisk(lies);
  History history;
  for (int cut = 0; cut < cuts; ++cut) {
    bool isLost = false;
    const uint64_t moment = files->operations() + 1 + random() % 700;
    files->cutPowerAt(moment);
    try {
      while (files->operations() < moment) {
        Opened opened(*files);
        isLost = isLost || !agrees(opened, history);
        if (isLost) break;
        live(opened, history, random);
      }
    } catch (const Error& error) {
      isLost = isLost || error.code == Code::Damaged;
      if (error.code != Code::Internal && error.code != Code::Closed && !isLost) ADD_FAILURE() << error.what();
    }
    files = files->afterPowerCut(random);
    try {
      Opened opened(*files);
      const Recovery recovery = opened.store->stats().recovery;
      isLost = isLost || !agrees(opened, history) || !opened.store->verify().problems.empty();
      EXPECT_TRUE(recovery.records == 0 || !recovery.wasClosed);
    } catch (const std::exception& error) {
      isLost = true;
      if (!lies.files && !lies.folders) ADD_FAILURE() << "cut " << cut << ", seed " << seed << ": " << error.what();
    }
    if (isLost) files = emptyDisk(lies), history = {}, ++lost;
  }
  return lost;
}

TEST(StoreCrash, NothingIsLostAtAThousandMoments) {
  for (uint64_t seed = 1; seed <= 10; ++seed) EXPECT_EQ(losses(100, {}, seed), 0) << "seed " << seed;
}

// The test must see what it is for.
TEST(StoreCrash, WithoutFdatasyncThereAreLosses) { EXPECT_GT(losses(100, {.files = true}, 1), 10); }
TEST(StoreCrash, WithoutFsyncOfTheFolderThereAreLosses) { EXPECT_GT(losses(100, {.folders = true}, 1), 5); }

// A process that dies alone leaves all that it has written with the system.
TEST(StoreCrash, AKilledProcessLosesNothingThatWasAcknowledged) {
  std::mt19937_64 random(3);
  auto files = emptyDisk();
  for (int kill = 0; kill < 50; ++kill) {
    std::map<std::string, std::string> written;
    std::unique_ptr<FaultyFiles> after;
    {
      Opened opened(*files);
      for (uint64_t i = random() % 60; i-- > 0;) {
        const std::string key = "k" + std::to_string(random() % 20);
        ASSERT_FALSE(opened.put(key, written[key] = std::string(random() % 2000, 'x'), false).error);
      }
      after = files->afterKill();
    }
    files = std::move(after);
    Opened again(*files);
    for (const auto& [key, value] : written) ASSERT_EQ(again.get(key), value);
    again.store->close();
  }
}

}  // namespace
}  // namespace switchyard::store::test
