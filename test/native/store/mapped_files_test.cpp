// Files of the system's that are mapped: checked where they lie where the system has them in memory, else as they are
// read from the disk.
#include <fcntl.h>
#include <unistd.h>

#include <filesystem>
#include <random>

#include "store_fixture.h"

namespace switchyard::store::test {
namespace {

class MappedFiles : public ::testing::Test {
 protected:
  MappedFiles() : folder_(std::filesystem::temp_directory_path() / ("switchyard-mapped-" + hexadecimal(freshSalt()))) {
    std::filesystem::create_directory(folder_);
  }
  ~MappedFiles() override { std::filesystem::remove_all(folder_); }

  // Of 3 MB and a little; the second block is the one that is damaged.
  std::shared_ptr<DataFile> make() {
    std::string content(3 * kBlockBytes + 1000, 'c');
    std::mt19937_64 random(5);
    for (char& each : content) each = static_cast<char>(random());
    DataWriter writer(systemFiles(), folder_, ++last_);
    writer.append(asBytes(content.data(), content.size()));
    writer.finish();
    return DataFile::open(systemFiles(), folder_, last_);
  }
  static void flip(const DataFile& file, uint64_t offset) {
    const int opened = ::open(file.path().c_str(), O_RDWR | O_CLOEXEC);
    char byte = 0;
    ASSERT_EQ(::pread(opened, &byte, 1, static_cast<off_t>(offset)), 1);
    byte ^= 1;
    ASSERT_EQ(::pwrite(opened, &byte, 1, static_cast<off_t>(offset)), 1);
    ::close(opened);
  }
  static void letGo(const DataFile& file) {  // of what the system has in memory of it
    const int opened = ::open(file.path().c_str(), O_RDWR | O_CLOEXEC);
    ::fdatasync(opened);
    ::posix_fadvise(opened, 0, 0, POSIX_FADV_DONTNEED);
    ::close(opened);
  }

  const std::string folder_;

 private:
  uint64_t last_ = 0;
};

TEST_F(MappedFiles, AreCheckedWhereTheyLie) {
  for (const bool isMapped : {true, false}) {
    const auto file = make();
    const auto mapping = file->map();
    const Mapping* const seen = isMapped ? mapping.get() : nullptr;
    EXPECT_TRUE(mapping->isInMemory(0, file->bytes()));
    file->check(0, kBlockBytes, seen);
    flip(*file, kBlockBytes + 17);
    EXPECT_EQ(codeOf([&] { file->check(0, file->bytes(), seen); }), Code::Damaged);
    EXPECT_EQ(codeOf([&] { file->check(kBlockBytes + 5, 1, seen); }), Code::Damaged);
    EXPECT_FALSE(file->isChecked(0, file->bytes()));
    file->check(2 * kBlockBytes, file->bytes() - 2 * kBlockBytes, seen);
    flip(*file, kBlockBytes + 17);
    file->check(0, file->bytes(), seen);
    EXPECT_TRUE(file->isChecked(0, file->bytes()));
  }
}

TEST_F(MappedFiles, SayWhatIsInMemory) {
  const auto file = make();
  const auto mapping = file->map();
  const uint64_t bytes = file->bytes();
  EXPECT_TRUE(mapping->isInMemory(0, bytes));
  EXPECT_TRUE(mapping->isInMemory(bytes - 1, 1));
  EXPECT_FALSE(mapping->isInMemory(0, bytes + 1));
  EXPECT_FALSE(mapping->isInMemory(bytes + 1, 0));
  letGo(*file);
  if (mapping->isInMemory(0, bytes)) GTEST_SKIP() << "the temporary folder lies in memory, and stays there";
  file->check(0, bytes, mapping.get());
  EXPECT_TRUE(file->isChecked(0, bytes));
  letGo(*file);
  flip(*file, 3 * kBlockBytes + 999);
  letGo(*file);
  const auto again = DataFile::open(systemFiles(), folder_, file->id());
  EXPECT_EQ(codeOf([&] { again->check(0, bytes, mapping.get()); }), Code::Damaged);
}

// Large values go to the file from where they lie, in as many pieces as there are.
TEST_F(MappedFiles, LargeRecordsOfManyPieces) {
  const std::string path = folder_ + "/store";
  std::string expected;
  uint64_t id = 0;
  {
    auto store = Store::open(path, {});
    const auto work = [&] {
      while (store->work()) {}
    };
    store->perform([&] { id = store->collection("c"); });
    work();
    std::mt19937_64 random(6);
    for (const size_t each : {1, 7, 100'001, 1'000'003}) {
      for (const size_t pieces : {1, 3, 2000}) {
        if (each * pieces > 4'000'000) continue;
        const auto held = std::make_shared<std::string>(each * pieces, 'x');
        for (size_t i = 0; i < held->size(); i += 97) (*held)[i] = static_cast<char>(random());
        Write write{.kind = Kind::Record, .key = Store::keyOf(id), .holds = {held}};
        for (size_t i = 0; i < pieces; ++i) write.pieces.push_back(asBytes(held->data() + i * each, each));
        write.pieces.insert(write.pieces.begin() + 1, Bytes());
        bool isWell = false;
        write.done = [&](const Written& written) { isWell = !written.error; };
        store->write(std::move(write));
        work();
        EXPECT_TRUE(isWell);
        expected += *held;
      }
    }
  }  // without a close: the log is read from its records
  auto store = Store::open(path, {});
  std::string found;
  for (uint64_t after = 0;;) {
    const auto some = store->readRecords(id, after);
    if (some.empty()) break;
    for (const auto& [sequence, value] : some) found += textOf(value);
    after = some.back().first;
  }
  EXPECT_TRUE(found == expected);
  EXPECT_TRUE(store->verify().problems.empty());
}

}  // namespace
}  // namespace switchyard::store::test
