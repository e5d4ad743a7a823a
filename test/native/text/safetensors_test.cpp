// Safetensors files: what is there, what is refused, and what becomes of a file that changes while it is open.
#include "text/safetensors.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>

namespace switchyard::text {
namespace {

class SafetensorsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (std::filesystem::temp_directory_path() / "switchyard-safetensors-XXXXXX").string();
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
    path_ = folder_ + "/model.safetensors";
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  // With so many bytes behind the header, counting up from 0; `length`: what the header's length says, if not itself.
  void write(const std::string& header, size_t bytes, int64_t length = -1) const {
    std::ofstream file(path_, std::ios::binary | std::ios::trunc);
    const uint64_t told = length < 0 ? header.size() : static_cast<uint64_t>(length);
    file.write(reinterpret_cast<const char*>(&told), sizeof(told));
    file << header;
    for (size_t i = 0; i < bytes; ++i) file.put(static_cast<char>(i));
  }
  void expectRefused(const std::string& header, size_t bytes, const std::string& part, int64_t length = -1) const {
    write(header, bytes, length);
    try {
      const Safetensors file(path_);
      ADD_FAILURE() << "it was taken: " << header;
    } catch (const Error& error) {
      EXPECT_EQ(error.code, Code::InvalidArgument);
      EXPECT_NE(std::string(error.what()).find(part), std::string::npos) << error.what();
      EXPECT_NE(std::string(error.what()).find(path_), std::string::npos) << error.what();
    }
  }
  std::string folder_, path_;
};

TEST_F(SafetensorsTest, TellsWhatIsThereAndReadsIt) {
  write(R"({"__metadata__":{"format":"pt"},"b":{"dtype":"F32","shape":[2],"data_offsets":[3,11]},)"
        R"("a":{"dtype":"U8","shape":[3],"data_offsets":[0,3]},)"
        R"("none":{"dtype":"I64","shape":[0,4],"data_offsets":[11,11]},)"
        R"("scalar":{"dtype":"BF16","shape":[],"data_offsets":[11,13]}}   )",
        13);
  const Safetensors file(path_);
  ASSERT_EQ(file.tensors().size(), 4u);
  EXPECT_EQ(file.tensors()[0].name, "a");  // as they lie there
  const StoredTensor* b = file.find("b");
  ASSERT_NE(b, nullptr);
  EXPECT_EQ(b->dtype, DType::Float32);
  EXPECT_EQ(b->shape, (std::vector<uint64_t>{2}));
  EXPECT_EQ(b->bytes, 8u);
  std::vector<std::byte> into(8);
  file.read(*b, into);  // from an odd place of the file
  for (size_t i = 0; i < into.size(); ++i) EXPECT_EQ(static_cast<size_t>(into[i]), i + 3);
  EXPECT_FALSE(file.find("none")->dtype.has_value());
  EXPECT_EQ(file.find("scalar")->bytes, 2u);
  EXPECT_EQ(file.find("c"), nullptr);
  EXPECT_THROW(file.read(*b, std::span(into).first(4)), Error);
}

TEST_F(SafetensorsTest, RefusesWhatIsNoFile) {
  try {
    const Safetensors file(folder_ + "/none");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code, Code::NotFound);
  }
  EXPECT_THROW(const Safetensors file(folder_), Error);
  ASSERT_EQ(::mkfifo(path_.c_str(), 0600), 0);
  EXPECT_THROW(const Safetensors file(path_), Error);
}

TEST_F(SafetensorsTest, RefusesLengthsThatCannotBe) {
  { std::ofstream(path_) << "abc"; }
  EXPECT_THROW(const Safetensors file(path_), Error);
  expectRefused("{}", 0, "only 2 follow", 3);
  expectRefused("{}", 0, "at most 100000000 are taken", int64_t{1} << 62);
  expectRefused("", 0, "is not JSON", 0);
}

