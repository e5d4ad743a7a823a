// Shape arithmetic.
#include "tensor.h"

namespace switchyard {

std::string Shape::text() const {
  std::string s = "[";
  for (size_t i = 0; i < rank_; ++i) s += (i ? ", " : "") + std::to_string(extents_[i]);
  return s + "]";
}

uint64_t elementCount(const Shape& shape) {
  constexpr uint64_t kMax = 1ull << 53;
  bool empty = false;
  uint64_t count = 1, checked = 1;
  for (uint64_t extent : shape) {
    empty |= extent == 0;
    if (extent > kMax || __builtin_mul_overflow(checked, extent ? extent : 1, &checked) || checked > kMax)
      throw Error(Code::InvalidArgument, "shape " + shape.text() + " has more elements than 2^53");
    count *= extent;
  }
  return empty ? 0 : count;
}

}  // namespace switchyard
