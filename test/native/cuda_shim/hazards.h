// What the threads of one block have read and written since they last met at a barrier, byte by byte.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <unordered_map>

#include "races.h"

namespace switchyard::cuda_shim {

// A thread, and how many barriers of its block and of its warp it has passed. Shuffles are none: they order no memory.
struct Moment {
  uint32_t block = 0, thread = 0, barriers = 0, warpBarriers = 0;
};

class Hazards {
 public:
  void beginLaunch();
  struct Finding {
    std::string text;               // "" or what is wrong
    bool isWriteOverWrite = false;  // of no consequence if both write the same
  };
  // Whether one thread writes what another one of its block touches, not atomically, and no barrier lies between.
  Finding touch(const Moment& now, const void* at, size_t bytes, Access access);

 private:
  static constexpr size_t kPageBytes = 64;
  // Marks, of two threads: of two warps where two have read since the last barrier, for so whoever writes meets one.
  struct Readers {
    uint64_t one = 0, other = 0;
  };
  struct Byte {
    uint64_t write = 0;
    Readers plain, atomic;
  };
  static void add(Readers& readers, uint64_t mark);
  struct Page {
    uint64_t launch = 0;
    Byte bytes[kPageBytes];
  };
  Page& pageOf(uintptr_t number);

  std::unordered_map<uintptr_t, Page> pages_;
  uintptr_t lastNumber_ = 0;
  Page* last_ = nullptr;
  uint64_t launch_ = 0;
};

}  // namespace switchyard::cuda_shim
