// What the tests of shared memory have in common: this process's heap and table, and a fixture that counts what they
// hold.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <functional>
#include <string>

#include "error.h"
#include "memory/shared_memory.h"

namespace switchyard::test {

using Block = std::shared_ptr<SharedBlock>;

inline SharedHeap& heap() { return SharedHeap::shared(); }
inline RegionTable& table() { return RegionTable::shared(); }

inline size_t openFiles() {
  auto files = std::filesystem::directory_iterator("/proc/self/fd");
  return size_t(std::distance(begin(files), end(files)));
}

// The code of the error that `call` must throw; its message goes to `text`.
inline Code codeOf(const std::function<void()>& call, std::string* text = nullptr) {
  try {
    call();
  } catch (const Error& error) {
    if (text) *text = error.what();
    return error.code;
  }
  ADD_FAILURE() << "nothing was thrown";
  return Code::Internal;
}

// As a peer could write it, past the owner.
inline Descriptor& descriptorOf(const Block& block) {
  return reinterpret_cast<Descriptor*>(block->region->data() + 4096)[block->descriptor];
}

// Each test leaves no block, no region and no open file behind.
class SharedMemory : public ::testing::Test {
 protected:
  void SetUp() override {
    heap().trim();
    heap().setMember(0);
    before_ = heap().use();
    files_ = openFiles();
    regions_ = table().all().size();
  }
  void TearDown() override {
    heap().trim();
    EXPECT_EQ(heap().use().blocks, before_.blocks);
    EXPECT_EQ(heap().use().usedBytes, before_.usedBytes);
    EXPECT_EQ(heap().use().regionBytes, before_.regionBytes);
    EXPECT_EQ(openFiles(), files_);
    EXPECT_EQ(table().all().size(), regions_);
  }

 private:
  SharedHeap::Use before_{};
  size_t files_ = 0, regions_ = 0;
};

}  // namespace switchyard::test
