// What the blocks of one launch have read and written, byte by byte.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <unordered_map>

namespace switchyard::cuda_shim {

// Volatile reads are those that a kernel makes although others may be writing, atomically.
enum class Access { Read, Write, VolatileRead, VolatileWrite, Atomic };

class Races {
 public:
  void beginLaunch();
  // "" or what is wrong: `block` touches a byte that another one has touched, and one of them wrote, not atomically.
  std::string touch(uint64_t block, const void* at, size_t bytes, Access access);

 private:
  static constexpr size_t kPageBytes = 256;
  // Of a byte, who accessed it so: 0 nobody, kMany several, else the block's number + 1.
  struct Users {
    uint32_t reader, volatileReader, writer, atomic;
  };
  struct Page {
    uint64_t launch = 0;
    Users bytes[kPageBytes];
  };
  Page& pageOf(uintptr_t number);

  std::unordered_map<uintptr_t, Page> pages_;
  uintptr_t lastNumber_ = 0;
  Page* last_ = nullptr;
  uint64_t launch_ = 0;
};

}  // namespace switchyard::cuda_shim
