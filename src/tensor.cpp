// Shape arithmetic.
#include "tensor.h"

namespace switchyard {

std::string Shape::text() const {
  std::string s = "[";
  for (size_t i = 0; i < rank_; ++i) s += (i ? ", " : "") + std::to_string(extents_[i]);
  return s + "]";
}

namespace {

// Apart from the count, which every job takes some twenty times.
[[noreturn, gnu::cold, gnu::noinline]] void refuseSize(const Shape& shape) {
  throw Error(Code::InvalidArgument, "shape " + shape.text() + " has more elements than 2^53");
}

}  // namespace

uint64_t elementCount(const Shape& shape) {
  constexpr uint64_t kMax = 1ull << 53;
  bool empty = false;
  uint64_t count = 1;  // of the axes that are not empty
  for (uint64_t extent : shape) {
    empty |= extent == 0;
    if (__builtin_mul_overflow(count, extent ? extent : 1, &count) || count > kMax) refuseSize(shape);
  }
  return empty ? 0 : count;
}

}  // namespace switchyard
