// Tiles of float32 and of int16, in Highway's instruction sets.
#include "cpu/tiles.h"

#include "cpu/simd.h"
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/tiles.cpp"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
#include "hwy/highway.h"

#include "cpu/vector-inl.h"

HWY_BEFORE_NAMESPACE();
namespace switchyard::cpu::HWY_NAMESPACE {
namespace {

#include "cpu/tiles-inl.h"

#if HWY_TARGET == HWY_SCALAR || HWY_TARGET == HWY_EMU128

// One word at a time.
struct ScalarSet {
  using Vector = uint32_t;
  static constexpr size_t kWords = 1, kRows = 4, kDotRows = 2;
  static constexpr bool kUnsignedA = false;
  static Vector zero() { return 0; }
  static Vector load(const uint32_t* from) { return *from; }
  static Vector broadcast(const uint32_t* from) { return *from; }
  static void store(Vector v, uint32_t* to) { *to = v; }
};

float floatOf(uint32_t bits) {
  float value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}
uint32_t bitsOf(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  return bits;
}

struct FloatSet : ScalarSet {
  static Vector plus(Vector x, Vector y) { return bitsOf(floatOf(x) + floatOf(y)); }
  static Vector dot(Vector sum, Vector x, Vector y) { return bitsOf(floatOf(sum) + floatOf(x) * floatOf(y)); }
  static void storeFour(Vector a, Vector b, Vector c, Vector d, uint32_t* to, bool add) {
    const Vector all[] = {a, b, c, d};
    for (size_t i = 0; i < 4; ++i) to[i] = add ? bitsOf(floatOf(to[i]) + floatOf(all[i])) : all[i];
  }
};

struct Int16Set : ScalarSet {
  static Vector plus(Vector x, Vector y) { return x + y; }
  static Vector dot(Vector sum, Vector x, Vector y) {
    const auto low = [](uint32_t v) { return int32_t{static_cast<int16_t>(v)}; };
    return sum + static_cast<uint32_t>(low(x) * low(y) + low(x >> 16) * low(y >> 16));
  }
  static void storeFour(Vector a, Vector b, Vector c, Vector d, uint32_t* to, bool add) {
    const Vector all[] = {a, b, c, d};
    for (size_t i = 0; i < 4; ++i) to[i] = add ? to[i] + all[i] : all[i];
  }
};

#else

// Four sums of lanes, of four vectors.
template <class D>
HWY_INLINE void storeFourSums(D d, hn::Vec<D> a, hn::Vec<D> b, hn::Vec<D> c, hn::Vec<D> e, hn::TFromD<D>* to,
                              bool add) {
  const hn::RepartitionToWide<D> wide;
  const auto pairs = [&](hn::Vec<D> x, hn::Vec<D> y)
                         HWY_ATTR { return hn::Add(hn::InterleaveLower(d, x, y), hn::InterleaveUpper(d, x, y)); };
  const auto ab = hn::BitCast(wide, pairs(a, b)), ce = hn::BitCast(wide, pairs(c, e));
  // Each block now has a part of each of the four.
  const auto all =
      hn::Add(hn::BitCast(d, hn::InterleaveLower(wide, ab, ce)), hn::BitCast(d, hn::InterleaveUpper(wide, ab, ce)));
  if constexpr (kLanes == 16) {
    const hn::Half<D> eight;
    const hn::Half<hn::Half<D> > four;
    const auto halved = hn::Add(hn::LowerHalf(eight, all), hn::UpperHalf(eight, all));
    const auto sums = hn::Add(hn::LowerHalf(four, halved), hn::UpperHalf(four, halved));
    hn::StoreU(add ? hn::Add(sums, hn::LoadU(four, to)) : sums, four, to);
  } else if constexpr (kLanes == 8) {
    const hn::Half<D> four;
    const auto sums = hn::Add(hn::LowerHalf(four, all), hn::UpperHalf(four, all));
    hn::StoreU(add ? hn::Add(sums, hn::LoadU(four, to)) : sums, four, to);
  } else {
    hn::StoreU(add ? hn::Add(all, hn::LoadU(d, to)) : all, d, to);
  }
}

#if HWY_TARGET <= HWY_AVX3
constexpr size_t kRegisterRows = 12;    // 24 sums of 32 registers
constexpr size_t kRegisterDotRows = 4;  // 16 sums, and the four columns
#else
constexpr size_t kRegisterRows = 6;     // 12 of 16
constexpr size_t kRegisterDotRows = 2;  // 8
#endif

struct FloatSet {
  using Vector = Vec;
  static constexpr size_t kWords = kLanes, kRows = kRegisterRows, kDotRows = kRegisterDotRows;
  static constexpr bool kUnsignedA = false;
  static const float* floats(const uint32_t* from) { return reinterpret_cast<const float*>(from); }
  static HWY_INLINE Vector zero() { return hn::Zero(kF); }
  static HWY_INLINE Vector load(const uint32_t* from) { return hn::LoadU(kF, floats(from)); }
  static HWY_INLINE Vector broadcast(const uint32_t* from) { return hn::Set(kF, *floats(from)); }
  static HWY_INLINE void store(Vector v, uint32_t* to) { hn::StoreU(v, kF, reinterpret_cast<float*>(to)); }
  static HWY_INLINE Vector plus(Vector x, Vector y) { return hn::Add(x, y); }
  static HWY_INLINE Vector dot(Vector sum, Vector x, Vector y) { return hn::MulAdd(x, y, sum); }
  static HWY_INLINE void storeFour(Vector a, Vector b, Vector c, Vector e, uint32_t* to, bool add) {
    storeFourSums(kF, a, b, c, e, reinterpret_cast<float*>(to), add);
  }
};

struct Int16Set {
  using Vector = IVec;
  static constexpr size_t kWords = kLanes, kRows = kRegisterRows, kDotRows = kRegisterDotRows;
  static constexpr bool kUnsignedA = false;
  static const int32_t* ints(const uint32_t* from) { return reinterpret_cast<const int32_t*>(from); }
  static HWY_INLINE Vector zero() { return hn::Zero(kI); }
  static HWY_INLINE Vector load(const uint32_t* from) { return hn::LoadU(kI, ints(from)); }
  static HWY_INLINE Vector broadcast(const uint32_t* from) { return hn::Set(kI, *ints(from)); }
  static HWY_INLINE void store(Vector v, uint32_t* to) { hn::StoreU(v, kI, reinterpret_cast<int32_t*>(to)); }
  static HWY_INLINE Vector plus(Vector x, Vector y) { return hn::Add(x, y); }
  static HWY_INLINE Vector dot(Vector sum, Vector x, Vector y) {
    const hn::Repartition<int16_t, I32> shorts;
    Vector unused = hn::Zero(kI);
    return hn::ReorderWidenMulAccumulate(kI, hn::BitCast(shorts, x), hn::BitCast(shorts, y), sum, unused);
  }
  static HWY_INLINE void storeFour(Vector a, Vector b, Vector c, Vector e, uint32_t* to, bool add) {
    storeFourSums(kI, a, b, c, e, reinterpret_cast<int32_t*>(to), add);
  }
};

#endif

TileKernel float32() { return tilesOf<FloatSet>(Words::Float32, "float32"); }
TileKernel int16() { return tilesOf<Int16Set>(Words::Int16, "int16"); }

}  // namespace
}  // namespace switchyard::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace switchyard::cpu {
HWY_EXPORT(float32);
HWY_EXPORT(int16);

TileKernel highwayFloatTiles() { return HWY_DYNAMIC_DISPATCH(float32)(); }
TileKernel highwayInt16Tiles() { return HWY_DYNAMIC_DISPATCH(int16)(); }
}  // namespace switchyard::cpu
#endif
