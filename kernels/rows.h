// Kernels with a row a unit: a warp a row for short rows, a block for longer ones, the reductions over either, and the
// elements of a row, in registers where those hold them.
#pragma once
#include "halves.h"

namespace switchyard::SWITCHYARD_KERNEL_SPACE {

// A row to which another may be added.
class InSum {
 public:
  __device__ InSum(const In& a, const In& b, bool both) : a_(a), b_(b), both_(both) {}
  __device__ bool hasFours() const { return a_.hasFours() && (!both_ || b_.hasFours()); }
  __device__ float operator[](uint64_t i) const { return both_ ? a_[i] + b_[i] : a_[i]; }
  __device__ float4 four(uint64_t quad) const {
    const float4 x = a_.four(quad);
    if (!both_) return x;
    const float4 y = b_.four(quad);
    return make_float4(x.x + y.x, x.y + y.y, x.z + y.z, x.w + y.w);
  }

 private:
  In a_, b_;
  bool both_;
};
__device__ inline bool hasFours(const InSum& row) { return row.hasFours(); }
__device__ inline float4 fourOf(const InSum& row, uint64_t quad) { return row.four(quad); }

// How many threads share a row. Short rows go eight to a block, but only where there are enough of them to fill a card.
constexpr uint32_t kRowsBlock = 256;
constexpr uint32_t kLongRowThreads = 1024;
inline uint32_t rowThreads(uint64_t rows, uint64_t d) {
  if (d <= 128 || (d <= 1024 && rows >= 1024)) return kWarp;
  return d <= 16384 ? kRowsBlock : kLongRowThreads;
}
constexpr uint32_t rowBlock(uint32_t threads) { return threads < kRowsBlock ? kRowsBlock : threads; }

struct Add {
  static __device__ float identity() { return 0.0f; }
  __device__ float operator()(float a, float b) const { return a + b; }
};
// As fmaxf and fminf, a NaN loses.
struct Max {
  static __device__ float identity() { return -infinity(); }
  __device__ float operator()(float a, float b) const { return fmaxf(a, b); }
};
// A NaN wins.
struct MaxNan {
  static __device__ float identity() { return -infinity(); }
  __device__ float operator()(float a, float b) const { return a > b || a != a ? a : b; }
};
struct MinNan {
  static __device__ float identity() { return infinity(); }
  __device__ float operator()(float a, float b) const { return a < b || a != a ? a : b; }
};

template <class Op>
__device__ inline float warpReduce(float value, Op op) {
  for (uint32_t offset = kWarp / 2; offset > 0; offset /= 2)
    value = op(value, __shfl_xor_sync(kAllLanes, value, offset));
  return value;
}

// The same over a block of kThreads. Every thread of the block calls it and gets the result.
template <uint32_t kThreads, class Op>
__device__ inline float blockReduce(float value, Op op) {
  constexpr uint32_t kWarps = kThreads / kWarp;
  SWITCHYARD_SHARED(float, partial, [kWarps]);
  value = warpReduce(value, op);
  __syncthreads();  // the last use of `partial` has been read by all
  if (threadIdx.x % kWarp == 0) partial[threadIdx.x / kWarp] = value;
  __syncthreads();
  const uint32_t lane = threadIdx.x % kWarp;
  return warpReduce(lane < kWarps ? partial[lane] : Op::identity(), op);
}

// The threads that share this thread's row.
template <uint32_t kThreads>
struct Row {
  static constexpr uint32_t kPerBlock = rowBlock(kThreads) / kThreads;
  const uint64_t index = linearBlock() * kPerBlock + threadIdx.x / kThreads;
  const uint32_t lane = threadIdx.x % kThreads;

  template <class Op>
  __device__ float reduce(float value, Op op) const {
    if constexpr (kThreads == kWarp)
      return warpReduce(value, op);
    else
      return blockReduce<kThreads>(value, op);
  }
  __device__ float sum(float value) const { return reduce(value, Add()); }

