// A segment of a row of candidates as sort keys, alone or four neighbours at once.
#pragma once
#include "halves.h"

namespace switchyard::SWITCHYARD_KERNEL_SPACE {

struct Keys {
  uint32_t of[4];
};
struct Range {
  uint32_t low, high;
};

// A segment of a row of candidates.
class Segment {
 public:
  // Candidates from `first` on of the row of d that begins at `row`; without fromValues of keys and their indices.
  __device__ Segment(const void* candidates, const uint32_t* indices, bool fromValues, bool largest, uint32_t formats,
                     uint64_t row, uint32_t first, uint32_t length, uint32_t d)
      : count(length < d - first ? length : d - first),
        values_(In(candidates, formats, 0).from(row + first)),
        keys_(static_cast<const uint32_t*>(candidates) + row + first),
        indices_(indices + row + first),
        fromValues_(fromValues),
        largest_(largest),
        hasFours_(fromValues && values_.hasFours()),
        first_(first) {}
  uint32_t count;

  __device__ uint32_t key(uint32_t at) const { return fromValues_ ? sortKey(values_[at], largest_) : keys_[at]; }
  __device__ uint32_t index(uint32_t at) const { return fromValues_ ? first_ + at : indices_[at]; }
  // Those of candidates that there are lie between.
  __device__ Range indices() const {
    return fromValues_ ? Range{first_, first_ + count - 1} : Range{0, kMissingIndex - 1};
  }
  // kMissingKey past the end.
  __device__ Keys four(uint32_t quad) const {
    if (hasFours_ && 4 * quad + 4 <= count) {
      const float4 x = values_.four(quad);
      return {{sortKey(x.x, largest_), sortKey(x.y, largest_), sortKey(x.z, largest_), sortKey(x.w, largest_)}};
    }
    Keys keys;
    SWITCHYARD_UNROLL
    for (uint32_t c = 0; c < 4; ++c) keys.of[c] = 4 * quad + c < count ? key(4 * quad + c) : kMissingKey;
    return keys;
  }

 private:
  In values_;
  const uint32_t *keys_, *indices_;
  bool fromValues_, largest_, hasFours_;
  uint32_t first_;
};

// One digit of (key, index), as kernels.def has them (top_k_histogram).
struct Digit {
  __device__ explicit Digit(uint32_t digit)
      : ofKey(digit < 3),
        shift(digit == 0   ? 21
              : digit == 1 ? 10
              : digit == 3 ? 20
              : digit == 4 ? 9
                           : 0) {
    const uint32_t bits = digit == 2 ? 10 : digit == 5 ? 9 : 11;
    mask_ = (1u << bits) - 1;
    above_ = digit == 0 || digit == 3 ? 31 : shift + bits;
    first_ = digit == 0 || digit == 3;
  }
  bool ofKey;
  uint32_t shift;

  __device__ uint32_t of(uint32_t word) const { return word >> shift & mask_; }
  // What is above the digit, as a number: equal where all higher digits of the same word are.
  __device__ uint32_t above(uint32_t word) const { return first_ ? 0 : word >> above_; }

 private:
  uint32_t mask_, above_;
  bool first_;
};

}  // namespace switchyard::SWITCHYARD_KERNEL_SPACE
