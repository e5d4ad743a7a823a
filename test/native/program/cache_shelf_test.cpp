// A shelf of the cache folder: what is kept, what goes first, and what is never believed.
#include "cache_shelf.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "cache_folder.h"

namespace switchyard::test {
namespace {

namespace fs = std::filesystem;
using Bytes = std::vector<uint8_t>;

class CacheShelfTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "switchyard-shelf-XXXXXX").string();
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    folder = name;
  }
  void TearDown() override { fs::remove_all(folder); }
  CacheShelf shelf(uint64_t mostBytes = 1 << 20) const { return {folder, "text", "testing1", mostBytes}; }
  fs::path pathOf(const std::string& file) const { return folder + "/text/" + file; }
  // As if it had been used so many minutes ago.
  void age(const std::string& file, int minutes) const {
    fs::last_write_time(pathOf(file), fs::file_time_type::clock::now() - std::chrono::minutes(minutes));
  }
  std::string folder;
};

TEST_F(CacheShelfTest, keepsWhatItIsGiven) {
  const Bytes data(1000, 7), more(2000, 8);
  EXPECT_FALSE(shelf().read("a"));
  EXPECT_FALSE(fs::exists(folder + "/text")) << "reading makes no folder";
  ASSERT_TRUE(shelf().write("a", data));
  EXPECT_EQ(shelf().read("a"), data);
  ASSERT_TRUE(shelf().write("a", more));
  EXPECT_EQ(shelf().read("a"), more);
  ASSERT_TRUE(shelf().write("empty", {}));
  EXPECT_EQ(shelf().read("empty"), Bytes());
  Bytes into;
  const auto room = [&](uint64_t bytes) { return std::span(into = Bytes(bytes)); };
  EXPECT_TRUE(shelf().read("a", room));
  EXPECT_EQ(into, more);
  EXPECT_FALSE(shelf().read("b", room));
  EXPECT_FALSE(shelf().read("b"));
  struct stat status {};
  ASSERT_EQ(stat(pathOf("a").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600u);
  EXPECT_FALSE((CacheShelf{"", "text", "testing1", 100}.write("a", data)));
  EXPECT_FALSE((CacheShelf{"", "text", "testing1", 100}.read("a")));
}

TEST_F(CacheShelfTest, letsTheOldestUsedGoFirst) {
  const Bytes data(1000, 7);
  const CacheShelf small = shelf(4400);  // four files with their seals
  for (const char* name : {"a", "b", "c", "d"}) ASSERT_TRUE(small.write(name, data));
  for (int i = 0; const char* name : {"a", "b", "c", "d"}) age(name, 40 - 10 * i++);
  EXPECT_TRUE(small.read("a")) << "which marks it as used";
  ASSERT_TRUE(small.write("e", data));
  EXPECT_TRUE(fs::exists(pathOf("a")));
  EXPECT_FALSE(fs::exists(pathOf("b")));
  EXPECT_TRUE(fs::exists(pathOf("d")));
  EXPECT_TRUE(fs::exists(pathOf("e")));
  EXPECT_FALSE(small.write("large", Bytes(4401, 1))) << "by itself beyond the limit";
  EXPECT_TRUE(fs::exists(pathOf("a")));
}

TEST_F(CacheShelfTest, believesNothingThatIsDamaged) {
  const Bytes data(100, 7);
  ASSERT_TRUE(shelf().write("a", data));
  const size_t size = fs::file_size(pathOf("a"));
  for (size_t at = 0; at < size; ++at) {
    ASSERT_TRUE(shelf().write("a", data));
    std::fstream edit(pathOf("a"), std::ios::binary | std::ios::in | std::ios::out);
    edit.seekg(std::streamoff(at));
    const char old = char(edit.get());
    edit.seekp(std::streamoff(at));
    edit.put(char(old ^ 4));
    edit.close();
    ASSERT_THROW(shelf().read("a"), CacheError) << at;
    ASSERT_FALSE(fs::exists(pathOf("a")));
  }
  ASSERT_TRUE(shelf().write("a", data));
  fs::resize_file(pathOf("a"), size - 1);
  EXPECT_THROW(shelf().read("a"), CacheError);
  ASSERT_TRUE(shelf().write("a", data));
  EXPECT_THROW((CacheShelf{folder, "text", "testing2", 1 << 20}.read("a")), CacheError) << "of another version";
}

TEST_F(CacheShelfTest, refusesWhatOthersMayWriteTo) {
  fs::permissions(folder, fs::perms::all);
  EXPECT_THROW(shelf().write("a", Bytes(10, 1)), CacheError);
  fs::permissions(folder, fs::perms::owner_all);
  ASSERT_TRUE(shelf().write("a", Bytes(10, 1)));
  fs::rename(pathOf("a"), folder + "/elsewhere");
  fs::create_symlink(folder + "/elsewhere", pathOf("a"));
  EXPECT_THROW(shelf().read("a"), CacheError) << "a link";
}

}  // namespace
}  // namespace switchyard::test
