// The matrix library behind gemm.
#include "blas/blas.h"

#include <limits>
#include <string>

#include "blas/buffers.h"
#include "cpu/matmul.h"
#include "error.h"

namespace switchyard::cpu {
namespace {

int blasInt(size_t value) {
  if (value > static_cast<size_t>(std::numeric_limits<int>::max()))
    throw Error(Code::InvalidArgument,
                "a matrix side of " + std::to_string(value) + " elements is more than the CPU's matrix library takes");
  return static_cast<int>(value);
}

}  // namespace

void gemm(const Gemm& product, const float* a, size_t lda, const float* b, size_t ldb, float* out, size_t ldOut) {
  // Row-major out = a b is column-major out' = b' a'.
  const int m = blasInt(product.n), n = blasInt(product.m), k = blasInt(product.k);
  const int ldFirst = blasInt(ldb), ldSecond = blasInt(lda), ldc = blasInt(ldOut);
  // The library doesn't look at the operands when alpha is 0, but a NaN in them counts.
  const float alpha = product.alpha == 0 ? 1.0f : product.alpha;
  const BlasBuffers buffers;
  sgemm_(product.transposeB ? "T" : "N", product.transposeA ? "T" : "N", &m, &n, &k, &alpha, b, &ldFirst, a, &ldSecond,
         &product.beta, out, &ldc);
  if (product.alpha != 0) return;
  for (size_t row = 0; row < product.m; ++row)
    for (size_t column = 0; column < product.n; ++column) out[row * ldOut + column] *= 0.0f;
}

}  // namespace switchyard::cpu
