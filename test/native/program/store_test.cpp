// Programs on disk: damage, links, other users, folders that aren't, bounds. See store_processes_test.cpp for
// the rest.
#include "store_fixture.h"

#include <cstring>
#include <functional>

namespace switchyard::test {
namespace {

TEST_F(ProgramStoreTest, givesBackWhatItGot) {
  ProgramStore store = make();
  const ProgramModule module = moduleOf(1);
  EXPECT_EQ(store.load(module.id), nullptr);
  ASSERT_TRUE(store.store(module));
  ASSERT_TRUE(store.store(module));  // over itself
  const auto loaded = make().load(module.id);
  ASSERT_NE(loaded, nullptr);
  EXPECT_EQ(*loaded, module);
  EXPECT_EQ(filesOf(folder, "").size(), 3u) << "two folders and one file";
  struct stat status {};
  ASSERT_EQ(stat(pathOf(folder, module.id).c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600u);
  ASSERT_EQ(stat((folder + "/programs").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0700u);
  EXPECT_TRUE(told.empty());

  ProgramStore none("");
  EXPECT_FALSE(none.store(module));
  EXPECT_EQ(none.load(module.id), nullptr);
}

TEST_F(ProgramStoreTest, makesItsFolderAgainWhenItIsRemoved) {
  ProgramStore store = ProgramStore(folder + "/deep/er/still");
  for (uint32_t i = 0; i < 3; ++i) {
    ASSERT_TRUE(store.store(moduleOf(i)));
    ASSERT_NE(store.load(moduleOf(i).id), nullptr);
    fs::remove_all(folder + "/deep");
    EXPECT_EQ(store.load(moduleOf(i).id), nullptr);
  }
}

TEST_F(ProgramStoreTest, removesWhatIsDamaged) {
  ProgramStore store = make();
  const ProgramModule module = moduleOf(2);
  ASSERT_TRUE(store.store(module));
  const fs::path path = pathOf(folder, module.id);
  const Bytes good = contentOf(path);
  auto refuses = [&](const Bytes& bytes) {
    write(path, bytes);
    return store.load(module.id) == nullptr && !fs::exists(path);
  };
  for (size_t length = 0; length < good.size(); ++length)
    ASSERT_TRUE(refuses(Bytes(good.begin(), good.begin() + std::ptrdiff_t(length))))
        << length << " of " << good.size() << " bytes";
  for (size_t bit = 0; bit < good.size() * 8; ++bit) {
    Bytes bad = good;
    bad[bit / 8] ^= uint8_t(1 << bit % 8);
    ASSERT_TRUE(refuses(bad)) << "bit " << bit;
  }
  Bytes longer = good;
  longer.push_back(0);
  EXPECT_TRUE(refuses(longer));
  EXPECT_TRUE(refuses(encodeModule(moduleOf(3)))) << "another program under this name";
  ASSERT_EQ(told.size(), 1u) << "once";
  EXPECT_NE(told[0].find(hexOf(module.id)), std::string::npos) << told[0];
  write(path, good);
  ASSERT_NE(store.load(module.id), nullptr);

  write(path, {});
  ASSERT_EQ(truncate(path.c_str(), ProgramStore::kMaxProgramBytes + 1), 0);
  EXPECT_EQ(store.load(module.id), nullptr);
  EXPECT_FALSE(fs::exists(path));
}

TEST_F(ProgramStoreTest, removesWhatAnotherVersionHasWrittenWithoutAWord) {
  ProgramStore store = make();
  const ProgramModule module = moduleOf(2);
  ASSERT_TRUE(store.store(module));
  const fs::path path = pathOf(folder, module.id);
  Bytes older = contentOf(path);
  ++older[4];
  write(path, older);
  EXPECT_EQ(store.load(module.id), nullptr);
  EXPECT_FALSE(fs::exists(path));
  EXPECT_TRUE(told.empty()) << told[0];
  ASSERT_TRUE(store.store(module));
  EXPECT_NE(store.load(module.id), nullptr);
}

TEST_F(ProgramStoreTest, followsNoLinkBelowItsFolder) {
  const ProgramModule module = moduleOf(4);
  const fs::path path = pathOf(folder, module.id), elsewhere = folder + "/elsewhere";
  ProgramStore store = make();
  ASSERT_TRUE(store.store(module));
  for (bool dangling : {false, true}) {  // the file
    fs::rename(path, elsewhere);
    fs::create_symlink(dangling ? fs::path(folder + "/nowhere") : elsewhere, path);
    EXPECT_EQ(store.load(module.id), nullptr);
    EXPECT_TRUE(fs::is_symlink(path)) << "not ours to remove";
    ASSERT_TRUE(store.store(module));
    EXPECT_TRUE(fs::is_regular_file(fs::symlink_status(path)));
    EXPECT_FALSE(fs::exists(folder + "/nowhere"));
    ASSERT_NE(store.load(module.id), nullptr);
  }
  ASSERT_EQ(told.size(), 1u);
  fs::remove(elsewhere);
  for (const fs::path& inner : {path.parent_path(), path.parent_path().parent_path()}) {  // the folders
    ProgramStore another = make();
    told.clear();
    fs::rename(inner, elsewhere);
    fs::create_directory_symlink(elsewhere, inner);
    EXPECT_EQ(another.load(module.id), nullptr);
    EXPECT_FALSE(another.store(moduleOf(4)));
    EXPECT_EQ(told.size(), 1u);
    fs::remove(inner);
    fs::rename(elsewhere, inner);
    ASSERT_NE(another.load(module.id), nullptr);
  }
  fs::create_directory_symlink(folder, folder + "/link");  // the folder itself
  EXPECT_NE(ProgramStore(folder + "/link").load(module.id), nullptr);
  EXPECT_TRUE(ProgramStore(folder + "/link").store(moduleOf(5)));
}

TEST_F(ProgramStoreTest, takesNothingThatIsNoFileOfOurs) {
  const ProgramModule module = moduleOf(6);
  const fs::path path = pathOf(folder, module.id);
  ProgramStore store = make();
  ASSERT_TRUE(store.store(module));
  ASSERT_EQ(chmod(path.c_str(), 0606), 0);
  EXPECT_EQ(store.load(module.id), nullptr) << "anyone may have written it";
  fs::remove(path);
  ASSERT_EQ(mkfifo(path.c_str(), 0600), 0);
  EXPECT_EQ(store.load(module.id), nullptr) << "a pipe, and nobody at its other end";
  fs::remove(path);
  fs::create_directory(path);
  EXPECT_EQ(store.load(module.id), nullptr);
  EXPECT_FALSE(store.store(module));
  fs::remove(path);
  EXPECT_TRUE(filesOf(folder, ".tmp").empty());
  EXPECT_EQ(told.size(), 2u) << "refused, and not written";

  ASSERT_TRUE(store.store(module));
  for (const fs::path& place : {fs::path(folder), fs::path(folder + "/programs"), path.parent_path()}) {
    struct stat before {};
    ASSERT_EQ(stat(place.c_str(), &before), 0);
    ASSERT_EQ(chmod(place.c_str(), 0775), 0);
    EXPECT_NE(store.load(module.id), nullptr) << "our own, where a group of our choice may write";
    for (const mode_t everybody : {0777, 01777, 0702}) {
      ASSERT_EQ(chmod(place.c_str(), everybody), 0);
      told.clear();
      ProgramStore another = make();
      EXPECT_EQ(another.load(module.id), nullptr) << place << ", our own, where everybody may write";
      EXPECT_FALSE(another.store(module)) << place;
      EXPECT_EQ(told.size(), 1u);
    }
    ASSERT_EQ(chmod(place.c_str(), before.st_mode & 07777), 0);
  }

  if (geteuid() != 0) GTEST_SKIP() << "files of another user take root to make";
  ASSERT_EQ(chown(path.c_str(), 12345, 12345), 0);
  EXPECT_EQ(store.load(module.id), nullptr) << "another user's";
  ASSERT_TRUE(store.store(module)) << "replaces it";
  ASSERT_NE(store.load(module.id), nullptr);
  for (const fs::path& place : {fs::path(folder), fs::path(folder + "/programs"), path.parent_path()}) {
    struct stat before {};
    ASSERT_EQ(stat(place.c_str(), &before), 0);
    ASSERT_EQ(chown(place.c_str(), 12345, 12345), 0);
    EXPECT_NE(store.load(module.id), nullptr) << "another user's, where that user alone may write";
    ASSERT_EQ(chmod(place.c_str(), 0775), 0);
    told.clear();
    ProgramStore another = make();
    EXPECT_EQ(another.load(module.id), nullptr) << place;
    EXPECT_FALSE(another.store(module)) << place;
    EXPECT_EQ(told.size(), 1u);
    ASSERT_EQ(chown(place.c_str(), before.st_uid, before.st_gid), 0);
    ASSERT_EQ(chmod(place.c_str(), before.st_mode & 07777), 0);
  }
}

TEST_F(ProgramStoreTest, goesOnWithoutADisk) {
  const size_t files = openFiles();
  write(folder + "/file", Bytes{1});
  for (const std::string& place : {folder + "/file", folder + "/file/below", std::string("/proc/self/none"),
                                   folder + "/" + std::string(300, 'x')}) {
    told.clear();
    ProgramStore store(place, {}, [&](const std::string& problem) { told.push_back(problem); });
    for (int i = 0; i < 3; ++i) {
      EXPECT_FALSE(store.store(moduleOf(7))) << place;
      EXPECT_FALSE(store.storeWarmUp(std::vector{moduleOf(7).id}));
    }
    ASSERT_EQ(told.size(), 1u) << place;
    EXPECT_EQ(store.load(moduleOf(7).id), nullptr);
    EXPECT_TRUE(store.loadWarmUp().empty());
  }
  ProgramStore thrower(folder + "/file", {}, [](const std::string&) { throw std::runtime_error("not here"); });
  EXPECT_FALSE(thrower.store(moduleOf(7)));
  EXPECT_EQ(openFiles(), files);
}

TEST_F(ProgramStoreTest, keepsTheLastUsedWithinItsLimits) {
  for (bool byBytes : {false, true}) {
    SCOPED_TRACE(byBytes ? "bytes" : "files");
    fs::remove_all(folder);
    const uint64_t each = encodeModule(moduleOf(10)).size();
    const StoreLimits limits = byBytes ? StoreLimits{each * 40, 1000000} : StoreLimits{uint64_t{1} << 30, 40};
    auto store = std::make_unique<ProgramStore>(folder, limits);
    for (uint32_t i = 10; i < 50; ++i) {
      ASSERT_TRUE(store->store(moduleOf(i)));
      setAge(pathOf(folder, moduleOf(i).id), 7200 - i);
    }
    EXPECT_EQ(filesOf(folder, ".swp").size(), 40u);
    for (uint32_t i = 10; i < 13; ++i) ASSERT_NE(store->load(moduleOf(i).id), nullptr);  // the oldest, used again
    store = std::make_unique<ProgramStore>(folder, limits);
    ASSERT_TRUE(store->store(moduleOf(50)));
    EXPECT_EQ(filesOf(folder, ".swp").size(), 35u);
    for (uint32_t i = 10; i < 51; ++i) EXPECT_EQ(fs::exists(pathOf(folder, moduleOf(i).id)), i < 13 || i >= 19) << i;
    for (uint32_t i = 51; i < 150; ++i) {
      ASSERT_TRUE(store->store(moduleOf(i)));
      ASSERT_LE(filesOf(folder, ".swp").size(), 40u) << i;
      ASSERT_TRUE(fs::exists(pathOf(folder, moduleOf(i).id))) << "what was stored last stays";
      if (i % 8 == 0) setAge(pathOf(folder, moduleOf(i).id), 10);
    }
  }
  int told = 0;
  ProgramStore tiny(folder, {100, 10}, [&](const std::string&) { ++told; });
  EXPECT_FALSE(tiny.store(moduleOf(11, 1000)));
  EXPECT_EQ(told, 1);
}

TEST_F(ProgramStoreTest, looksAtTheWholeFolderOnceForAllThatShareItsRoom) {
  const auto room = std::make_shared<ProgramStore::Room>();
  ASSERT_TRUE(ProgramStore(folder, {}, {}, room).store(moduleOf(1)));
  const std::string left = (fs::path(pathOf(folder, moduleOf(1).id)).parent_path() / ".switchyard-9.tmp").string();
  write(left, Bytes{1});  // of a process that has died: goes when somebody looks
  ASSERT_TRUE(ProgramStore(folder, {}, {}, room).store(moduleOf(2)));
  EXPECT_TRUE(fs::exists(left));
  ASSERT_TRUE(ProgramStore(folder).store(moduleOf(3)));
  EXPECT_FALSE(fs::exists(left));
}

TEST_F(ProgramStoreTest, notesAUseOnceAMinute) {
  ProgramStore store = make();
  const ProgramModule module = moduleOf(12);
  ASSERT_TRUE(store.store(module));
  auto ageAfterLoad = [&](int64_t age) {
    struct stat status {};
    setAge(pathOf(folder, module.id), age);
    EXPECT_NE(store.load(module.id), nullptr);
    EXPECT_EQ(stat(pathOf(folder, module.id).c_str(), &status), 0);
    return time(nullptr) - status.st_mtim.tv_sec;
  };
  EXPECT_GE(ageAfterLoad(30), 30);
  EXPECT_LT(ageAfterLoad(120), 20);
  EXPECT_GT(ageAfterLoad(-3600), -5) << "a clock that was wrong";
}

TEST_F(ProgramStoreTest, keepsTheWarmUpList) {
  ProgramStore store = make();
  EXPECT_TRUE(store.loadWarmUp().empty());
  std::vector<ProgramId> ids;
  for (uint32_t i = 0; i < 5000; ++i) ids.push_back(moduleOf(i, 0).id);
  ASSERT_TRUE(store.storeWarmUp(ids));
  const std::vector<ProgramId> all = store.loadWarmUp();
  EXPECT_EQ(all, std::vector<ProgramId>(ids.begin(), ids.begin() + 4096));
  ASSERT_TRUE(store.storeWarmUp(std::span(ids).first(3)));
  const fs::path path = folder + "/warm-up.swl";
  const Bytes good = contentOf(path);
  EXPECT_EQ(store.loadWarmUp().size(), 3u);
  EXPECT_TRUE(told.empty());
  for (size_t at = 0; at < good.size(); ++at) {
    Bytes bad = good;
    bad[at] ^= 0x10;
    write(path, bad);
    ASSERT_TRUE(store.loadWarmUp().empty()) << at;
    ASSERT_FALSE(fs::exists(path));
    write(path, Bytes(good.begin(), good.begin() + std::ptrdiff_t(at)));
    ASSERT_TRUE(store.loadWarmUp().empty()) << at;
    ASSERT_FALSE(fs::exists(path));
  }
  EXPECT_EQ(told.size(), 1u);
  fs::create_symlink(pathOf(folder, moduleOf(1).id), path);
  EXPECT_TRUE(store.loadWarmUp().empty());
  ASSERT_TRUE(store.storeWarmUp({}));
  EXPECT_TRUE(fs::is_regular_file(fs::symlink_status(path)));
}

}  // namespace
}  // namespace switchyard::test
