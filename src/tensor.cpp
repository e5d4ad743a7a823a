// Shape arithmetic and the names of dtypes and error codes.
#include "tensor.h"

namespace switchyard {

const char* codeName(Code code) noexcept {
  static constexpr const char* kNames[] = {"ERR_INVALID_ARGUMENT", "ERR_UNKNOWN_WORKLOAD", "ERR_UNSUPPORTED",
                                           "ERR_OUT_OF_MEMORY",    "ERR_DEVICE_LOST",      "ERR_COMPILE",
                                           "ERR_TIMEOUT",          "ERR_CANCELED",         "ERR_QUEUE_FULL",
                                           "ERR_WORKER_LOST",      "ERR_CLOSED",           "ERR_INTERNAL"};
  return kNames[static_cast<int>(code)];
}

const char* dtypeName(DType dtype) noexcept {
  static constexpr const char* kNames[kDTypeCount] = {"float32", "float16", "int32", "uint32", "int8", "uint8"};
  return kNames[static_cast<int>(dtype)];
}

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
