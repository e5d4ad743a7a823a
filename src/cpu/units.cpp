// The kernels that move elements as they are, rearrange and concat, and convert, between dtypes of which one is an
// integer's.
#include "cpu/simd.h"
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/units.cpp"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
#include "hwy/highway.h"

#include <algorithm>
#include <limits>
#include <type_traits>

#include "cpu/halves-inl.h"
#include "cpu/kernels.h"
#include "cpu/scratch.h"

HWY_BEFORE_NAMESPACE();
namespace switchyard::cpu::HWY_NAMESPACE {
namespace {

// Runs of at least so many bytes are streamed out where much is moved: what comes before and behind the lines of the
// caches in them costs too much in shorter ones.
constexpr size_t kStreamedRun = 512;

void moveRun(const char* from, char* to, size_t bytes, bool stream, size_t least = kStreamedRun) {
  if (!stream || bytes < least || bytes % 4 || reinterpret_cast<uintptr_t>(to) % 4)
    std::memcpy(to, from, bytes);
  else
    streamCopy(reinterpret_cast<const float*>(from), reinterpret_cast<float*>(to), bytes / 4);
}

// ---- rearrange

struct Axis {
  uint64_t size, stride;
};

// Where unit `i` of out, counted over these axes, comes from.
uint64_t placeOf(const Axis* axes, size_t count, uint64_t i) {
  uint64_t at = 0;
  for (size_t axis = 0; axis < count; ++axis) {
    at += i % axes[axis].size * axes[axis].stride;
    i /= axes[axis].size;
  }
  return at;
}

// The next unit after that of `index`, whose place `at` is.
void step(const Axis* axes, size_t count, uint64_t* index, uint64_t& at) {
  for (size_t axis = 0; axis < count; ++axis) {
    at += axes[axis].stride;
    if (++index[axis] < axes[axis].size) return;
    at -= axes[axis].size * axes[axis].stride;
    index[axis] = 0;
  }
}

template <class T>
struct Moved {
  const T* in;
  T* out;
  bool stream;
};

// The innermost axis lies as it did: runs of it.
template <class T>
void moveRuns(const Call& call, const Moved<T>& moved, const Axis* axes, size_t rank, uint64_t count) {
  const uint64_t length = axes[0].size, runs = count / length;
  const double runNs = 4 + 0.06 * static_cast<double>(length * sizeof(T));
  // A single run, or few, of which threads take pieces.
  const uint64_t piece = HWY_MIN(length, (uint64_t{1} << 20) / sizeof(T)), pieces = (length + piece - 1) / piece;
  if (pieces > 1)
    return parallelFor(call.budget, runs * pieces, 1, [&](uint64_t begin, uint64_t end, uint32_t) {
      for (; begin < end; ++begin) {
        const uint64_t run = begin / pieces, first = begin % pieces * piece;
        moveRun(reinterpret_cast<const char*>(moved.in + placeOf(axes + 1, rank - 1, run) + first),
                reinterpret_cast<char*>(moved.out + run * length + first), HWY_MIN(piece, length - first) * sizeof(T),
                moved.stream);
      }
      if (moved.stream) hwy::FlushStream();
    });
  parallelFor(call.budget, runs, grainFor(call.budget, runs, runNs), [&](uint64_t begin, uint64_t end, uint32_t) {
    uint64_t index[8] = {}, at = placeOf(axes + 1, rank - 1, begin);
    for (uint64_t axis = 1, i = begin; axis < rank; i /= axes[axis++].size) index[axis - 1] = i % axes[axis].size;
    for (uint64_t run = begin; run < end; ++run, step(axes + 1, rank - 1, index, at))
      moveRun(reinterpret_cast<const char*>(moved.in + at), reinterpret_cast<char*>(moved.out + run * length),
              length * sizeof(T), moved.stream);
    if (moved.stream) hwy::FlushStream();
  });
}

// A row of a tile, of what is read and of what is written: some lines of the caches in a row of memory's.
constexpr size_t kTileBytes = 256, kMostTile = 128;

// Rows that lie apart: no processor expects them.
template <class T>
void fetchTile(const T* in, uint64_t stride, size_t high, size_t wide) {
  for (size_t i = 0; i < high; ++i)
    for (size_t at = 0; at < wide * sizeof(T); at += 64)
      hwy::Prefetch(reinterpret_cast<const char*>(in + i * stride) + at);
}

// tile[j * kTile + i] = in[i * stride + j], four rows at a time: single elements would be written one by one.
template <size_t kTile, class T>
void turnTile(const T* in, uint64_t stride, T* tile, size_t high, size_t wide) {
  size_t i = 0;
  for (; i + 4 <= high; i += 4) {
    const T *const a = in + i * stride, *const b = a + stride, *const c = b + stride, *const d = c + stride;
    size_t j = 0;
#if HWY_TARGET != HWY_SCALAR
    if constexpr (std::is_same_v<T, uint32_t>) {
      const hn::Full128<uint32_t> four;
      for (; j + 4 <= wide; j += 4) {
        const auto w = hn::LoadU(four, a + j), x = hn::LoadU(four, b + j), y = hn::LoadU(four, c + j),
                   z = hn::LoadU(four, d + j);
        const auto low = hn::InterleaveLower(four, w, x), low2 = hn::InterleaveLower(four, y, z);
        const auto high1 = hn::InterleaveUpper(four, w, x), high2 = hn::InterleaveUpper(four, y, z);
        T* const to = tile + j * kTile + i;
        hn::StoreU(hn::ConcatLowerLower(four, low2, low), four, to);
        hn::StoreU(hn::ConcatUpperUpper(four, low2, low), four, to + kTile);
        hn::StoreU(hn::ConcatLowerLower(four, high2, high1), four, to + 2 * kTile);
        hn::StoreU(hn::ConcatUpperUpper(four, high2, high1), four, to + 3 * kTile);
      }
    }
#endif
    for (; j < wide; ++j) {
      const T column[] = {a[j], b[j], c[j], d[j]};
      std::memcpy(tile + j * kTile + i, column, sizeof column);
    }
  }
  for (; i < high; ++i)
    for (size_t j = 0; j < wide; ++j) tile[j * kTile + i] = in[i * stride + j];
}

// The innermost axis does not lie together, another one does: tiles of both, turned in the first-level cache.
template <class T>
void moveTiles(const Call& call, const Moved<T>& moved, const Axis* axes, size_t rank, size_t together,
               uint64_t count) {
  constexpr size_t kTile = HWY_MIN(kTileBytes / sizeof(T), kMostTile);
  const uint64_t rows = axes[0].size, columns = axes[together].size, stride = axes[0].stride;
  uint64_t outStride = 1;  // of `together` in out
  for (size_t axis = 0; axis < together; ++axis) outStride *= axes[axis].size;
  // The others, with their strides in out.
  Axis others[8], outs[8];
  size_t left = 0;
  for (size_t axis = 1, out = rows; axis < rank; out *= axes[axis++].size) {
    if (axis == together) continue;
    others[left] = axes[axis];
    outs[left++] = {axes[axis].size, out};
  }
  const uint64_t stripes = (columns + kTile - 1) / kTile, planes = count / (rows * columns);
  const double stripeNs = 20 + 0.4 * static_cast<double>(rows * HWY_MIN(columns, kTile));
  parallelFor(call.budget, planes * stripes, grainFor(call.budget, planes * stripes, stripeNs),
              [&](uint64_t begin, uint64_t end, uint32_t) {
                HWY_ALIGN T tile[kTile * kTile];
                for (; begin < end; ++begin) {
                  const uint64_t plane = begin / stripes, first = begin % stripes * kTile;
                  const size_t wide = HWY_MIN(kTile, columns - first);
                  const T* const in = moved.in + placeOf(others, left, plane) + first;
                  T* const out = moved.out + placeOf(outs, left, plane) + first * outStride;
                  for (uint64_t row = 0; row < rows; row += kTile) {
                    const size_t high = HWY_MIN(kTile, rows - row);
                    fetchTile(in + (row + kTile) * stride, stride, HWY_MIN(kTile, rows - row - high), wide);
                    turnTile<kTile>(in + row * stride, stride, tile, high, wide);
                    for (size_t j = 0; j < wide; ++j) {
                      T* const to = out + j * outStride + row;
                      const bool lines = moved.stream && high == kTile && reinterpret_cast<uintptr_t>(to) % 64 == 0;
                      moveRun(reinterpret_cast<const char*>(tile + j * kTile), reinterpret_cast<char*>(to),
                              high * sizeof(T), lines, kTile * sizeof(T));
                    }
                  }
                }
                if (moved.stream) hwy::FlushStream();
              });
}

template <class T>
void rearrangeUnits(const Call& call, const RearrangeParams& params) {
  const uint32_t sizes[] = {params.size0, params.size1, params.size2, params.size3,
                            params.size4, params.size5, params.size6, params.size7};
  const uint32_t strides[] = {params.stride0, params.stride1, params.stride2, params.stride3,
                              params.stride4, params.stride5, params.stride6, params.stride7};
  const size_t rank = params.rank;
  Axis axes[8];
  for (size_t axis = 0; axis < rank; ++axis) axes[axis] = {sizes[axis], strides[axis]};
  const Moved<T> moved{call.view<T>(0) + params.base, call.view<T>(1),
                       uint64_t{params.count} * sizeof(T) >= kStreamBytes};
  if (axes[0].stride == 1 || axes[0].size == 1) return moveRuns(call, moved, axes, rank, params.count);
  for (size_t axis = 1; axis < rank; ++axis)
    if (axes[axis].stride == 1 && axes[axis].size > 1) return moveTiles(call, moved, axes, rank, axis, params.count);
  parallelFor(call.budget, params.count, grainFor(call.budget, params.count, 1.5),
              [&](uint64_t begin, uint64_t end, uint32_t) {
                uint64_t index[8] = {}, at = placeOf(axes, rank, begin);
                for (uint64_t axis = 0, i = begin; axis < rank; i /= axes[axis++].size)
                  index[axis] = i % axes[axis].size;
                for (uint64_t i = begin; i < end; ++i, step(axes, rank, index, at)) moved.out[i] = moved.in[at];
              });
}

struct alignas(4) Quad {  // 16 bytes, wherever they lie
  uint32_t words[4];
};

void rearrange(const Call& call) {
  const auto params = call.as<RearrangeParams>();
  switch (params.unit) {
    case 1: return rearrangeUnits<uint8_t>(call, params);
    case 2: return rearrangeUnits<uint16_t>(call, params);
    case 4: return rearrangeUnits<uint32_t>(call, params);
    default: return rearrangeUnits<Quad>(call, params);
  }
}

// ---- concat

void concat(const Call& call) {
  const auto params = call.as<ConcatParams>();
  const size_t a = size_t{params.a} * params.unit, b = size_t{params.b} * params.unit;
  const uint64_t rows = params.count / (uint64_t{params.a} + params.b);
  const bool stream = uint64_t{params.count} * params.unit >= kStreamBytes;
  const double rowNs = 10 + 0.06 * static_cast<double>(a + b);
  parallelFor(call.budget, rows, grainFor(call.budget, rows, rowNs), [&](uint64_t begin, uint64_t end, uint32_t) {
    for (uint64_t row = begin; row < end; ++row) {
      char* const to = call.view<char>(2) + row * (a + b);
      moveRun(call.view<char>(0) + row * a, to, a, stream);
      moveRun(call.view<char>(1) + row * b, to + a, b, stream);
    }
    if (stream) hwy::FlushStream();
  });
}

// ---- convert

template <class F>
void withInteger(uint32_t dtype, const F& f) {
  switch (dtype) {
    case kElementInt32: return f(int32_t{});
    case kElementUint32: return f(uint32_t{});
    case kElementInt8: return f(int8_t{});
    case kElementUint8: return f(uint8_t{});
  }
}

// Towards zero, and to the nearest number that there is.
template <class T>
T integerOf(float x) {
  using Limits = std::numeric_limits<T>;
  if (std::isnan(x)) return 0;
  // The largest number may be past float32; the next power of two is not.
  if (x >= static_cast<float>(Limits::max())) return Limits::max();
  return x <= static_cast<float>(Limits::min()) ? Limits::min() : static_cast<T>(x);
}

// As float32 without losing on which side of a tie it is when it becomes a bfloat16: rounded to odd.
template <class T>
float roundedToOdd(T x) {
  uint32_t size = x < 0 ? 0u - static_cast<uint32_t>(x) : static_cast<uint32_t>(x), lost = 0;
  while (size >> lost >> 24) ++lost;
  const uint32_t kept = size >> lost << lost;
  if (kept != size) size = kept | 1u << lost;
  return x < 0 ? -static_cast<float>(size) : static_cast<float>(size);
}

void convert(const Call& call) {
  const auto params = call.as<ConvertParams>();
  const bool floatsIn = params.from <= kFormatBfloat16, floatsOut = params.to <= kFormatBfloat16;
  // A format stands for its dtype, the first of what formats name.
  const Source in(call, 0, params.from);
  const Target out(call, 1, params.to << 2);
  const auto block = [&](uint64_t at, size_t n) {
    HWY_ALIGN float work[kHalvesBlock];
    if (floatsOut) {
      float* const to = out.place(at, work);
      withInteger(params.from, [&](auto zero) {
        const auto* const from = call.view<decltype(zero)>(0) + at;
        const bool odd = params.to == kFormatBfloat16;
        for (size_t i = 0; i < n; ++i) to[i] = odd ? roundedToOdd(from[i]) : static_cast<float>(from[i]);
      });
      out.put(at, n, to, false);
      return;
    }
    withInteger(params.to, [&](auto zero) {
      using To = decltype(zero);
      To* const to = call.view<To>(1) + at;
      if (floatsIn) {
        const float* const from = in.part(at, n, work);
        for (size_t i = 0; i < n; ++i) to[i] = integerOf<To>(from[i]);
        return;
      }
      withInteger(params.from, [&](auto other) {
        const auto* const from = call.view<decltype(other)>(0) + at;
        for (size_t i = 0; i < n; ++i)
          to[i] = static_cast<To>(
              std::clamp<int64_t>(from[i], std::numeric_limits<To>::min(), int64_t{std::numeric_limits<To>::max()}));
      });
    });
  };
  parallelFor(call.budget, params.n, grainFor(call.budget, params.n, 0.5, kHalvesBlock),
              [&](uint64_t begin, uint64_t end, uint32_t) {
                for (uint64_t at = begin; at < end; at += kHalvesBlock) block(at, HWY_MIN(kHalvesBlock, end - at));
              });
}

}  // namespace
}  // namespace switchyard::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace switchyard::cpu {
HWY_EXPORT(rearrange);
HWY_EXPORT(concat);
HWY_EXPORT(convert);
namespace kernels {
void rearrange(const Call& call) { HWY_DYNAMIC_DISPATCH(rearrange)(call); }
void concat(const Call& call) { HWY_DYNAMIC_DISPATCH(concat)(call); }
void convert(const Call& call) { HWY_DYNAMIC_DISPATCH(convert)(call); }
}  // namespace kernels
}  // namespace switchyard::cpu
#endif
