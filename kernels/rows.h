// Kernels with a row a unit: a warp a row for short rows, a block for longer ones, and the reductions over either.
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
  __shared__ float partial[kWarps];
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
  // plain sum is safely normal, else the largest magnitude.
  struct Squares {
    float scale, sum;
    __device__ float norm() const { return scale * sqrtf(sum); }  // infinite where the norm itself is past float32
  };
  template <class X>
  __device__ Squares squares(const X& row, uint64_t d) const {
    float plain = 0.0f;
    each(row, d, [&](uint64_t, float x) { plain += x * x; });
    plain = sum(plain);
    if (plain != plain || trustedSquares(plain)) return {1.0f, plain};
    float largest = 0.0f;
    each(row, d, [&](uint64_t, float x) { largest = fmaxf(largest, fabsf(x)); });
    largest = reduce(largest, Max());
    if (largest == 0.0f || largest == infinity()) return {1.0f, largest};
    float scaled = 0.0f;
    each(row, d, [&](uint64_t, float x) { scaled += (x / largest) * (x / largest); });
    return {largest, sum(scaled)};
  }
};

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
