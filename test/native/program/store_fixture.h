// What the tests of programs on disk share: a folder, programs that can be told apart, and what one does to files.
#pragma once
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <random>

#include "program/store/store.h"

namespace switchyard::test {

namespace fs = std::filesystem;
using Bytes = std::vector<uint8_t>;

// A folder of its own for each test.
class ProgramStoreTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "switchyard-store-XXXXXX").string();
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    folder = name;
  }
  void TearDown() override { fs::remove_all(folder); }
  ProgramStore make(StoreLimits limits = {}) {
    return ProgramStore(folder, limits, [this](const std::string& problem) { told.push_back(problem); });
  }
  std::string folder;
  std::vector<std::string> told;
};

// The same number, the same program: whoever loads it can tell whether it is right.
inline ProgramModule moduleOf(uint32_t number, size_t words = 40) {
  ProgramModule module;
  std::mt19937 random(number);
  for (uint8_t& byte : module.id) byte = uint8_t(random());
  module.info.name = "program " + std::to_string(number);
  module.info.bindings.resize(2);
  module.info.bindings[1].name = "result";
  module.info.params.push_back({"scale"});
  module.compute.resize(words);
  for (uint32_t& word : module.compute) word = random();
  return module;
}

inline fs::path pathOf(const fs::path& folder, const ProgramId& id) {
  return folder / "programs" / hexOf(id).substr(0, 2) / (hexOf(id) + ".swp");
}
inline Bytes contentOf(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return Bytes(std::istreambuf_iterator<char>(file), {});
}
inline void write(const fs::path& path, std::span<const uint8_t> bytes) {
  std::ofstream(path, std::ios::binary)
      .write(reinterpret_cast<const char*>(bytes.data()), std::streamsize(bytes.size()));
  chmod(path.c_str(), 0600);
}
inline void setAge(const fs::path& path, int64_t seconds) {
  const timespec then{time(nullptr) - seconds, 0};
  const timespec times[2] = {then, then};
  ASSERT_EQ(utimensat(AT_FDCWD, path.c_str(), times, 0), 0);
}
inline std::vector<fs::path> filesOf(const fs::path& folder, const std::string& ending) {
  std::vector<fs::path> found;
  if (fs::exists(folder))
    for (const auto& entry : fs::recursive_directory_iterator(folder))
      if (entry.path().string().ends_with(ending)) found.push_back(entry.path());
  return found;
}
inline size_t openFiles() {
  auto files = fs::directory_iterator("/proc/self/fd");
  return size_t(std::distance(begin(files), end(files)));
}

}  // namespace switchyard::test
