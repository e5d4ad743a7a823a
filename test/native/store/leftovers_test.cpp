// What a process that died has left: a log that nobody has ended, on a disk that is full by now, and half of a
// snapshot.
#include <algorithm>
#include <utility>

#include "store_fixture.h"

namespace switchyard::store::test {
namespace {

// A store whose process died on a disk that is full by now: it is opened all the same, gives what it has, and goes on
// once there is room. Nothing is in it twice, or missing from a snapshot.
TEST(StoreFaults, AnOpeningOnAFullDisk) {
  std::mt19937_64 random(10);
  // The last has an index for which there is no room in what the file takes already.
  for (const auto [count, fileBytes] :
       {std::pair{8, 16 << 10}, std::pair{16, 16 << 10}, std::pair{24, 16 << 10}, std::pair{169, 1 << 20}}) {
    auto made = emptyDisk();
    {
      Opened opened(*made, {.fileBytes = static_cast<uint64_t>(fileBytes)});
      const uint64_t id = opened.store->collection("c");
      for (int i = 0; i < count; ++i) opened.put("k" + std::to_string(i), std::string(1500, 'x'));
      opened.append(id, "record");
      opened.remove("k0");
    }
    auto disk = made->afterKill();
    const auto expectAll = [count = count](Opened& opened, const char* when) {
      for (int i = 1; i < count; ++i)
        EXPECT_EQ(opened.get("k" + std::to_string(i)), std::string(1500, 'x')) << when << i;
      EXPECT_EQ(opened.get("k0"), std::nullopt) << when;
      EXPECT_EQ(opened.records(opened.store->collection("c")), std::vector<std::string>{"record"}) << when;
      EXPECT_TRUE(opened.store->verify().problems.empty()) << when;
    };
    disk->failAt(1, FaultyFiles::Fails::MoreRoom);
    for (int again = 0; again < 2; ++again) {
      std::unique_ptr<FaultyFiles> next;
      {
        Opened opened(*disk);
        opened.work();
        expectAll(opened, "full ");
        EXPECT_EQ(codeOf(opened.put("more", std::string(20'000, 'y'))), Code::OutOfMemory);
        EXPECT_EQ(codeOf([&] { opened.store->snapshot(); }), Code::OutOfMemory);
        next = disk->afterPowerCut(random);
      }
      disk = std::move(next);
      disk->failAt(1, FaultyFiles::Fails::MoreRoom);
    }
    {
      Opened opened(*disk);
      disk->mend();
      EXPECT_FALSE(opened.put("more", "z").error);
      writeSnapshot(*disk, opened.store->snapshot(), "/disk/snapshot");
      expectAll(opened, "mended ");
      opened.store->close();
    }
    for (const std::string& path : {kPath, std::string("/disk/snapshot")}) {
      auto store = Store::open(path, {.files = disk.get()});
      EXPECT_EQ(textOf(*store->get("k1")), std::string(1500, 'x')) << path;
      EXPECT_EQ(textOf(*store->get("more")), "z") << path;
      EXPECT_EQ(store->readRecords(store->collection("c"), 0).size(), 1u) << path;
      EXPECT_TRUE(store->stats().recovery.wasClosed) << path;
    }
  }
}

// A snapshot whose process dies leaves a folder, which the next one of that name removes; not so one that is under way.
TEST(StoreFaults, WhatSnapshotsLeave) {
  auto files = emptyDisk();
  const auto parts = [&](FaultyFiles& disk) {
    int count = 0;
    const auto names = disk.list("/disk");
    for (const std::string& name : *names) count += name.find(".part-") != std::string::npos;
    return count;
  };
  Opened opened(*files);
  opened.put("k", "v");
  const Snapshot snapshot = opened.store->snapshot();
  int left = 0;
  for (uint64_t at = 4; at <= 11; ++at) {
    files->cutPowerAt(files->operations() + at);
    EXPECT_EQ(codeOf([&] { writeSnapshot(*files, snapshot, "/disk/a"); }), Code::Internal) << at;
    files->mend();
    left = std::max(left, parts(*files));
  }
  EXPECT_GE(left, 1);
  files->makeFolder("/disk/b.part-0123456789abcdef");  // another snapshot's
  files->open("/disk/b.part-0123456789abcdef/manifest", Files::Open::Create);
  files->makeFolder("/disk/a.part-0123456789abcdef");  // of which no more is left
  files->makeFolder("/disk/a.part-fedcba9876543210");  // one that goes on
  const auto lock = files->open("/disk/a.part-fedcba9876543210/lock", Files::Open::Create);
  EXPECT_TRUE(lock->tryLock());
  files->makeFolder("/disk/a.part-x");  // somebody's own
  files->open("/disk/a.part-x/letter", Files::Open::Create);
  writeSnapshot(*files, snapshot, "/disk/a");
  EXPECT_EQ(parts(*files), 3);
  EXPECT_EQ(textOf(*Store::open("/disk/a", {.files = files.get()})->get("k")), "v");
}

}  // namespace
}  // namespace switchyard::store::test