  // A row is `const float*` or an In, what is written to `float*` or an Out.
  // f(column, value) over this thread's share of a row, four at a time where the row allows it.
  template <class X, class F>
  __device__ void each(const X& row, uint64_t d, F f) const {
    if (d % 4 == 0 && hasFours(row)) {
      for (uint64_t i = lane; i < d / 4; i += kThreads) {
        const float4 v = fourOf(row, i);
        f(4 * i, v.x), f(4 * i + 1, v.y), f(4 * i + 2, v.z), f(4 * i + 3, v.w);
      }
    } else {
      for (uint64_t i = lane; i < d; i += kThreads) f(i, row[i]);
    }
  }
  // out[column] = f(column, in[column]); `out` may be `in`. A thread touches the same columns as in each() over `in`,
  // if the two rows are aligned alike.
  template <class X, class Y, class F>
  __device__ void map(const X& in, const Y& out, uint64_t d, F f) const {
    if (d % 4 == 0 && hasFours(in) && hasFours(out)) {
      for (uint64_t i = lane; i < d / 4; i += kThreads) {
        const float4 v = fourOf(in, i);
        putFour(out, i, make_float4(f(4 * i, v.x), f(4 * i + 1, v.y), f(4 * i + 2, v.z), f(4 * i + 3, v.w)));
      }
    } else {
      for (uint64_t i = lane; i < d; i += kThreads) putOne(out, i, f(i, in[i]));
    }
  }

  // Sum of squares over a row as scale^2 * sum, so that no finite row overflows or underflows: scale is 1 while the
  // plain sum is safely normal, else the largest magnitude. `elements` are Held or Streamed.
  struct Squares {
    float scale, sum;
    __device__ float norm() const { return scale * sqrtf(sum); }  // infinite where the norm itself is past float32
  };
  template <class E>
  __device__ Squares squares(const E& elements) const {
    float plain = 0.0f;
    elements.each([&](uint64_t, float x) { plain += x * x; });
    plain = sum(plain);
    if (plain != plain || trustedSquares(plain)) return {1.0f, plain};
    float largest = 0.0f;
    elements.each([&](uint64_t, float x) { largest = fmaxf(largest, fabsf(x)); });
    largest = reduce(largest, Max());
    if (largest == 0.0f || largest == infinity()) return {1.0f, largest};
    float scaled = 0.0f;
    elements.each([&](uint64_t, float x) { scaled += (x / largest) * (x / largest); });
    return {largest, sum(scaled)};
  }
};

// ---- the elements of a row: each pass over Streamed reads them again, Held has them in registers. A
// thread goes through its share by ascending columns; which those are hangs on how many share the row, and for Held on
// whether all that lies beside it can be read by fours, too. So one row's sums may be rounded differently among other
// rows or at another address, and alike whenever the same is asked for again.

// A row whose elements go through f(column, value) whenever they are read.
template <class X, class F>
struct Through {
  X
  x;
  F f;
  __device__ float operator[](uint64_t i) const { return f(i, x[i]); }
};
template <class X, class F>
__device__ inline bool hasFours(const Through<X, F>& row) {
  return hasFours(row.x);
}
template <class X, class F>
__device__ inline float4 fourOf(const Through<X, F>& row, uint64_t quad) {
  const float4 v = fourOf(row.x, quad);
  return make_float4(row.f(4 * quad, v.x), row.f(4 * quad + 1, v.y), row.f(4 * quad + 2, v.z),
                     row.f(4 * quad + 3, v.w));
}

// What a row is multiplied with or added to, column by column: a buffer, or one number where there is none.
class Beside {
 public:
  __device__ Beside(const In& in, bool isThere, float otherwise) : in_(in), isThere_(isThere), otherwise_(otherwise) {}
  __device__ bool hasFours() const { return !isThere_ || in_.hasFours(); }
  __device__ float operator[](uint64_t i) const { return isThere_ ? in_[i] : otherwise_; }
  __device__ float4 four(uint64_t quad) const {
    return isThere_ ? in_.four(quad) : make_float4(otherwise_, otherwise_, otherwise_, otherwise_);
  }

