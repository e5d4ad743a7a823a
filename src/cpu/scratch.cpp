// Memory from the system, and the pieces each thread keeps.
#include "cpu/scratch.h"

#include <sys/mman.h>

#include <cstdint>
#include <cstdlib>
#include <string>

#include "error.h"

namespace switchyard::cpu {
namespace {

constexpr size_t kHugePage = size_t{2} << 20;
constexpr size_t kKeptBytes = size_t{2} << 20;  // of each kept piece
constexpr int kSlots = 3;

struct KeptPiece {
  void* memory = nullptr;
  size_t bytes = 0;
  bool busy = false;
};

struct Kept {
  KeptPiece pieces[kSlots];
  ~Kept() {
    for (KeptPiece& piece : pieces)
      if (piece.memory) freeMemory(piece.memory, piece.bytes);
  }
};
thread_local Kept kept;

size_t roundUp(size_t value, size_t step) { return (value + step - 1) / step * step; }

}  // namespace

void* allocateMemory(size_t bytes) noexcept {
  if (bytes > SIZE_MAX / 2) return nullptr;
  if (bytes < kHugePage) return std::aligned_alloc(64, roundUp(bytes ? bytes : 1, 64));
  // Over-reserve, then give the ends back, so that the range starts on a huge page.
  const size_t length = roundUp(bytes, kHugePage);
  void* const reserved = mmap(nullptr, length + kHugePage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (reserved == MAP_FAILED) return nullptr;
  std::byte* const from = static_cast<std::byte*>(reserved);
  std::byte* const memory =
      from + (roundUp(reinterpret_cast<uintptr_t>(from), kHugePage) - reinterpret_cast<uintptr_t>(from));
  if (memory > from) munmap(from, static_cast<size_t>(memory - from));
  const size_t after = kHugePage - static_cast<size_t>(memory - from);
  if (after) munmap(memory + length, after);
  (void)madvise(memory, length, MADV_HUGEPAGE);  // small pages work too, only slower
  return memory;
}

void freeMemory(void* memory, size_t bytes) noexcept {
  if (!memory) return;
  if (bytes < kHugePage)
    std::free(memory);
  else
    munmap(memory, roundUp(bytes, kHugePage));
}

Scratch::Scratch(size_t bytes) : memory_(nullptr), bytes_(bytes), slot_(-1) {
  if (bytes <= kKeptBytes) {
    for (int i = 0; i < kSlots; ++i) {
      KeptPiece& piece = kept.pieces[i];
      if (piece.busy) continue;
      if (piece.bytes < bytes) {
        freeMemory(piece.memory, piece.bytes);
        size_t size = 4096;
        while (size < bytes) size *= 2;
        piece.memory = allocateMemory(size);
        piece.bytes = piece.memory ? size : 0;
      }
      if (!piece.memory) break;
      piece.busy = true;
      slot_ = i;
      memory_ = piece.memory;
      return;
    }
  }
  memory_ = allocateMemory(bytes);
  if (!memory_)
    throw Error(Code::OutOfMemory, "no " + std::to_string(bytes) + " bytes of working memory for a CPU kernel");
}

Scratch::~Scratch() {
  if (slot_ >= 0)
    kept.pieces[slot_].busy = false;
  else
    freeMemory(memory_, bytes_);
}

}  // namespace switchyard::cpu
