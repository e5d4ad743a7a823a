// What a tensor is, without its data: dtype and shape, with sizes that are checked for overflow.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <iterator>
#include <string>

#include "error.h"

namespace switchyard {

enum class DType : uint8_t {
#define DTYPE(identifier, name, bytes, kind, array, alias) identifier,
#include "dtypes.def"
#undef DTYPE
};
enum class DTypeKind : uint8_t { Floating, Signed, Unsigned };
// What is said of a dtype everywhere: dtypes.def has a row for each.
struct DTypeInfo {
  const char* name;
  size_t bytes;
  DTypeKind kind;
  const char *array, *alias;  // the typed arrays of JavaScript that carry it; alias: "" for none
};
constexpr DTypeInfo kDTypes[] = {
#define DTYPE(identifier, name, bytes, kind, array, alias) {name, bytes, DTypeKind::kind, array, alias},
#include "dtypes.def"
#undef DTYPE
};
constexpr int kDTypeCount = static_cast<int>(std::size(kDTypes));
constexpr const char* dtypeName(DType dtype) noexcept { return kDTypes[static_cast<int>(dtype)].name; }
constexpr size_t dtypeBytes(DType dtype) { return kDTypes[static_cast<int>(dtype)].bytes; }
// Of half the bits of a float32: float16 or bfloat16.
constexpr bool isHalf(DType dtype) {
  return kDTypes[static_cast<int>(dtype)].kind == DTypeKind::Floating && dtypeBytes(dtype) == 2;
}

// Up to kMaxRank extents, kept inline: shapes are made and compared for every job.
class Shape {
 public:
  static constexpr size_t kMaxRank = 8;
  Shape() = default;
  Shape(std::initializer_list<uint64_t> extents) {
    for (uint64_t extent : extents) push(extent);
  }
  void push(uint64_t extent) {
    if (rank_ == kMaxRank) throw Error(Code::InvalidArgument, "a tensor has at most 8 axes");
    extents_[rank_++] = extent;
  }
  size_t rank() const { return rank_; }
  uint64_t operator[](size_t axis) const { return extents_[axis]; }
  uint64_t& operator[](size_t axis) { return extents_[axis]; }
  uint64_t back(size_t fromEnd = 0) const { return extents_[rank_ - 1 - fromEnd]; }
  const uint64_t* begin() const { return extents_.data(); }
  const uint64_t* end() const { return extents_.data() + rank_; }
  Shape leading(size_t count) const {  // the first `count` axes
    Shape s;
    for (size_t i = 0; i < count; ++i) s.push(extents_[i]);
    return s;
  }
  bool operator==(const Shape& other) const {
    if (rank_ != other.rank_) return false;
    for (size_t i = 0; i < rank_; ++i)
      if (extents_[i] != other.extents_[i]) return false;
    return true;
  }
  std::string text() const;  // "[2, 3]"

 private:
  std::array<uint64_t, kMaxRank> extents_{};
  size_t rank_ = 0;
};

// The product of the extents; throws InvalidArgument past 2^53 (where JavaScript's numbers end). Zeros are exact.
uint64_t elementCount(const Shape& shape);

struct TensorSpec {
  DType dtype = DType::Float32;
  Shape shape;
  uint64_t elements() const { return elementCount(shape); }
  uint64_t bytes() const { return elements() * dtypeBytes(dtype); }
  bool operator==(const TensorSpec&) const = default;
};

}  // namespace switchyard
