// The matrix library behind gemm, and what makes it safe to call from several threads.
// Debian builds serial OpenBLAS without USE_LOCKING: it hands out its packing buffers without a lock, so that two
// products at the same moment can get the same one and spoil each other's result. The linker's --wrap sends its
// requests through the two functions here, which take turns. That costs some 20 ns a product.
#include "blas/blas.h"

#include <limits>
#include <mutex>
#include <string>

#include "cpu/matmul.h"
#include "error.h"

extern "C" {
void* __real_blas_memory_alloc(int kind);
void __real_blas_memory_free(void* buffer);
void* __wrap_blas_memory_alloc(int kind);
void __wrap_blas_memory_free(void* buffer);
}

namespace switchyard::cpu {
namespace {

constinit std::mutex buffers;

int blasInt(size_t value) {
  if (value > static_cast<size_t>(std::numeric_limits<int>::max()))
    throw Error(Code::InvalidArgument,
                "a matrix side of " + std::to_string(value) + " elements is more than the CPU's matrix library takes");
  return static_cast<int>(value);
}

}  // namespace

void gemm(const Product& product, const float* a, size_t lda, const float* b, size_t ldb, float* out, size_t ldOut) {
  // Row-major out = a b is column-major out' = b' a'.
  const int m = blasInt(product.n), n = blasInt(product.m), k = blasInt(product.k);
  const int ldFirst = blasInt(ldb), ldSecond = blasInt(lda), ldc = blasInt(ldOut);
  // The library doesn't look at the operands when alpha is 0, but a NaN in them counts.
  const float alpha = product.alpha == 0 ? 1.0f : product.alpha;
  sgemm_(product.transposeB ? "T" : "N", product.transposeA ? "T" : "N", &m, &n, &k, &alpha, b, &ldFirst, a, &ldSecond,
         &product.beta, out, &ldc);
  if (product.alpha != 0) return;
  for (size_t row = 0; row < product.m; ++row)
    for (size_t column = 0; column < product.n; ++column) out[row * ldOut + column] *= 0.0f;
}

}  // namespace switchyard::cpu

void* __wrap_blas_memory_alloc(int kind) {
  const std::lock_guard lock(switchyard::cpu::buffers);
  return __real_blas_memory_alloc(kind);
}

void __wrap_blas_memory_free(void* buffer) {
  const std::lock_guard lock(switchyard::cpu::buffers);
  __real_blas_memory_free(buffer);
}