 private:
  In in_;
  bool isThere_;
  float otherwise_;
};

template <uint32_t kThreads, class X>
class Streamed {
 public:
  __device__ Streamed(const Row<kThreads>& row, const X& x, uint64_t d) : row_(row), x_(x), d_(d) {}
  template <class F>
  __device__ void each(F f) const {
    row_.each(x_, d_, f);
  }
  // The same row with each element replaced by f(column, element).
  template <class F>
      __device__ Streamed < kThreads,
      Through < X
  , F >> through(F f) const { return {row_, {x_, f}, d_}; }
  template <class Y, class F>
  __device__ void write(const Y& out, F f) const {
    row_.map(x_, out, d_, f);
  }
  // out[column] = f(element, a[column], b[column])
  template <class Y, class F>
  __device__ void write(const Y& out, const Beside& a, const Beside& b, F f) const {
    row_.map(x_, out, d_, [&](uint64_t i, float v) { return f(v, a[i], b[i]); });
  }

 private:
  Row<kThreads> row_;
  X
  x_;
  uint64_t d_;
};

// kQuads fours a thread: four neighbours each where all that is read and written beside it allows `fours`. Every place
// in `at_` is known to the compiler, so that it becomes a register; those of elements that there are come first.
template <uint32_t kThreads, uint32_t kQuads>
class Held {
 public:
  template <class X>
  __device__ Held(const Row<kThreads>& row, const X& x, uint32_t d, bool fours)
      : fours_(fours), lane_(row.lane), step_(fours ? 1 : kThreads) {
    const uint32_t dealt = fours ? d / 4 : d, rounds = lane_ < dealt ? (dealt - 1 - lane_) / kThreads + 1 : 0;
    own_ = fours ? 4 * rounds : rounds;
    if (fours) {
      SWITCHYARD_UNROLL
      for (uint32_t j = 0; j < kQuads; ++j) {
        if (4 * j >= own_) continue;
        const float4 v = fourOf(x, quad(j));
        at_[4 * j] = v.x, at_[4 * j + 1] = v.y, at_[4 * j + 2] = v.z, at_[4 * j + 3] = v.w;
      }
    } else {
      SWITCHYARD_UNROLL
      for (uint32_t e = 0; e < 4 * kQuads; ++e)
        if (e < own_) at_[e] = x[column(e)];
    }
  }
  template <class F>
  __device__ void each(F f) const {
    SWITCHYARD_UNROLL
    for (uint32_t e = 0; e < 4 * kQuads; ++e)
      if (e < own_) f(column(e), at_[e]);
  }
  template <class F>
  __device__ Held through(F f) const {
    Held result = *this;
    SWITCHYARD_UNROLL
    for (uint32_t e = 0; e < 4 * kQuads; ++e)
      if (e < own_) result.at_[e] = f(column(e), at_[e]);
    return result;
  }
  template <class Y, class F>
  __device__ void write(const Y& out, F f) const {
    if (fours_) {
      SWITCHYARD_UNROLL
      for (uint32_t j = 0; j < kQuads; ++j) {
        const uint64_t i = column(4 * j);
        if (4 * j < own_)
          putFour(out, quad(j),
                  make_float4(f(i, at_[4 * j]), f(i + 1, at_[4 * j + 1]), f(i + 2, at_[4 * j + 2]),
                              f(i + 3, at_[4 * j + 3])));
      }
    } else {
      SWITCHYARD_UNROLL
      for (uint32_t e = 0; e < 4 * kQuads; ++e)
        if (e < own_) putOne(out, column(e), f(column(e), at_[e]));
    }
  }
  template <class Y, class F>
  __device__ void write(const Y& out, const Beside& a, const Beside& b, F f) const {
    if (fours_) {
      SWITCHYARD_UNROLL
      for (uint32_t j = 0; j < kQuads; ++j) {
        if (4 * j >= own_) continue;
        const float4 x = a.four(quad(j)), y = b.four(quad(j));
        putFour(out, quad(j),
                make_float4(f(at_[4 * j], x.x, y.x), f(at_[4 * j + 1], x.y, y.y), f(at_[4 * j + 2], x.z, y.z),
                            f(at_[4 * j + 3], x.w, y.w)));
      }
    } else {
      write(out, [&](uint64_t i, float v) { return f(v, a[i], b[i]); });
    }
  }

 private:
  __device__ uint64_t quad(uint32_t j) const { return lane_ + j * kThreads; }
  __device__ uint64_t column(uint32_t e) const {
    return (fours_ ? 4 * lane_ : lane_) + e / 4 * (4 * kThreads) + e % 4 * step_;
  }

