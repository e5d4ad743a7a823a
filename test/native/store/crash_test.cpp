// The power is cut at random moments. Writes are in one order; what is there afterwards has to be what some prefix of
// them leaves, with all in it that was acknowledged as durable. Some objects have a time, and snapshots are made
// meanwhile: those that were acknowledged are whole.
#include <algorithm>
#include <map>
#include <set>

#include "store_fixture.h"

namespace switchyard::store::test {
namespace {

// What was asked for, in order, over all lives of a store.
struct Kept {
  std::string value;
  int64_t expiry = 0;
};
using Objects = std::map<std::string, Kept>;

struct State {
  std::map<std::string, std::string> objects;
  std::vector<std::string> records;
  bool operator==(const State&) const = default;
};

class History {
 public:
  struct Step {
    Kind kind;
    std::string key, value;
    bool durable;
    int64_t expiry;
    std::shared_ptr<Answer> answer;
  };
  std::vector<Step> steps;
  Objects objects;                   // before all steps
  std::vector<std::string> records;  // of the collection; those of a checkpoint have gone into its state
  size_t checkpointed = 0;           // how many records, by the last checkpoint that was acknowledged
  size_t tried = 0;                  // by one that may have been made
  std::string snapshot;              // the last one, and what was in it
  State inSnapshot;

  // The first step behind all that have to be there.
  size_t floor() const {
    size_t least = 0;
    for (size_t i = 0; i < steps.size(); ++i)
      if (steps[i].durable && steps[i].answer->isWell()) least = i + 1;
    return least;
  }
};

void advance(Objects& objects, std::vector<std::string>& records, const History::Step& step) {
  if (step.kind == Kind::Put) objects[step.key] = {step.value, step.expiry};
  if (step.kind == Kind::Delete) objects.erase(step.key);
  if (step.kind == Kind::Record) records.push_back(step.value);
}

// What is seen of it now, where so many records have gone into a checkpoint.
State seenOf(const Objects& objects, const std::vector<std::string>& records, size_t checkpointed) {
  State seen;
  for (const auto& [key, kept] : objects)
    if (!kept.expiry || kept.expiry > testTime) seen.objects[key] = kept.value;
  const size_t gone = std::min(checkpointed, records.size());  // in the checkpoint, whether or not in the log
  seen.records.assign(records.begin() + static_cast<ptrdiff_t>(gone), records.end());
  return seen;
}

std::string contentFor(size_t records) { return "records:" + std::to_string(records) + std::string(700, '.'); }

State stateOf(const Opened& opened, size_t& checkpointed) {
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
  Objects objects = history.objects;
  std::vector<std::string> records = history.records;
  const size_t floor = history.floor();
  for (size_t i = 0;; ++i) {
    if (i >= floor && seenOf(objects, records, checkpointed) == found) break;
    if (i == history.steps.size()) return false;
    advance(objects, records, history.steps[i]);
  }
  // Records of a checkpoint are there though the log may have lost them.
  for (const auto& step : history.steps)
    if (records.size() < checkpointed && step.kind == Kind::Record &&
        step.value == "r" + std::to_string(records.size()))
      records.push_back(step.value);
  history.objects = objects;
  history.records = records;
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

void makeSnapshot(Opened& opened, FaultyFiles& files, History& history, std::mt19937_64& random) {
  size_t checkpointed = 0;
  const State state = stateOf(opened, checkpointed);
  const std::string path = "/disk/snapshot " + std::to_string(random());
  writeSnapshot(files, opened.store->snapshot(), path);
  history.snapshot = path;
  history.inSnapshot = state;
}

// Whether the last snapshot that was acknowledged is what it was made of, but for what has expired.
bool isWhole(FaultyFiles& files, const History& history) {
  if (history.snapshot.empty()) return true;
  Opened opened(files, {.readOnly = true}, history.snapshot);
  size_t checkpointed = 0;
  State found = stateOf(opened, checkpointed);
  for (const auto& [key, value] : found.objects) {
    const auto at = history.inSnapshot.objects.find(key);
    if (at == history.inSnapshot.objects.end() || at->second != value) return false;
  }
  for (const auto& [key, value] : history.inSnapshot.objects)
    if (key[0] == 'k' && !found.objects.contains(key)) return false;
  return found.records == history.inSnapshot.records && opened.store->verify().problems.empty();
}

// Some work; ends with an Error when the power is cut.
void live(Opened& opened, FaultyFiles& files, History& history, std::mt19937_64& random) {
  const uint64_t id = opened.store->collection("c");
  size_t records = history.records.size();
  for (int round = 0; round < 40; ++round) {
    for (uint64_t i = random() % 6; i-- > 0;) {
      const bool expires = random() % 4 == 0;
      const std::string key = (expires ? "t" : "k") + std::to_string(random() % 12);
      const bool durable = random() % 4 != 0;
      const uint64_t what = random() % 8;
      const Kind kind = what == 0 ? Kind::Delete : what < 3 ? Kind::Record : Kind::Put;
      const std::string value = kind == Kind::Record   ? "r" + std::to_string(records++)
                                : kind == Kind::Delete ? ""
                                                       : std::to_string(random()) + std::string(random() % 3000, 'v');
      const std::string name = kind == Kind::Record ? Store::keyOf(id) : key;
      const int64_t expiry = expires && kind == Kind::Put ? testTime + 1 + static_cast<int64_t>(random() % 30) : 0;
      history.steps.push_back({kind, key, value, durable, expiry, opened.post(kind, name, value, durable, expiry)});
    }
    ++testTime;
    opened.work();
    for (const auto& step : history.steps)
      if (!step.answer->isWell()) throw Error(Code::Internal, "the power is cut");
    if (random() % 8 == 0) makeCheckpoint(opened, history, id, random);
    if (random() % 25 == 0) makeSnapshot(opened, files, history, random);
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
        live(opened, *files, history, random);
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
      isLost = isLost || !isWhole(*files, history);
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
