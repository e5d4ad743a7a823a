// Who makes a matrix product: loops for one row or one column, our own tiles (product.h), or the library for narrow
// outputs and processors without wide vectors. Our tiles are 5 to 15% faster than the library, OpenBLAS's serial
// build linked statically (AVX2 82 against 78, AVX-512 158 against 140 GFLOP/s a core at 256, with its kernels for
// Haswell and SkylakeX), and within 5% of it on Zen 3. oneDNN 2.6.3 was 7 to 10% faster than OpenBLAS on large squares
// and slower at 64, but brings an OpenMP run-time with threads of its own and no LAPACK.
#include "cpu/matmul.h"

#include <cmath>
#include <cstring>
#include <vector>

#include "cpu/parts.h"
#include "cpu/product.h"
#include "cpu/product_sets.h"
#include "cpu/scratch.h"

namespace switchyard::cpu {
namespace {

constexpr double kFlopsANs = 100;  // of one core, for estimates
constexpr size_t kVectorColumns = 4096;
constexpr uint64_t kSmallProduct = 64 * 64 * 64;
constexpr size_t kLongestInTiles = 16384;

int32_t bitsOf(float x) {
  int32_t bits;
  std::memcpy(&bits, &x, sizeof bits);
  return bits;
}

// Has the sign's bit where x is not finite: of an exponent that is all ones.
uint32_t overflowIfNotFinite(float x) { return (static_cast<uint32_t>(bitsOf(x)) & 0x7F800000u) + 0x00800000u; }

bool allFinite(const float* row, size_t n) {
  uint32_t overflows = 0;
  for (size_t i = 0; i < n; ++i) overflows |= overflowIfNotFinite(row[i]);
  return overflows < 0x80000000u;
}

// One factor of a product, as the sums see it: element i of sum `at` is data[at * step + i * stride].
class Factor {
 public:
  Factor(const float* data, size_t count, size_t step, size_t stride, size_t k)
      : data_(data), count_(count), step_(step), stride_(stride), k_(k) {}

  size_t count() const { return count_; }
  double element(size_t at, size_t i) const { return data_[at * step_ + i * stride_]; }

  // Whether all that goes into sum `at` is finite: looked at when it is asked for, once.
  bool isFinite(size_t at) {
    if (known_.empty()) {
      known_.assign(count_, kUnknown);
      if (stride_ != 1) lookAtAll();
    }
    if (known_[at] == kUnknown) known_[at] = allFinite(data_ + at * step_, k_) ? kFinite : kNotFinite;
    return known_[at] == kFinite;
  }

 private:
  enum Known : uint8_t { kUnknown, kFinite, kNotFinite };

  // Along the stored rows, each of which has an element for every sum.
  void lookAtAll() {
    std::vector<uint32_t> overflows(count_, 0);
    for (size_t i = 0; i < k_; ++i) {
      const float* const row = data_ + i * stride_;
      for (size_t at = 0; at < count_; ++at) overflows[at] |= overflowIfNotFinite(row[at]);
    }
    for (size_t at = 0; at < count_; ++at) known_[at] = overflows[at] < 0x80000000u ? kFinite : kNotFinite;
  }

  const float* data_;
  size_t count_, step_, stride_, k_;
  std::vector<uint8_t> known_;
};

// Sums that overflowed on the way, or before alpha, are made again in double: row r, column c of `out` is of a's r-th
// and b's c-th. What a NaN or an infinity among the factors made so stays.
void mend(Factor a, Factor b, size_t k, float alpha, float* out, size_t ldOut, const Budget& budget) {
  for (size_t r = 0; r < a.count(); ++r) {
    float* const row = out + r * ldOut;
    if (allFinite(row, b.count())) continue;
    if (b.count() == 1 && !b.isFinite(0)) return;  // a vector, which is looked through sooner than the matrix
    if (!a.isFinite(r)) continue;
    for (size_t c = 0; c < b.count() && !budget.stopped(); ++c) {
      if (std::isfinite(row[c]) || !b.isFinite(c)) continue;
      double sum = 0;
      for (size_t i = 0; i < k; ++i) sum += a.element(r, i) * b.element(c, i);
      row[c] = static_cast<float>(alpha * sum);
    }
  }
}

// The largest magnitude of a matrix; infinite or NaN where an element is.
float largestOf(const float* matrix, size_t rows, size_t columns, size_t ld) {
  int32_t largest = 0;
  for (size_t r = 0; r < rows; ++r)
    for (size_t i = 0; i < columns; ++i) largest = std::max(largest, bitsOf(matrix[r * ld + i]) & 0x7FFFFFFF);
  float result;
  std::memcpy(&result, &largest, sizeof result);
  return result;
}

struct Operands {
  const float *a, *b;
  float* out;
};

Operands operands(const Matmul& op, uint64_t item) {
  return {op.a.host<const float>() + item * op.strideA, op.b.host<const float>() + item * op.strideB,
          op.out.host<float>() + item * op.strideOut};
}

void zeros(const Matmul& op) {
  for (uint64_t item = 0; item < op.batch; ++item)
    for (size_t row = 0; row < op.m; ++row)
      std::memset(operands(op, item).out + row * op.ldOut, 0, op.n * sizeof(float));
}

void tiled(const Matmul& op, const Budget& budget) {
  const Tiles tiles = tilesOf(op, budget.threads);
  const uint64_t tilesAnItem = uint64_t{tiles.countM} * tiles.countN;
  const double tileNs = 100 + 2.0 * op.m * op.n * op.k / static_cast<double>(tilesAnItem) / kFlopsANs;
  const uint64_t count = tilesAnItem * op.batch;
  const uint64_t grain = tilesAnItem > 1 ? 1 : grainFor(budget, count, tileNs);
  parallelFor(budget, count, grain, [&](uint64_t begin, uint64_t end, uint32_t) {
    for (uint64_t i = begin; i < end; ++i) {
      const uint64_t tile = i % tilesAnItem;
      const size_t row = tile / tiles.countN * tiles.tileM, column = tile % tiles.countN * tiles.tileN;
      const Operands at = operands(op, i / tilesAnItem);
      const size_t m = std::min<size_t>(tiles.tileM, op.m - row), n = std::min<size_t>(tiles.tileN, op.n - column);
      const float* const a = at.a + (op.transposeA ? row : row * op.lda);
      const float* const b = at.b + (op.transposeB ? column * op.ldb : column);
      gemm({.m = m, .n = n, .k = op.k, .transposeA = op.transposeA, .transposeB = op.transposeB, .alpha = op.alpha}, a,
           op.lda, b, op.ldb, at.out + row * op.ldOut + column, op.ldOut);
      // Whether any sum may have overflowed is seen in what is smaller, the factors or the result.
      if ((m + n) * op.k < m * n / 2) {
        const double largestA = op.transposeA ? largestOf(a, op.k, m, op.lda) : largestOf(a, m, op.k, op.lda),
                     largestB = op.transposeB ? largestOf(b, n, op.k, op.ldb) : largestOf(b, op.k, n, op.ldb);
        if (largestA * largestB * op.k * std::max(1.0, std::fabs(double{op.alpha})) < 1e38) continue;
      }
      mend({a, m, op.transposeA ? 1 : op.lda, op.transposeA ? op.lda : 1, op.k},
           {b, n, op.transposeB ? op.ldb : 1, op.transposeB ? 1 : op.ldb, op.k}, op.k, op.alpha,
           at.out + row * op.ldOut + column, op.ldOut, budget);
    }
  });
}

// The product with one row or one column, as matrix times vector. The library would pack the whole matrix for it.
struct VectorProduct {
  bool matrixIsA;    // n == 1: the matrix is op(a); m == 1: it is op(b)
  bool rowsAreDots;  // each output is the dot product of a stored row of the matrix with the vector
  size_t outputs, vectorStride, outStride, ld;

