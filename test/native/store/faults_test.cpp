// Files that fail: each operation in turn, a disk that is full, a disk that can't be read.
#include <algorithm>
#include <map>

#include "store_fixture.h"

namespace switchyard::store::test {
namespace {

using Model = std::map<std::string, std::string>;

// What a program does; false: nothing failed. What was acknowledged is in the model, and so is, with all that it may
// have been before, what failed.
struct Outcome {
  Model kept;
  std::map<std::string, std::vector<std::string>> maybe;
  int failures = 0;
};

void put(Opened& opened, Outcome& outcome, const std::string& key, const std::string& value) {
  if (opened.put(key, value).error) {
    ++outcome.failures;
    outcome.maybe[key].push_back(value);
  } else {
    outcome.kept[key] = value;
    outcome.maybe.erase(key);
  }
}

void expectKept(const Opened& opened, const Outcome& outcome, uint64_t at) {
  for (const auto& [key, value] : outcome.kept) {
    std::optional<std::string> found;
    // Whoever calls this takes errors of the operation that fails, and no others.
    if (const auto code = codeOf([&] { found = opened.get(key); }))
      ADD_FAILURE() << "operation " << at << ", " << key << " is refused: " << static_cast<int>(*code);
    const auto maybe = outcome.maybe.find(key);
    const bool mayDiffer = maybe != outcome.maybe.end() && found &&
                           std::find(maybe->second.begin(), maybe->second.end(), *found) != maybe->second.end();
    EXPECT_TRUE(mayDiffer || found == value) << "operation " << at << ", " << key;
  }
}

void program(Opened& opened, Outcome& outcome) {
  for (int round = 0; round < 3; ++round)
    for (int i = 0; i < 12; ++i)
      put(opened, outcome, "k" + std::to_string(i), std::to_string(round) + std::string(2000, 'x'));
}

// One operation fails. Nothing that was acknowledged is lost, in this process, after a power cut, and after reopening.
TEST(StoreFaults, EachOperationInTurn) {
  std::mt19937_64 random(5);
  uint64_t total = 0;
  {
    auto files = emptyDisk();
    Outcome outcome;
    Opened opened(*files);
    program(opened, outcome);
    opened.store->close();
    EXPECT_EQ(outcome.failures, 0);
    total = files->operations();
  }
  ASSERT_GT(total, 150u);
  int failures = 0;
  for (uint64_t at = 2; at <= total; ++at) {
    auto files = emptyDisk();
    Outcome outcome;
    files->failAt(at);
    try {
      Opened opened(*files);
      program(opened, outcome);
      files->mend();
      expectKept(opened, outcome, at);
      opened.store->close();
    } catch (const Error&) {
      ++failures;
    }
    files->mend();
    failures += outcome.failures;
    auto cut = files->afterPowerCut(random);
    for (FaultyFiles* disk : {files.get(), cut.get()}) {
      Opened again(*disk);
      expectKept(again, outcome, at);
      EXPECT_FALSE(again.put("after", "all").error);
      again.store->close();
    }
  }
  EXPECT_GT(failures, 50);
}

// What a collection has by its checkpoint.
struct Held {
  std::string state, files;
  bool operator==(const Held&) const = default;
};

Held heldBy(Opened& opened) {
  const uint64_t id = opened.store->collection("c");
  const auto found = opened.store->recover(id);
  Held held{found.state, ""};
  for (const auto& file : found.files) held.files += opened.readFile(id, file.name);
  return held;
}

// What may be there: first what was acknowledged, then what has failed since.
struct Checkpoints {
  std::vector<Held> held{{}};
  int failures = 0;
};

void checkpoints(Opened& opened, Files& files, Checkpoints& made, uint64_t at) {
  const uint64_t id = opened.store->collection("c");
  for (int round = 1; round <= 4; ++round) {
    const std::string number = std::to_string(round);
    const Held next{number, "content of " + number};
    try {
      const Written written = opened.append(id, "record " + number);
      if (written.error) std::rethrow_exception(written.error);
      opened.put("k", std::string(6000, 'x'));
      opened.writeFile(id, "f" + number, next.files);
      made.held.push_back(next);
      opened.store->checkpoint({id, written.sequence, next.state, {"f" + number}});
      made.held = {next};
      opened.store->drop(opened.store->collection("other"));
      writeSnapshot(files, opened.store->snapshot(), "/disk/snapshot " + number);
    } catch (const Error&) {
      ++made.failures;
    }
    if (made.held.size() == 1) {
      EXPECT_TRUE(heldBy(opened) == made.held[0]) << "operation " << at;
    }
  }
}

// Checkpoints, drops and snapshots are made as a whole or not at all, whichever operation fails, and what comes after
// them holds, too.
TEST(StoreFaults, EachOperationOfCheckpointsInTurn) {
  std::mt19937_64 random(9);
  uint64_t total = 0;
  {
    auto files = emptyDisk();
    Checkpoints made;
    Opened opened(*files);
    checkpoints(opened, *files, made, 0);
    opened.store->close();
    EXPECT_EQ(made.failures, 0);
    total = files->operations();
  }
  int failures = 0;
  for (uint64_t at = 2; at <= total; ++at) {
    auto files = emptyDisk();
    Checkpoints made;
    files->failAt(at);
    try {
      Opened opened(*files);
      checkpoints(opened, *files, made, at);
      opened.store->close();
    } catch (const Error&) {
      ++failures;
    }
    files->mend();
    failures += made.failures;
    auto cut = files->afterPowerCut(random);
    for (FaultyFiles* disk : {files.get(), cut.get()}) {
      Opened again(*disk);
      const Held found = heldBy(again);
      const bool isThere = std::find(made.held.begin(), made.held.end(), found) != made.held.end();
      EXPECT_TRUE(isThere) << "operation " << at << ": " << found.state << ", " << found.files;
      EXPECT_TRUE(again.store->verify().problems.empty());
    }
  }
  EXPECT_GT(failures, 30);
}

// What a failed sync left in memory alone is not believed: the store takes no more writes, and a reopening writes what
// it finds once more, so that a power cut after it takes nothing away.
TEST(StoreFaults, AFailedSyncEndsTheWriting) {
  std::mt19937_64 random(6);
  for (int round = 0; round < 20; ++round) {
    auto files = emptyDisk();
    {
      Opened opened(*files, {.fileBytes = 1 << 20});
      opened.put("a", "1");
      files->failAt(files->operations() + 2);  // behind the write
      EXPECT_EQ(codeOf(opened.put("a", "2")), Code::Internal);
      files->mend();
      EXPECT_EQ(codeOf(opened.put("a", "3")), Code::Closed);
      EXPECT_EQ(opened.get("a"), "1");
      EXPECT_FALSE(opened.store->stats().failure.empty());
      opened.store->close();
    }
    std::optional<std::string> found;
    {
      Opened opened(*files);
      found = opened.get("a");
      EXPECT_FALSE(opened.put("b", "x").error);
    }
    files = files->afterPowerCut(random);
    Opened opened(*files);
    EXPECT_EQ(opened.get("a"), found);
    EXPECT_EQ(opened.get("b"), "x");
  }
}

// Also one that fails while room is made within the limit ends the writing: nothing is acknowledged after it, whatever
// is smaller then.
TEST(StoreFaults, AFailedSyncWhileRoomIsMadeEndsTheWriting) {
  constexpr int kRounds = 60;
  const auto live = [](FaultyFiles& files, uint64_t at, bool& hasFailed) {
    Opened opened(files, {.limit = 320 << 10});
    if (at) files.failAt(at);
    for (int round = 0; round < kRounds; ++round) {
      for (int i = 0; i < 4; ++i) {
        const bool isDelete = i == 3;
        Write write{.kind = isDelete ? Kind::Delete : Kind::Put, .key = "k" + std::to_string((round + i) % 5)};
        const auto value = std::make_shared<std::string>(isDelete ? 0 : 4000, 'x');
        write.pieces = {asBytes(value->data(), value->size())};
        write.holds = {value};
        write.durable = round % 2 == 0;
        write.done = [&, at](const Written& written) {
          if (written.error) return;
          EXPECT_EQ(opened.store->stats().failure, "") << "operation " << at << ": acknowledged all the same";
        };
        opened.store->write(std::move(write));
      }
      opened.store->work();  // once: it makes room when it has to
    }
    hasFailed = !opened.store->stats().failure.empty();
    return files.operations();
  };
  auto files = emptyDisk();
  bool hasFailed = false;
  const uint64_t first = files->operations(), total = live(*files, 0, hasFailed);
  EXPECT_FALSE(hasFailed);
  int failures = 0;
  for (uint64_t at = first + 1; at <= total; ++at) {
    files = emptyDisk();
    hasFailed = false;
    try {
      live(*files, at, hasFailed);
    } catch (const Error&) {  // of the opening
    }
    failures += hasFailed;
  }
  EXPECT_GT(failures, 20);
}

TEST(StoreFaults, AFullDisk) {
  auto files = emptyDisk();
  Opened opened(*files);
  for (int i = 0; i < 20; ++i) opened.put("k" + std::to_string(i), std::string(1000, 'x'));
  for (int round = 0; round < 3; ++round) {
    files->failAt(files->operations() + 1, FaultyFiles::Fails::Room);
    EXPECT_EQ(codeOf(opened.put("more", "y")), Code::OutOfMemory);
    EXPECT_EQ(codeOf(opened.put("large", std::string(30'000, 'y'))), Code::OutOfMemory);
    for (int i = 0; i < 20; ++i) EXPECT_EQ(opened.get("k" + std::to_string(i)), std::string(1000, 'x'));
    files->mend();
    EXPECT_FALSE(opened.put("more", "z").error);
    EXPECT_EQ(opened.get("more"), "z");
    EXPECT_EQ(opened.get("large"), std::nullopt);
  }
  opened.store->close();
  EXPECT_EQ(Opened(*files).get("more"), "z");
}

// Writes that were refused have left no trace, though the first of them had been written when a later one failed; not
// even before one that came later, in their place.
TEST(StoreFaults, WhatFailedInTheMiddleOfACommitNeverComesBack) {
  std::mt19937_64 random(8);
  int refused = 0;
  for (uint64_t at = 1; at <= 12; ++at) {
    for (const auto how : {FaultyFiles::Fails::Room, FaultyFiles::Fails::Once}) {
      auto files = emptyDisk();
      Opened opened(*files, {.fileBytes = 32 << 20});
      opened.put("old", "value"), opened.put("gone", "no");
      files->failAt(files->operations() + at, how);
      std::vector<std::shared_ptr<Answer>> answers{opened.post(Kind::Delete, "gone", "")};
      for (int i = 0; i < 10; ++i)  // more than is written at once
        answers.push_back(opened.post(Kind::Put, i ? "n" + std::to_string(i) : "old", std::string(900'000, 'n')));
      opened.work();
      files->mend();
      if (answers[0]->isWell()) continue;                    // the fault came later
      if (!opened.store->stats().failure.empty()) continue;  // what is there the next opening decides
      ++refused;
      opened.post(Kind::Delete, "absent", "", false);
      opened.post(Kind::Put, "later", std::string(900'000, 'l'), false);
      opened.work();
      auto killed = files->afterKill(), cut = files->afterPowerCut(random);
      for (FaultyFiles* disk : {killed.get(), cut.get()}) {
        Opened again(*disk);
        EXPECT_EQ(again.get("old"), "value") << "operation " << at;
        EXPECT_EQ(again.get("gone"), "no") << "operation " << at;
        EXPECT_EQ(again.get("n1"), std::nullopt) << "operation " << at;
        if (disk == killed.get()) {
          EXPECT_EQ(again.get("later"), std::string(900'000, 'l'));
        }
      }
    }
  }
  EXPECT_GE(refused, 6);
}

TEST(StoreFaults, ReadsThatFail) {
  auto files = emptyDisk();
  Opened opened(*files);
  for (int i = 0; i < 40; ++i) opened.put("k" + std::to_string(i), std::string(1000, 'x'));
  files->failAt(files->operations() + 1, FaultyFiles::Fails::Reads);
  EXPECT_EQ(codeOf([&] { opened.get("k1"); }), Code::Internal);
  for (int i = 0; i < 40; ++i) EXPECT_FALSE(opened.put("k" + std::to_string(i), "new").error);
  files->mend();
  for (int i = 0; i < 40; ++i) EXPECT_EQ(opened.get("k" + std::to_string(i)), "new");
  EXPECT_TRUE(opened.store->verify().problems.empty());
}

// Other files are reclaimed all the same, and verify() names the place and goes on.
TEST(StoreFaults, APlaceThatCantBeRead) {
  auto files = emptyDisk();
  Opened opened(*files);
  const uint64_t id = opened.store->collection("c");
  opened.put("first", "1"), opened.put("bad", std::string(200, 'b')), opened.put("last", "2");
  opened.writeFile(id, "f", std::string(3 << 20, 'f'));
  opened.store->checkpoint({id, 0, "{}", {"f"}});
  const std::string data = opened.store->file(id, "f")->path();
  for (int i = 0; i < 30; ++i) opened.put("x", std::string(400, 'x'));
  const Content run(8, std::byte{'b'});
  std::string log;
  uint64_t offset = 0;
  for (const auto& [name, content] : files->contents()) {
    const auto at = std::search(content->begin(), content->end(), run.begin(), run.end());
    if (at != content->end()) log = name, offset = static_cast<uint64_t>(at - content->begin()) + 4;
  }
  ASSERT_NE(log, "");
  files->makeUnreadable(log, offset);
  for (int i = 0; i < 500; ++i) EXPECT_FALSE(opened.put("x", std::string(400, 'x')).error);
  EXPECT_LE(opened.store->stats().diskBytes, (3u << 20) + 4 * (16 << 10));  // 200 KB were written
  EXPECT_EQ(opened.store->stats().problems.size(), 1u);
  EXPECT_EQ(opened.get("first"), "1");
  EXPECT_EQ(opened.get("last"), "2");
  EXPECT_EQ(codeOf([&] { opened.get("bad"); }), Code::Internal);
  auto problems = opened.store->verify().problems;
  ASSERT_EQ(problems.size(), 1u);
  EXPECT_EQ(problems[0].file, log);
  EXPECT_LE(problems[0].offset, offset);
  EXPECT_GT(problems[0].offset + recordBytes(3, 200), offset);
  files->makeUnreadable(data, 1'500'000);
  problems = opened.store->verify().problems;
  ASSERT_EQ(problems.size(), 1u);
  EXPECT_EQ(problems[0].file, data);
  EXPECT_EQ(problems[0].offset, uint64_t{1} << 20);
}

}  // namespace
}  // namespace switchyard::store::test
