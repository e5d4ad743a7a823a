// Matrix products: OpenBLAS on one thread a tile, tiles shared out by our own team.
#pragma once
#include <cstddef>

#include "cpu/team.h"
#include "device.h"

namespace switchyard::cpu {

// Everything struct Matmul says, on the budget's threads.
void matmul(const Matmul& op, const Budget& budget);

// out[m, n] = alpha * op(a) * op(b) + beta * out on the calling thread, row-major, as struct Matmul names things.
struct Gemm {
  size_t m, n, k;
  bool transposeA = false, transposeB = false;
  float alpha = 1, beta = 0;
};
void gemm(const Gemm& product, const float* a, size_t lda, const float* b, size_t ldb, float* out, size_t ldOut);

// y[i * strideY] = alpha * (row i of matrix) . x for i < rows.
void matrixTimesVector(const float* matrix, size_t ld, size_t rows, size_t k, const float* x, float alpha, float* y,
                       size_t strideY);
// y[j * strideY] = alpha * sum over i < k of x[i] * matrix[i, j], for j < columns.
void vectorTimesMatrix(const float* matrix, size_t ld, size_t k, size_t columns, const float* x, float alpha, float* y,
                       size_t strideY);

}  // namespace switchyard::cpu