  explicit VectorProduct(const Matmul& op)
      : matrixIsA(op.n == 1),
        rowsAreDots(matrixIsA ? !op.transposeA : op.transposeB),
        outputs(matrixIsA ? op.m : op.n),
        vectorStride(matrixIsA ? (op.transposeB ? 1 : op.ldb) : (op.transposeA ? op.lda : 1)),
        outStride(matrixIsA ? op.ldOut : 1),
        ld(matrixIsA ? op.lda : op.ldb) {}
};

void asVector(const Matmul& op, const Budget& budget) {
  const VectorProduct v(op);
  const double outputNs = 5 + 0.13 * op.k;
  const uint64_t step = v.rowsAreDots ? 1 : kVectorColumns;
  const uint64_t grain = grainFor(budget, v.outputs, outputNs, step);
  const uint64_t pieces = (v.outputs - 1) / grain + 1, count = pieces * op.batch;
  parallelFor(budget, count, pieces > 1 ? 1 : grainFor(budget, count, outputNs * static_cast<double>(v.outputs)),
              [&](uint64_t begin, uint64_t end, uint32_t) {
                Scratch gathered(v.vectorStride == 1 ? 0 : op.k * sizeof(float));
                for (uint64_t i = begin; i < end; ++i) {
                  const Operands at = operands(op, i / pieces);
                  const float* const matrix = v.matrixIsA ? at.a : at.b;
                  const float* x = v.matrixIsA ? at.b : at.a;
                  if (v.vectorStride != 1) {
                    for (size_t j = 0; j < op.k; ++j) gathered.as<float>()[j] = x[j * v.vectorStride];
                    x = gathered.as<float>();
                  }
                  const size_t from = i % pieces * grain, n = std::min<size_t>(grain, v.outputs - from);
                  float* const y = at.out + from * v.outStride;
                  if (v.rowsAreDots)
                    matrixTimesVector(matrix + from * v.ld, v.ld, n, op.k, x, op.alpha, y, v.outStride);
                  else
                    vectorTimesMatrix(matrix + from, v.ld, op.k, n, x, op.alpha, y, v.outStride);
                  mend({v.rowsAreDots ? matrix + from * v.ld : matrix + from, n, v.rowsAreDots ? v.ld : 1,
                        v.rowsAreDots ? 1 : v.ld, op.k},
                       {x, 1, op.k, 1, op.k}, op.k, op.alpha, y, v.outStride, budget);
                }
              });
}

}  // namespace

void matmul(const Matmul& op, const Budget& budget) {
  if (!op.isPlain()) return multiplyInTiles(op, budget);
  if (op.k == 0) return zeros(op);
  if (op.m == 1 || op.n == 1) return asVector(op, budget);
  // Narrow outputs would leave most of a tile empty, small ones are done before one is laid out; without vectors of a
  // size our tiles are slower, and long sums take them scratch that the library does without.
  const size_t columns = floatTiles().columns;
  const uint64_t products = uint64_t{op.m} * op.n * op.k;
  if (columns >= 16 && op.n >= columns / 2 && op.k <= kLongestInTiles && products > kSmallProduct)
    return multiplyInTiles(op, budget);
  tiled(op, budget);
}

}  // namespace switchyard::cpu
