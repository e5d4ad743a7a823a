// The folder of cache files as the pipeline cache of Vulkan uses it; store_test.cpp has what programs ask of
// it.
#include "cache_folder.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <thread>

#include "vulkan/cache_file.h"

namespace switchyard::test {
namespace {

namespace fs = std::filesystem;
using Bytes = std::vector<uint8_t>;

class CacheFolderTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "switchyard-cache-XXXXXX").string();
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    folder = name;
    if (const char* value = std::getenv("SHADER_CACHE_DIR")) before = value;
    setenv("SHADER_CACHE_DIR", folder.c_str(), 1);
  }
  void TearDown() override {
    before ? setenv("SHADER_CACHE_DIR", before->c_str(), 1) : unsetenv("SHADER_CACHE_DIR");
    fs::remove_all(folder);
  }
  std::string folder;
  std::optional<std::string> before;
};

TEST_F(CacheFolderTest, keepsAPipelineCache) {
  const vulkan::CacheFile file("test");
  const Bytes data(1000, 7), more(2000, 8);
  EXPECT_TRUE(file.load().empty());
  ASSERT_TRUE(file.store(data));
  EXPECT_EQ(file.load(), data);
  ASSERT_TRUE(file.store(more));
  EXPECT_EQ(vulkan::CacheFile("test").load(), more);
  ASSERT_TRUE(file.store({}));
  EXPECT_TRUE(file.load().empty());
  struct stat status {};
  ASSERT_EQ(stat((folder + "/vulkan-test.bin").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600u);
  EXPECT_EQ(std::distance(fs::directory_iterator(folder), {}), 1);
}

TEST_F(CacheFolderTest, believesNoDamagedPipelineCache) {
  const vulkan::CacheFile file("test");
  const fs::path path = folder + "/vulkan-test.bin";
  const Bytes data(100, 7);
  ASSERT_TRUE(file.store(data));
  const size_t size = fs::file_size(path);
  ASSERT_GT(size, data.size() + 32);
  for (size_t at = 0; at < size; ++at)
    for (bool cut : {false, true}) {
      ASSERT_TRUE(file.store(data));
      if (cut) {
        fs::resize_file(path, at);
      } else {
        std::fstream edit(path, std::ios::binary | std::ios::in | std::ios::out);
        edit.seekg(std::streamoff(at));
        const char old = char(edit.get());
        edit.seekp(std::streamoff(at));
        edit.put(char(old ^ 4));
      }
      ASSERT_TRUE(file.load().empty()) << at << (cut ? " bytes left" : " is wrong");
      ASSERT_FALSE(fs::exists(path));
    }
}

TEST_F(CacheFolderTest, leadsNoPipelineCacheAstray) {
  const vulkan::CacheFile file("test");
  const fs::path path = folder + "/vulkan-test.bin", elsewhere = folder + "/elsewhere";
  const Bytes data(100, 7), more(200, 8);
  ASSERT_TRUE(file.store(data));
  fs::rename(path, elsewhere);
  fs::create_symlink(elsewhere, path);
  EXPECT_TRUE(file.load().empty());
  ASSERT_TRUE(file.store(more)) << "in the link's place";
  EXPECT_TRUE(fs::is_regular_file(fs::symlink_status(path)));
  EXPECT_EQ(file.load(), more);
  fs::remove(path);
  fs::rename(elsewhere, path);
  EXPECT_EQ(file.load(), data) << "what the link pointed to is as it was";
  setenv("SHADER_CACHE_DIR", path.c_str(), 1);  // a file
  EXPECT_FALSE(vulkan::CacheFile("test").store(data));
  EXPECT_TRUE(vulkan::CacheFile("test").load().empty());
}

TEST_F(CacheFolderTest, sweepsNothingAwayThatIsBeingWritten) {
  const CacheFolder writers = CacheFolder::open(folder, CacheFolder::Missing::Leave);
  const Bytes data(8 << 20, 7);
  std::atomic<int> writing{20};
  std::thread writer([&] {
    for (; writing > 0; --writing) EXPECT_TRUE(writers.write("file", data));
  });
  size_t sweeps = 0;
  for (; writing > 0; ++sweeps) {
    for (const CacheFolder::Entry& entry : CacheFolder::open(folder, CacheFolder::Missing::Leave).sweep()) {
      EXPECT_EQ(entry.name, "file");
      EXPECT_EQ(entry.bytes, data.size());
    }
  }
  writer.join();
  EXPECT_GT(sweeps, 20u);
  EXPECT_EQ(std::distance(fs::directory_iterator(folder), {}), 1);
}

}  // namespace
}  // namespace switchyard::test
