// Bits that flip, anywhere: each is found, and no value is given that was not written.
#include <algorithm>
#include <map>

#include "store_fixture.h"

namespace switchyard::store::test {
namespace {

struct Expected {
  std::map<std::string, std::string> objects;
  std::vector<std::string> records;
  std::string file;
};

Expected makeStore(FaultyFiles& files) {
  Expected expected;
  std::mt19937_64 random(11);
  Opened opened(files);
  const uint64_t id = opened.store->collection("c");
  for (int i = 0; i < 30; ++i) {
    const std::string key = "key " + std::to_string(i);
    opened.put(key, expected.objects[key] = std::string(random() % 3000, static_cast<char>('a' + i % 26)));
    opened.append(id, expected.records.emplace_back(random() % 500, 'r'));
  }
  expected.file.resize(50'001);
  for (char& c : expected.file) c = static_cast<char>(random());
  opened.writeFile(id, "f", expected.file);
  opened.store->checkpoint({id, 0, R"({"some":"state"})", {"f"}});
  opened.store->close();
  return expected;
}

// Whether what is there is right as far as it is given; counts what was refused.
bool isRight(Opened& opened, const Expected& expected, int& refused) {
  bool right = true;
  const auto read = [&](auto fn) {
    const auto code = codeOf(fn);
    if (!code) return;
    ++refused;
    right = right && code == Code::Damaged;
  };
  for (const auto& [key, value] : expected.objects) read([&] { right = right && opened.get(key) == value; });
  read([&] { right = right && opened.store->list("", "", 1000).size() == expected.objects.size(); });
  const uint64_t id = opened.store->collection("c");
  read([&] { right = right && opened.records(id) == expected.records; });
  read([&] { right = right && opened.readFile(id, "f") == expected.file; });
  read([&] { right = right && opened.store->recover(id).state == R"({"some":"state"})"; });
  return right;
}

TEST(StoreDamage, EachOfAThousandFlippedBitsIsFound) {
  auto files = emptyDisk();
  const Expected expected = makeStore(*files);
  std::mt19937_64 random(12);
  uint64_t bytes = 0;
  for (const auto& [name, content] : files->contents()) bytes += content->size();
  int refusedOpenings = 0, refusedReads = 0;
  for (int flip = 0; flip < 1000; ++flip) {
    uint64_t at = random() % bytes;
    Content* damagedFile = nullptr;
    std::string path;
    for (const auto& [name, content] : files->contents()) {
      if (at < content->size()) {
        damagedFile = content, path = name;
        break;
      }
      at -= content->size();
    }
    const auto bit = static_cast<std::byte>(1 << random() % 8);
    (*damagedFile)[at] ^= bit;
    try {
      Opened opened(*files, {.readOnly = true});
      const Verified verified = opened.store->verify();
      ASSERT_FALSE(verified.problems.empty()) << path << " at " << at;
      EXPECT_EQ(verified.problems[0].file, path);
      ASSERT_TRUE(isRight(opened, expected, refusedReads)) << path << " at " << at;
    } catch (const Error& error) {
      ++refusedOpenings;
      EXPECT_TRUE(error.code == Code::Damaged || error.code == Code::InvalidArgument) << error.what();
      EXPECT_NE(std::string(error.what()).find(error.code == Code::Damaged ? path : kPath), std::string::npos);
    }
    (*damagedFile)[at] ^= bit;
  }
  EXPECT_GT(refusedOpenings, 0);  // of the manifest, and of headers
  EXPECT_GT(refusedReads, 300);
  Opened opened(*files);
  int refused = 0;
  EXPECT_TRUE(isRight(opened, expected, refused));
  EXPECT_EQ(refused, 0);
}

// What was on the disk before later writes were is not taken for a write that had not ended.
TEST(StoreDamage, InTheMiddleOfAFileThatWasNotEnded) {
  auto files = emptyDisk();
  {
    Opened opened(*files, {.fileBytes = 1 << 20});
    for (int i = 0; i < 20; ++i) opened.put("k" + std::to_string(i), std::string(100, 'x'));
  }
  auto killed = files->afterKill();
  Content* log = nullptr;
  for (const auto& [name, content] : killed->contents())
    if (name.find("/log-") != std::string::npos) log = content;
  const Content good = *log;
  for (size_t at = 64; at < 64 + 18 * recordBytes(3, 100); at += 7) {
    (*log)[at] ^= std::byte{4};
    EXPECT_EQ(codeOf([&] { Opened opened(*killed); }), Code::Damaged) << at;
    *log = good;
  }
  Opened opened(*killed);
  EXPECT_EQ(opened.store->stats().objects, 20u);
  EXPECT_EQ(opened.store->stats().recovery.torn, 0u);
}

// Bits that flip in a store whose process was killed, opened to go on with it: what was acknowledged is given as it was
// or refused as damaged; but for the last commit, which nothing says of that it had ended.
TEST(StoreDamage, EachFlippedBitOfAStoreThatWasNotClosed) {
  auto files = emptyDisk();
  std::map<std::string, std::string> expected;
  std::vector<std::string> records;
  {
    Opened opened(*files);
    const uint64_t id = opened.store->collection("c");
    for (int i = 0; i < 38; ++i) {  // the last file is nearly full
      const std::string key = "k" + std::to_string(i);
      opened.append(id, records.emplace_back(300, static_cast<char>('a' + i % 26)));
      opened.put(key, expected[key] = std::string(700, static_cast<char>('A' + i % 26)));
    }
  }
  std::mt19937_64 random(13);
  int refusedOpenings = 0, refusedReads = 0, lastGone = 0;
  for (int flip = 0; flip < 600; ++flip) {
    auto disk = files->afterKill();
    std::vector<std::pair<std::string, Content*>> logs;
    for (const auto& [name, content] : disk->contents())
      if (name.find("/log-") != std::string::npos) logs.emplace_back(name, content);
    // Of the one that is not ended, or of another one.
    Content& content = *(flip % 2 ? logs.back() : logs[random() % logs.size()]).second;
    content[random() % content.size()] ^= static_cast<std::byte>(1 << random() % 8);
    try {
      Opened opened(*disk);
      for (const auto& [key, value] : expected) {
        std::optional<std::string> found;
        const auto code = codeOf([&] { found = opened.get(key); });
        const bool isGone = !code && !found && key == "k37";
        lastGone += isGone;
        refusedReads += code == Code::Damaged;
        ASSERT_TRUE(code == Code::Damaged || isGone || found == value) << flip << " " << key;
      }
      std::vector<std::string> read;
      const auto code = codeOf([&] { read = opened.records(opened.store->collection("c")); });
      ASSERT_TRUE(code == Code::Damaged || read == records) << flip;
      EXPECT_FALSE(opened.put("new", "value").error);
      EXPECT_EQ(opened.get("new"), "value");
    } catch (const Error& error) {
      ++refusedOpenings;
      EXPECT_EQ(error.code, Code::Damaged) << error.what();
    }
  }
  EXPECT_GT(refusedOpenings, 50);
  EXPECT_GT(refusedReads, 50);
  EXPECT_GT(lastGone, 0);
}

// What had not been written whole is cut off, and how much that was is said.
TEST(StoreDamage, WhatWasTornIsSaid) {
  constexpr uint64_t kBytes = recordBytes(2, 100);
  auto files = emptyDisk();
  {
    Opened opened(*files, {.fileBytes = 1 << 20});
    for (int i = 0; i < 5; ++i) opened.put("k" + std::to_string(i), std::string(100, 'x'));
  }
  for (const uint64_t left : {kBytes - 8, kBytes / 2, uint64_t{8}}) {
    auto killed = files->afterKill();
    for (const auto& [name, content] : killed->contents()) {
      if (name.find("/log-") == std::string::npos) continue;
      const auto last = content->begin() + static_cast<ptrdiff_t>(sizeof(LogHeader) + 4 * kBytes);
      std::fill(last + static_cast<ptrdiff_t>(left), last + static_cast<ptrdiff_t>(kBytes), std::byte{0});
    }
    Opened opened(*killed);
    const Recovery recovery = opened.store->stats().recovery;
    EXPECT_EQ(recovery.records, 4u);
    EXPECT_GT(recovery.torn, 0u);
    EXPECT_LE(recovery.torn, padded(left));
    EXPECT_FALSE(recovery.wasClosed);
    EXPECT_EQ(opened.store->list("", "", 10).size(), 4u);
  }
}

// Records say what they are: the index of a file that was ended is made anew of them, and what is wrong is said. Of a
// file of a collection that can't be opened nobody hears but who asks for it.
TEST(StoreDamage, OneDamagedFileKeepsNobodyFromTheOthers) {
  auto files = emptyDisk();
  const Expected expected = makeStore(*files);
  const auto flipped = [&](const char* kind, auto place, bool readOnly, auto see) {
    for (const auto& [name, content] : files->contents()) {
      if (name.find(kind) == std::string::npos) continue;
      std::byte& byte = (*content)[place(content->size())];
      byte ^= std::byte{1};
      auto copy = files->afterKill();
      Opened opened(*copy, {.readOnly = readOnly});
      ASSERT_EQ(opened.store->stats().recovery.problems.size(), 1u);
      EXPECT_EQ(opened.store->stats().recovery.problems[0].file, name);
      EXPECT_FALSE(opened.store->verify().problems.empty());
      see(opened);
      byte ^= std::byte{1};
    }
  };
  for (const bool readOnly : {true, false}) {
    for (const size_t behind : {8, 40, 200})  // of the footer, and of the index
      flipped(
          "/log-", [&](size_t size) { return size - behind; }, readOnly,
          [&](Opened& opened) {
            int refused = 0;
            EXPECT_TRUE(isRight(opened, expected, refused));
            EXPECT_EQ(refused, 0);
          });
    for (const size_t behind : {8, 70})  // of the footer, and of the list
      flipped(
          "/data-", [&](size_t size) { return size - behind; }, readOnly,
          [&](Opened& opened) {
            int refused = 0;
            EXPECT_TRUE(isRight(opened, expected, refused));
            EXPECT_EQ(refused, 1);
            const uint64_t id = opened.store->collection("c");
            EXPECT_EQ(codeOf([&] { opened.store->file(id, "f")->map(); }), Code::Damaged);
            EXPECT_EQ(codeOf([&] { opened.store->file(id, "f")->check(0, 1); }), Code::Damaged);
            if (readOnly) return;
            EXPECT_FALSE(opened.put("new", "value").error);
            EXPECT_EQ(codeOf([&] { opened.store->snapshot(); }), Code::Damaged);
            opened.store->checkpoint({id, 0, "{}", {"f"}});
            opened.store->close();
          });
  }
}

// A file that is damaged is not replaced by one that lacks what could not be read.
TEST(StoreDamage, RewritingLeavesADamagedFileAlone) {
  auto files = emptyDisk();
  Opened opened(*files);
  opened.put("good", "value"), opened.put("bad", std::string(200, 'b'));
  for (int i = 0; i < 30; ++i) opened.put("x", std::string(400, 'x'));
  const Content run(8, std::byte{'b'});
  for (const auto& [name, content] : files->contents()) {
    const auto at = std::search(content->begin(), content->end(), run.begin(), run.end());
    if (at != content->end()) *at ^= std::byte{1};
  }
  for (int i = 0; i < 200; ++i) opened.put("x", std::string(400, 'x'));
  EXPECT_EQ(codeOf([&] { opened.get("bad"); }), Code::Damaged);
  EXPECT_EQ(opened.get("good"), "value");
  EXPECT_FALSE(opened.store->stats().problems.empty());
  EXPECT_FALSE(opened.store->verify().problems.empty());
}

}  // namespace
}  // namespace switchyard::store::test
