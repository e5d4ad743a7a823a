// Variables lie apart from each other, so that the address sanitizer sees what runs past one.
#include "shared_memory.h"

#include <cstring>
#include <new>

#include "cuda_shim.h"

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(at, bytes) ((void)(at), (void)(bytes))
#define ASAN_UNPOISON_MEMORY_REGION(at, bytes) ((void)(at), (void)(bytes))
#endif

namespace switchyard::cuda_shim {
namespace {

constexpr size_t kApart = 64, kMostVariables = 64;
constexpr size_t kRoomBytes = kSharedBytes + 2 * kApart * kMostVariables;
constexpr std::align_val_t kRoomAlignment{kApart};
constexpr int kGarbage = 0xFF;  // a NaN, the largest number, no bool

}  // namespace

SharedMemory::SharedMemory() : memory_(static_cast<std::byte*>(::operator new(kRoomBytes, kRoomAlignment))) { clear(); }

SharedMemory::~SharedMemory() {
  ASAN_UNPOISON_MEMORY_REGION(memory_, kRoomBytes);
  ::operator delete(memory_, kRoomAlignment);
}

void SharedMemory::clear() {
  variables_.clear();
  used_ = kApart, asked_ = 0;
  ASAN_POISON_MEMORY_REGION(memory_, kRoomBytes);
}

void* SharedMemory::of(const void* place, size_t bytes, size_t alignment) {
  for (const Variable& variable : variables_)
    if (variable.place == place) return variable.at;
  asked_ = (asked_ + alignment - 1) / alignment * alignment + bytes;
  if (asked_ > kSharedBytes || variables_.size() == kMostVariables) return nullptr;
  std::byte* const at = memory_ + used_;
  used_ += (bytes + kApart - 1) / kApart * kApart + kApart;
  ASAN_UNPOISON_MEMORY_REGION(at, bytes);
  std::memset(at, kGarbage, bytes);
  variables_.push_back({place, at});
  return at;
}

bool SharedMemory::holds(const void* at) const {
  const auto* byte = static_cast<const std::byte*>(at);
  return byte >= memory_ && byte < memory_ + kRoomBytes;
}

}  // namespace switchyard::cuda_shim
