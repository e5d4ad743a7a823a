// What a store gives back of what it was given: objects, their time, collections, snapshots, and its size on the disk.
#include <map>
#include <random>

#include "store_fixture.h"

namespace switchyard::store::test {
namespace {

TEST(Store, KeepsObjectsOverReopenings) {
  auto files = emptyDisk();
  {
    Opened opened(*files);
    EXPECT_FALSE(opened.put("a", "one").existed);
    EXPECT_TRUE(opened.put("a", "two").existed);
    EXPECT_FALSE(opened.put("b", "").error);
    opened.put("c", std::string(40'000, 'x'));  // more than a file should have
    EXPECT_TRUE(opened.remove("b").existed);
    EXPECT_FALSE(opened.remove("nothing").existed);
    EXPECT_EQ(opened.get("a"), "two");
    opened.store->close();
  }
  Opened opened(*files);
  EXPECT_TRUE(opened.store->stats().recovery.wasClosed);
  EXPECT_EQ(opened.get("a"), "two");
  EXPECT_EQ(opened.get("b"), std::nullopt);
  EXPECT_EQ(opened.get("c"), std::string(40'000, 'x'));
  EXPECT_EQ(opened.store->list("", "", 10), (std::vector<std::string>{"a", "c"}));
}

TEST(Store, ListsByPrefixInPages) {
  auto files = emptyDisk();
  Opened opened(*files);
  for (int i = 0; i < 30; ++i) opened.put("k" + std::to_string(i), "v");
  opened.put("j", "v"), opened.put("l", "v");
  std::vector<std::string> all, page;
  while (!(page = opened.store->list("k", all.empty() ? "" : all.back(), 7)).empty())
    all.insert(all.end(), page.begin(), page.end());
  EXPECT_EQ(all.size(), 30u);
  EXPECT_TRUE(std::is_sorted(all.begin(), all.end()));
}

// More than is looked at under one lock, gone ones among it.
TEST(Store, ListsMany) {
  auto files = emptyDisk();
  Opened opened(*files, {.fileBytes = 4 << 20});
  std::vector<std::string> expected;
  for (int i = 0; i < 5000; ++i) {
    const std::string key = "k" + std::to_string(10'000 + i);
    opened.post(Kind::Put, key, "v", false, i % 3 == 0 ? testTime + 5 : 0);
    if (i % 7 == 0) opened.post(Kind::Delete, key, "", false);
    if (i % 3 && i % 7) expected.push_back(key);
  }
  opened.work();
  testTime += 5;
  EXPECT_EQ(opened.store->list("k", "", 100'000), expected);
  EXPECT_EQ(opened.store->list("k", "", 2000), std::vector(expected.begin(), expected.begin() + 2000));
  EXPECT_EQ(opened.store->list("k", expected[1999], 100'000), std::vector(expected.begin() + 2000, expected.end()));
  EXPECT_EQ(opened.store->list("l", "", 100'000), std::vector<std::string>());
  opened.work();
  EXPECT_EQ(opened.store->list("k", "", 100'000), expected);
  EXPECT_EQ(opened.store->stats().objects, expected.size());
}

TEST(Store, ManyWritesAreOneSync) {
  auto files = emptyDisk();
  Opened opened(*files, {.fileBytes = 1 << 20});
  opened.put("first", "");
  const auto before = opened.store->stats();
  std::vector<std::shared_ptr<Answer>> answers;
  for (int i = 0; i < 64; ++i) answers.push_back(opened.post(Kind::Put, "k" + std::to_string(i), "value"));
  opened.work();
  for (const auto& answer : answers) EXPECT_TRUE(answer->isWell());
  EXPECT_EQ(opened.store->stats().syncs - before.syncs, 1u);
}

// The time that is over says so after a reopening, too, and does not let an older value come back, whatever is
// rewritten.
TEST(Store, TimeToLive) {
  auto files = emptyDisk();
  auto opened = std::make_unique<Opened>(*files);
  opened->put("a", "old");
  opened->put("a", "new", true, testTime + 100);
  opened->put("b", "b", true, testTime + 100);
  EXPECT_EQ(opened->get("a"), "new");
  testTime += 100;
  EXPECT_EQ(opened->get("a"), std::nullopt);
  EXPECT_TRUE(opened->store->list("", "", 10).empty());
  EXPECT_FALSE(opened->put("b", "again").existed);
  for (int round = 0; round < 3; ++round) {
    for (int i = 0; i < 200; ++i) opened->put("churn" + std::to_string(i % 5), std::string(500, 'x'));
    EXPECT_EQ(opened->get("a"), std::nullopt);
    opened->store->close();
    opened = std::make_unique<Opened>(*files);
    EXPECT_EQ(opened->get("a"), std::nullopt);
    EXPECT_EQ(opened->get("b"), "again");
  }
}

// A value that has expired needs a deletion in its place for as long alone as an older one is on the disk.
TEST(Store, WhatHasExpiredLeavesNothing) {
  auto files = emptyDisk();
  Opened opened(*files);
  for (int i = 0; i < 1000; ++i) {
    opened.put("session" + std::to_string(i), "first", true, testTime + 100);
    opened.put("session" + std::to_string(i), "second", true, testTime + 200);
  }
  testTime += 200;
  for (int i = 0; i < 300; ++i) opened.put("churn", std::string(1000, 'x'));
  EXPECT_EQ(opened.store->stats().objects, 1u);
  EXPECT_LE(opened.store->stats().diskBytes, 3u * (16 << 10));
}

// What is overwritten before its time is not remembered until then.
TEST(Store, OnlyWhatExpiresIsWaitedFor) {
  auto files = emptyDisk();
  auto log = LogFile::create(*files, "/disk", 1);
  ObjectIndex index;
  uint64_t sequence = 0;
  const auto apply = [&](Kind kind, int64_t expiry) {
    index.apply({++sequence, 64, expiry, 0, kind, "key"}, log.get(), testTime);
  };
  for (int i = 0; i < 1000; ++i) apply(Kind::Put, testTime + 1'000'000 + i % 7);
  EXPECT_EQ(index.expiring(), 1u);
  apply(Kind::Put, 0);
  EXPECT_EQ(index.expiring(), 0u);
  apply(Kind::Put, testTime + 5);
  index.expire(testTime + 5);
  EXPECT_EQ(index.expiring(), 0u);
  EXPECT_EQ(index.count(), 0u);
}

TEST(Store, SizeOnDiskStaysInProportion) {
  auto files = emptyDisk();
  Opened opened(*files);
  std::map<std::string, std::string> model;
  std::mt19937_64 random(7);
  for (int i = 0; i < 5000; ++i) {
    const std::string key = "k" + std::to_string(random() % 100);
    if (random() % 4 == 0) {
      opened.remove(key), model.erase(key);
    } else {
      opened.put(key, model[key] = std::string(random() % 1000, static_cast<char>('a' + random() % 26)));
    }
    if (i % 500 != 499) continue;
    uint64_t bytes = 0;
    for (const auto& [name, content] : files->contents()) bytes += content->size();
    uint64_t live = 0;
    for (const auto& [name, value] : model) live += recordBytes(name.size(), value.size());
    EXPECT_LE(bytes, 2 * live + 3 * (16 << 10) + (256 << 10)) << i;  // what is allocated ahead is the last of these
  }
  for (const auto& [key, value] : model) EXPECT_EQ(opened.get(key), value);
  EXPECT_GT(opened.store->stats().rewritten, 10u);
  opened.store->close();
  Opened again(*files);
  EXPECT_EQ(again.store->stats().objects, model.size());
  for (const auto& [key, value] : model) EXPECT_EQ(again.get(key), value);
  EXPECT_TRUE(again.store->verify().problems.empty());
}

// Callers that wait for each other's commits leave the queue at no time empty.
TEST(Store, SizeOnDiskStaysInProportionWhileWritesWait) {
  auto files = emptyDisk();
  Opened opened(*files);
  uint64_t most = 0;
  int posted = 0;
  const auto post = [&] {
    const int64_t expiry = posted % 3 == 0 ? testTime + 10 : 0;
    opened.post(Kind::Put, "k" + std::to_string(posted % 10), std::string(1000, 'x'), true, expiry);
    ++posted, ++testTime;
  };
  post();
  while (posted < 20'000) {
    post();
    post();
    opened.store->work();
    post();
    if (posted % 100 < 3) most = std::max(most, opened.store->stats().diskBytes);
  }
  EXPECT_LE(most, 2u << 20);  // 20 MB were written
  EXPECT_GT(opened.store->stats().rewritten, 10u);
}

// Files of which less than half is dead are left alone until somebody asks for what they take.
TEST(Store, ReclaimsWhatIsAskedFor) {
  auto files = emptyDisk();
  Opened opened(*files);
  std::map<std::string, std::string> model;
  for (int i = 0; i < 200; ++i)
    opened.put("k" + std::to_string(i), model["k" + std::to_string(i)] = std::string(500, 'a'));
  for (int i = 0; i < 200; i += 9)
    opened.put("k" + std::to_string(i), model["k" + std::to_string(i)] = std::string(500, 'b'));
  opened.work();
  const StoreStats before = opened.store->stats();
  EXPECT_GT(before.deadBytes, 8000u);
  EXPECT_EQ(before.rewritten, 0u);
  opened.store->reclaim();
  opened.work();
  const StoreStats after = opened.store->stats();
  EXPECT_LT(after.deadBytes, before.deadBytes / 4);
  EXPECT_LT(after.diskBytes, before.diskBytes - before.deadBytes / 2);
  for (const auto& [key, value] : model) EXPECT_EQ(opened.get(key), value);
  const uint64_t rewritten = after.rewritten;
  opened.store->reclaim();
  opened.work();
  EXPECT_EQ(opened.store->stats().rewritten, rewritten);  // there is nothing left
}

TEST(Store, SmallFilesBecomeOne) {
  auto files = emptyDisk();
  for (int i = 0; i < 40; ++i) {
    Opened opened(*files);
    opened.put("k" + std::to_string(i), "v");
    opened.store->close();
  }
  Opened opened(*files);
  EXPECT_LE(opened.store->stats().logFiles, 10u);
  EXPECT_EQ(opened.store->stats().objects, 40u);
}

TEST(Store, CollectionsAndCheckpoints) {
  auto files = emptyDisk();
  uint64_t through = 0;
  {
    Opened opened(*files);
    const uint64_t id = opened.store->collection("vectors");
    EXPECT_EQ(opened.store->collection("vectors"), id);
    opened.append(id, "one"), opened.put("k", "v");
    through = opened.append(id, "two").sequence;
    opened.append(id, "three");
    EXPECT_EQ(opened.records(id), (std::vector<std::string>{"one", "two", "three"}));
    const std::string content(3'000'001, 'c');
    opened.writeFile(id, "segment", content);
    EXPECT_EQ(codeOf([&] { opened.writeFile(id, "segment", ""); }), Code::InvalidArgument);
    opened.store->checkpoint({id, through, R"({"a":1})", {"segment"}});
    EXPECT_EQ(codeOf([&] { opened.store->checkpoint({id, through - 1, "", {}}); }), Code::InvalidArgument);
    EXPECT_EQ(codeOf([&] { opened.store->checkpoint({id, through, "", {"other"}}); }), Code::NotFound);
    EXPECT_EQ(opened.readFile(id, "segment"), content);
    opened.store->close();
  }
  Opened opened(*files);
  const uint64_t id = opened.store->collection("vectors");
  const auto found = opened.store->recover(id);
  EXPECT_EQ(found.state, R"({"a":1})");
  EXPECT_EQ(found.through, through);
  ASSERT_EQ(found.files.size(), 1u);
  EXPECT_EQ(found.files[0].name, "segment");
  EXPECT_EQ(opened.records(id), std::vector<std::string>{"three"});
  const std::string path = opened.store->file(id, "segment")->path();
  opened.writeFile(id, "next", "n");
  opened.store->checkpoint({id, found.through, "{}", {"next"}});
  EXPECT_FALSE(files->contents().contains(path));
  opened.store->drop(id);
  EXPECT_EQ(codeOf([&] { opened.records(id); }), Code::Closed);
  EXPECT_EQ(codeOf(opened.append(id, "late")), Code::Closed);
  EXPECT_EQ(opened.store->stats().dataFiles, 0u);
  EXPECT_EQ(opened.get("k"), "v");
}

// What the format has no place for is refused, beside others that are not.
TEST(Store, RecordsAreNoLargerThanTheFormatHasThem) {
  auto files = emptyDisk();
  Opened opened(*files);
  const uint64_t id = opened.store->collection("c");
  const auto piece = std::make_shared<std::string>(64 << 20, 'x');
  for (const size_t pieces : {17, 65}) {  // 1 GB and more, 4 GB and more
    const auto before = opened.post(Kind::Record, Store::keyOf(id), "before");
    const auto large = std::make_shared<Answer>();
    Write write{.kind = Kind::Record, .key = Store::keyOf(id), .holds = {piece}};
    write.pieces.assign(pieces, asBytes(piece->data(), piece->size()));
    write.done = [large](const Written& written) { *large = {true, written}; };
    opened.store->write(std::move(write));
    const auto after = opened.post(Kind::Record, Store::keyOf(id), "after");
    opened.work();
    ASSERT_TRUE(large->isGiven);
    EXPECT_EQ(codeOf(large->written), Code::InvalidArgument);
    EXPECT_TRUE(before->isWell() && after->isWell());
  }
  EXPECT_EQ(codeOf(opened.put(std::string(513, 'k'), "")), Code::InvalidArgument);
  EXPECT_EQ(opened.records(id), (std::vector<std::string>{"before", "after", "before", "after"}));
}

// Records of a collection move when their file is rewritten, and are found by their order after that.
TEST(Store, RewritingKeepsRecordsOfCollections) {
  auto files = emptyDisk();
  Opened opened(*files);
  const uint64_t id = opened.store->collection("c");
  std::vector<std::string> expected;
  for (int i = 0; i < 300; ++i) {
    opened.put("same", std::string(900, 'x'));
    opened.append(id, expected.emplace_back("record " + std::to_string(i)));
  }
  EXPECT_GT(opened.store->stats().rewritten, 3u);
  EXPECT_EQ(opened.records(id), expected);
  opened.store->close();
  Opened again(*files);
  EXPECT_EQ(again.records(again.store->collection("c")), expected);
}

TEST(Store, SnapshotsAreStores) {
  for (const bool canLink : {true, false}) {
    auto files = emptyDisk();
    files->canLink = canLink;
    Opened opened(*files);
    const uint64_t id = opened.store->collection("c");
    opened.put("a", "1"), opened.append(id, "r"), opened.writeFile(id, "f", "content");
    opened.store->checkpoint({id, 0, "{}", {"f"}});
    writeSnapshot(*files, opened.store->snapshot(), "/disk/snapshot");
    opened.put("a", "2"), opened.append(id, "s");
    EXPECT_EQ(codeOf([&] { writeSnapshot(*files, opened.store->snapshot(), "/disk/snapshot"); }),
              Code::InvalidArgument);
    opened.store->close();
    writeSnapshot(*files, openSnapshot(*files, "/disk/snapshot"), "/disk/restored");
    auto restored = Store::open("/disk/restored", {.files = files.get()});
    EXPECT_EQ(textOf(*restored->get("a")), "1");
    EXPECT_EQ(restored->readRecords(restored->collection("c"), 0).size(), 1u);
    EXPECT_TRUE(restored->verify().problems.empty());
    EXPECT_EQ(codeOf([&] { openSnapshot(*files, "/disk/other"); }), Code::InvalidArgument);
  }
}

TEST(Store, OneWriterAndReadersBesideIt) {
  auto files = emptyDisk();
  Opened writer(*files);
  for (int i = 0; i < 50; ++i) writer.put("k" + std::to_string(i), std::string(400, 'a'));
  EXPECT_EQ(codeOf([&] { Opened second(*files); }), Code::Locked);
  Opened reader(*files, {.readOnly = true});
  EXPECT_EQ(codeOf(reader.put("a", "b")), Code::InvalidArgument);
  // All of its files are replaced, and it goes on with those that it has.
  for (int round = 0; round < 4; ++round)
    for (int i = 0; i < 50; ++i) writer.put("k" + std::to_string(i), std::string(400, 'b'));
  for (int i = 0; i < 50; ++i) EXPECT_EQ(reader.get("k" + std::to_string(i)), std::string(400, 'a'));
  EXPECT_EQ(Opened(*files, {.readOnly = true}).get("k7"), std::string(400, 'b'));
  writer.store->close();
  EXPECT_EQ(codeOf(writer.put("a", "b")), Code::Closed);
  Opened next(*files);
  EXPECT_EQ(next.get("k7"), std::string(400, 'b'));
}

TEST(Store, WhatIsNoStoreIsRefused) {
  auto files = emptyDisk();
  EXPECT_EQ(codeOf([&] { Opened missing(*files, {.readOnly = true}); }), Code::InvalidArgument);
  files->makeFolder(kPath);
  files->open(kPath + "/letter.txt", Files::Open::Create);
  EXPECT_EQ(codeOf([&] { Opened foreign(*files); }), Code::InvalidArgument);
  files->remove(kPath + "/letter.txt");
  Opened(*files).store->close();
  Content& manifest = *files->contents().at(kPath + "/manifest");
  const Content good = manifest;
  ManifestHeader header;
  const auto replace = [&](auto change) {
    std::memcpy(&header, good.data(), sizeof header);
    change();
    std::memcpy(manifest.data(), &header, sizeof header);
  };
  replace([&] { header.version = 2, sealBlock(header, 0); });
  EXPECT_EQ(codeOf([&] { Opened newer(*files); }), Code::Unsupported);
  replace([&] { header.byteOrder = 0x04030201; });
  EXPECT_EQ(codeOf([&] { Opened other(*files); }), Code::Unsupported);
  replace([&] { header.magic = 7; });
  EXPECT_EQ(codeOf([&] { Opened other(*files); }), Code::InvalidArgument);
  replace([&] { header.version = 2; });
  EXPECT_EQ(codeOf([&] { Opened other(*files); }), Code::Damaged);
  for (const size_t left : {0, 5, 8, 63, 64}) {  // it was cut
    manifest = Content(good.begin(), good.begin() + static_cast<ptrdiff_t>(left));
    EXPECT_EQ(codeOf([&] { Opened cut(*files); }), Code::Damaged) << left;
  }
  manifest = Content(7, std::byte{'x'});
  EXPECT_EQ(codeOf([&] { Opened other(*files); }), Code::InvalidArgument);
}

TEST(Store, Limit) {
  auto files = emptyDisk();
  Opened opened(*files, {.limit = 200 << 10});
  int kept = 0;
  while (opened.put("k" + std::to_string(kept), std::string(5000, 'x')).error == nullptr) ASSERT_LT(++kept, 100);
  EXPECT_GT(kept, 15);
  EXPECT_EQ(codeOf(opened.put("more", std::string(5000, 'x'))), Code::OutOfMemory);
  for (int i = 0; i < kept; ++i) EXPECT_EQ(opened.get("k" + std::to_string(i)), std::string(5000, 'x'));
  for (int i = 0; i < kept; ++i) EXPECT_TRUE(opened.remove("k" + std::to_string(i)).existed);
  for (int i = 0; i < kept / 2; ++i)
    EXPECT_FALSE(opened.put("n" + std::to_string(i), std::string(5000, 'y')).error) << i << " of " << kept;
  EXPECT_LE(opened.store->stats().diskBytes, 220u << 10);
}

}  // namespace
}  // namespace switchyard::store::test