TEST_F(SafetensorsTest, RefusesHeadersThatLie) {
  const auto one = [](const std::string& fields) { return "{\"a\":{" + fields + "}}"; };
  expectRefused("[]", 0, "no JSON object");
  expectRefused("{\"a\":", 0, "is not JSON");
  expectRefused("{\"a\":1}", 0, "tensor 'a', which is no object");
  expectRefused(one(R"("dtype":"F32","shape":[1])"), 4, "tensor 'a' without data_offsets");
  expectRefused(one(R"("dtype":"F33","shape":[1],"data_offsets":[0,4])"), 4, "which is not known");
  expectRefused(one(R"("dtype":5,"shape":[1],"data_offsets":[0,4])"), 4, "which is not known");
  expectRefused(one(R"("dtype":"F32","shape":1,"data_offsets":[0,4])"), 4, "no array of whole numbers");
  expectRefused(one(R"("dtype":"F32","shape":[1.5],"data_offsets":[0,4])"), 4, "no array of whole numbers");
  expectRefused(one(R"("dtype":"F32","shape":[-1],"data_offsets":[0,4])"), 4, "no array of whole numbers");
  expectRefused(one(R"("dtype":"F32","shape":[1],"data_offsets":[0])"), 4, "no two whole numbers");
  expectRefused(one(R"("dtype":"F32","shape":[1],"data_offsets":[0,8])"), 8, "not those of as many bytes");
  expectRefused(one(R"("dtype":"F32","shape":[1],"data_offsets":[4,0])"), 4, "not those of as many bytes");
  expectRefused(one(R"("dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,4])"), 4, "not those");
  expectRefused(one(R"("dtype":"F32","shape":[2],"data_offsets":[0,8])"), 4, "only 4 bytes follow the header");
}

TEST_F(SafetensorsTest, RefusesWhatNoStackHolds) {
  const std::string deep = std::string(100'000, '[') + std::string(100'000, ']');
  expectRefused(R"({"a":{"dtype":)" + deep + R"(,"shape":[1],"data_offsets":[0,1]}})", 1, "more than 64 deep");
}

TEST_F(SafetensorsTest, RefusesPlacesThatOverlapOrLeaveHoles) {
  const auto two = [](const std::string& first, const std::string& second) {
    return R"({"a":{"dtype":"U8","shape":[4],"data_offsets":)" + first +
           R"(},"b":{"dtype":"U8","shape":[4],"data_offsets":)" + second + "}}";
  };
  write(two("[0,4]", "[4,8]"), 8);
  EXPECT_NO_THROW(const Safetensors file(path_));
  expectRefused(two("[0,4]", "[2,6]"), 8, "they overlap");
  expectRefused(two("[0,4]", "[0,4]"), 8, "they overlap");
  expectRefused(two("[0,4]", "[5,9]"), 9, "there is a hole");
  expectRefused(two("[1,5]", "[5,9]"), 9, "there is a hole");
  expectRefused(two("[0,4]", "[4,8]"), 9, "1 bytes behind its last tensor");
}

TEST_F(SafetensorsTest, RefusesANameThatComesTwice) {
  expectRefused(
      R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}})", 1,
      "has 'a' twice");
  expectRefused(R"({"a":{"dtype":"U8","shape":[1],"shape":[2],"data_offsets":[0,1]}})", 1, "has 'shape' twice in 'a'");
}

TEST_F(SafetensorsTest, AFileThatBecomesShorterIsAnError) {
  write(R"({"a":{"dtype":"U8","shape":[100000],"data_offsets":[0,100000]}})", 100000);
  const Safetensors file(path_);
  ASSERT_EQ(::truncate(path_.c_str(), 5000), 0);
  std::vector<std::byte> into(100000);
  try {
    file.read(*file.find("a"), into);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code, Code::InvalidArgument);
    EXPECT_NE(std::string(error.what()).find("ends before tensor 'a' does"), std::string::npos) << error.what();
  }
}

TEST_F(SafetensorsTest, AFileThatIsReplacedStaysTheOneThatWasOpened) {
  const std::string header = R"({"a":{"dtype":"U8","shape":[3],"data_offsets":[0,3]}})";
  write(header, 3);
  const Safetensors file(path_);
  std::filesystem::rename(path_, path_ + ".old");
  write("{}", 0);
  std::vector<std::byte> into(3);
  file.read(*file.find("a"), into);
  EXPECT_EQ(into[2], std::byte{2});
}

}  // namespace
}  // namespace switchyard::text