  bool fours_;
  uint32_t lane_, step_, own_;
  float at_[4 * kQuads];
};

// The elements of a row x of d that `fours` says may be read and written by fours, as all that lies beside it. Without
// kQuads streamed.
template <uint32_t kQuads, uint32_t kThreads, class X>
__device__ inline auto elementsOf(const Row<kThreads>& row, const X& x, uint32_t d, bool fours) {
  if constexpr (kQuads == 0) return Streamed < kThreads, X
  > (row, x, d);
  else return Held<kThreads, kQuads>(row, x, d, fours && d % 4 == 0);
}

// Blocks that a multiprocessor is to run at once: what is held leaves registers for them, and nothing spills.
constexpr uint32_t heldBlocks(uint32_t threads, uint32_t quads) {
  return threads >= kLongRowThreads ? 1 : quads > 4 ? 2 : 1024 / rowBlock(threads);
}

// Registers template function<kThreads, kQuads>: rows in registers up to 32 elements a thread, or 16 where a block is a
// thousand threads, which have half as many registers each; longer ones are streamed.
constexpr uint32_t kHeldVariants = 6;
inline uint32_t heldVariant(uint64_t rows, uint64_t d) {
  if (rowThreads(rows, d) == kWarp) return d <= 8 * kWarp ? 0 : 1;
  return d <= 16 * kRowsBlock ? 2 : d <= 32 * kRowsBlock ? 3 : d <= 16 * kLongRowThreads ? 4 : 5;
}
#define SWITCHYARD_HELD_ROW_KERNEL(name, function, columns)                                                 \
  static_assert(name##Contract::kUnit == Unit::Groups, "not a kernel of rows");                             \
  SWITCHYARD_CHECK_CONTRACT(name, (function<kWarp, 2>));                                                    \
  static const CudaVariant& name##Choose(const void* params) {                                              \
    static const CudaVariant variants[kHeldVariants] = {                                                    \
        makeVariant(&function<kWarp, 2>, kRowsBlock, Row<kWarp>::kPerBlock),                                \
        makeVariant(&function<kWarp, 8>, kRowsBlock, Row<kWarp>::kPerBlock),                                \
        makeVariant(&function<kRowsBlock, 4>, kRowsBlock, 1),                                               \
        makeVariant(&function<kRowsBlock, 8>, kRowsBlock, 1),                                               \
        makeVariant(&function<kLongRowThreads, 4>, kLongRowThreads, 1),                                     \
        makeVariant(&function<kLongRowThreads, 0>, kLongRowThreads, 1)};                                    \
    const auto& p = *static_cast<const name##Contract::Params*>(params);                                    \
    return variants[heldVariant(p.rows, p.columns)];                                                        \
  }                                                                                                         \
  const CudaKernel cudaKernel_##name = {name##Contract::kBuffers, uint32_t(sizeof(name##Contract::Params)), \
                                        name##Choose};

// Registers template function<kThreads> for the three row lengths; `columns` names the params' row length.
#define SWITCHYARD_ROW_KERNEL(name, function, columns)                                                      \
  static_assert(name##Contract::kUnit == Unit::Groups, "not a kernel of rows");                             \
  SWITCHYARD_CHECK_CONTRACT(name, function<kWarp>);                                                         \
  static const CudaVariant& name##Choose(const void* params) {                                              \
    static const CudaVariant shortRows = makeVariant(&function<kWarp>, kRowsBlock, Row<kWarp>::kPerBlock);  \
    static const CudaVariant rows = makeVariant(&function<kRowsBlock>, kRowsBlock, 1);                      \
    static const CudaVariant longRows = makeVariant(&function<kLongRowThreads>, kLongRowThreads, 1);        \
    const auto& p = *static_cast<const name##Contract::Params*>(params);                                    \
    const uint32_t threads = rowThreads(p.rows, p.columns);                                                 \
    return threads == kWarp ? shortRows : threads == kRowsBlock ? rows : longRows;                          \
  }                                                                                                         \
  const CudaKernel cudaKernel_##name = {name##Contract::kBuffers, uint32_t(sizeof(name##Contract::Params)), \
                                        name##Choose};

}  // namespace switchyard::SWITCHYARD_KERNEL_SPACE
