// Matrix-vector products at the speed of memory.
#include "cpu/simd.h"
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/matvec.cpp"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
#include "hwy/highway.h"

#include "cpu/matmul.h"
#include "cpu/vector-inl.h"

HWY_BEFORE_NAMESPACE();
namespace switchyard::cpu::HWY_NAMESPACE {
namespace {

float dot(const float* a, const float* x, size_t n) {
  Vec s0 = hn::Zero(kF), s1 = s0, s2 = s0, s3 = s0;
  size_t i = 0;
  for (; i + 4 * kLanes <= n; i += 4 * kLanes) {
    s0 = hn::MulAdd(hn::LoadU(kF, a + i), hn::LoadU(kF, x + i), s0);
    s1 = hn::MulAdd(hn::LoadU(kF, a + i + kLanes), hn::LoadU(kF, x + i + kLanes), s1);
    s2 = hn::MulAdd(hn::LoadU(kF, a + i + 2 * kLanes), hn::LoadU(kF, x + i + 2 * kLanes), s2);
    s3 = hn::MulAdd(hn::LoadU(kF, a + i + 3 * kLanes), hn::LoadU(kF, x + i + 3 * kLanes), s3);
  }
  for (; i + kLanes <= n; i += kLanes) s0 = hn::MulAdd(hn::LoadU(kF, a + i), hn::LoadU(kF, x + i), s0);
  if (i < n) s1 = hn::MulAdd(loadPart(kF, a + i, n - i), loadPart(kF, x + i, n - i), s1);
  return sumLanes(hn::Add(hn::Add(s0, s1), hn::Add(s2, s3)));
}

void dots(const float* matrix, size_t ld, size_t rows, size_t k, const float* x, float alpha, float* y,
          size_t strideY) {
  for (size_t r = 0; r < rows; ++r) {
    const float* const row = matrix + r * ld;
    if (k <= kSumBlock) {
      y[r * strideY] = alpha * dot(row, x, k);
      continue;
    }
    double sum = 0;
    for (size_t at = 0; at < k; at += kSumBlock) sum += dot(row + at, x + at, HWY_MIN(kSumBlock, k - at));
    y[r * strideY] = static_cast<float>(alpha * sum);
  }
}

constexpr size_t kColumns = 2048;   // a stretch of the result, kept in the first-level cache
constexpr size_t kRowsASum = 1024;  // float32 chains are kept this short

// sum[0..n) (+)= x0 * r0 + ... four rows at a time.
void addRows(const float* matrix, size_t ld, size_t rows, const float* x, float* sum, size_t n) {
  size_t r = 0;
  for (; r + 4 <= rows; r += 4) {
    const float* const row = matrix + r * ld;
    const Vec x0 = hn::Set(kF, x[r]), x1 = hn::Set(kF, x[r + 1]), x2 = hn::Set(kF, x[r + 2]),
              x3 = hn::Set(kF, x[r + 3]);
    size_t j = 0;
    for (; j + kLanes <= n; j += kLanes) {
      Vec s = hn::MulAdd(x0, hn::LoadU(kF, row + j), hn::LoadU(kF, sum + j));
      s = hn::MulAdd(x1, hn::LoadU(kF, row + ld + j), s);
      s = hn::MulAdd(x2, hn::LoadU(kF, row + 2 * ld + j), s);
      hn::StoreU(hn::MulAdd(x3, hn::LoadU(kF, row + 3 * ld + j), s), kF, sum + j);
    }
    for (; j < n; ++j)
      sum[j] += x[r] * row[j] + x[r + 1] * row[ld + j] + x[r + 2] * row[2 * ld + j] + x[r + 3] * row[3 * ld + j];
  }
  for (; r < rows; ++r) {
    const float* const row = matrix + r * ld;
    const Vec x0 = hn::Set(kF, x[r]);
    size_t j = 0;
    for (; j + kLanes <= n; j += kLanes)
      hn::StoreU(hn::MulAdd(x0, hn::LoadU(kF, row + j), hn::LoadU(kF, sum + j)), kF, sum + j);
    for (; j < n; ++j) sum[j] += x[r] * row[j];
  }
}

void combine(const float* matrix, size_t ld, size_t k, size_t columns, const float* x, float alpha, float* y,
             size_t strideY) {
  HWY_ALIGN float sum[kColumns], total[kColumns];
  for (size_t from = 0; from < columns; from += kColumns) {
    const size_t n = HWY_MIN(kColumns, columns - from);
    std::memset(total, 0, n * sizeof(float));
    for (size_t at = 0; at < k; at += kRowsASum) {
      std::memset(sum, 0, n * sizeof(float));
      addRows(matrix + at * ld + from, ld, HWY_MIN(kRowsASum, k - at), x + at, sum, n);
      for (size_t j = 0; j < n; ++j) total[j] += sum[j];
    }
    for (size_t j = 0; j < n; ++j) y[(from + j) * strideY] = alpha * total[j];
  }
}

}  // namespace
}  // namespace switchyard::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace switchyard::cpu {
HWY_EXPORT(dots);
HWY_EXPORT(combine);
void matrixTimesVector(const float* matrix, size_t ld, size_t rows, size_t k, const float* x, float alpha, float* y,
                       size_t strideY) {
  HWY_DYNAMIC_DISPATCH(dots)(matrix, ld, rows, k, x, alpha, y, strideY);
}
void vectorTimesMatrix(const float* matrix, size_t ld, size_t k, size_t columns, const float* x, float alpha, float* y,
                       size_t strideY) {
  HWY_DYNAMIC_DISPATCH(combine)(matrix, ld, k, columns, x, alpha, y, strideY);
}
}  // namespace switchyard::cpu
#endif
