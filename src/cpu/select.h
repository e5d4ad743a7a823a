// Choosing the best k of a stream of scored candidates, exactly: larger scores first, ties by lower index, NaN last.
#pragma once
#include <algorithm>
#include <cstdint>
#include <cstring>
#include <limits>

namespace switchyard::cpu {

// Orders "largest first" ascending, as kernels.def says: -0 as +0, NaN after everything.
inline uint32_t scoreKey(float value) noexcept {
  if (value != value) return 0xFFFFFFFFu;
  value += 0.0f;  // -0 becomes +0
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  return bits & 0x80000000u ? bits : ~(bits | 0x80000000u);
}

inline float keyScore(uint32_t key) noexcept {
  if (key == 0xFFFFFFFFu) return std::numeric_limits<float>::quiet_NaN();
  const uint32_t bits = key & 0x80000000u ? key : ~key & 0x7FFFFFFFu;
  float value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

// A candidate: key in the high half, index in the low one, so that plain integers compare as the contract says.
inline uint64_t candidate(float score, uint32_t index) noexcept { return uint64_t{scoreKey(score)} << 32 | index; }
inline uint32_t candidateIndex(uint64_t value) noexcept { return static_cast<uint32_t>(value); }
inline float candidateScore(uint64_t value) noexcept { return keyScore(static_cast<uint32_t>(value >> 32)); }

// The k smallest of count candidates, in order, to the front.
inline void sortBest(uint64_t* candidates, size_t count, size_t k) {
  if (k < count) std::nth_element(candidates, candidates + k, candidates + count);
  std::sort(candidates, candidates + std::min(k, count));
}

// Collects candidates in borrowed memory and throws away all but the best k whenever it is full: of capacity(k), or
// fewer, more than k, where a higher threshold sooner is worth it.
class BestK {
 public:
  static size_t capacity(size_t k) noexcept { return 2 * k + 32; }
  BestK() = default;
  BestK(uint64_t* memory, size_t k) noexcept : BestK(memory, k, capacity(k)) {}
  BestK(uint64_t* memory, size_t k, size_t room) noexcept : memory_(memory), k_(k), room_(room) {}

  // A score that is <= this can be passed over, if its index is above all that were offered. NaN at first.
  float threshold() const noexcept { return threshold_; }

  void offer(float score, uint32_t index) {
    const uint64_t value = candidate(score, index);
    if (value >= worst_) return;
    memory_[size_++] = value;
    if (size_ == room_) shrink();
  }

  // Unordered, at most capacity(k) of them: the best k are among them.
  const uint64_t* begin() const noexcept { return memory_; }
  const uint64_t* end() const noexcept { return memory_ + size_; }

 private:
  void shrink() {
    std::nth_element(memory_, memory_ + (k_ - 1), memory_ + size_);
    size_ = k_;
    worst_ = memory_[k_ - 1];
    threshold_ = candidateScore(worst_);
  }

  uint64_t* memory_ = nullptr;
  size_t k_ = 0, room_ = 0, size_ = 0;
  uint64_t worst_ = ~uint64_t{0};
  float threshold_ = std::numeric_limits<float>::quiet_NaN();
};

}  // namespace switchyard::cpu
