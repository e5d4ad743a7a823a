// LAPACK's ssyevr: tridiagonal reduction, then only the wanted eigenpairs.
#include "blas/eigen.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "blas/blas.h"
#include "blas/buffers.h"
#include "error.h"

// The one function that LAPACK's Fortran objects need of their run-time library (they join two option letters for a
// look-up), so that the addon doesn't drag in libgfortran. Weak: where the real one is linked, it wins.
extern "C" __attribute__((weak)) void _gfortran_concat_string(size_t length, char* to, size_t firstLength,
                                                              const char* first, size_t secondLength,
                                                              const char* second) {
  const size_t fromFirst = std::min(length, firstLength), fromSecond = std::min(length - fromFirst, secondLength);
  std::memcpy(to, first, fromFirst);
  std::memcpy(to + fromFirst, second, fromSecond);
  std::memset(to + fromFirst + fromSecond, ' ', length - fromFirst - fromSecond);
}

namespace switchyard {
namespace {

bool allFinite(const float* values, size_t count) {
  return std::all_of(values, values + count, [](float value) { return std::isfinite(value); });
}

// ssyevr's vectors of close values may be some 1e-5 off a right angle. One step of V - V (V^T V - I) / 2 squares that.
void orthonormalize(float* columns, uint32_t n, uint32_t count) {
  const int rows = static_cast<int>(n), size = static_cast<int>(count);
  const float one = 1, zero = 0, minusHalf = -0.5f, scale = 1.5f;
  std::vector<float> products(size_t{count} * count), before(columns, columns + size_t{n} * count);
  sgemm_("T", "N", &size, &size, &rows, &one, before.data(), &rows, before.data(), &rows, &zero, products.data(),
         &size);
  sgemm_("N", "N", &rows, &size, &size, &minusHalf, before.data(), &rows, products.data(), &size, &scale, columns,
         &rows);
}

}  // namespace

void symmetricEigen(float* matrix, uint32_t n, uint32_t count, float* values, float* vectors) {
  if (!allFinite(matrix, size_t{n} * n)) {  // LAPACK's iterations would not end well
    std::fill_n(values, count, std::numeric_limits<float>::quiet_NaN());
    std::fill_n(vectors, size_t{count} * n, std::numeric_limits<float>::quiet_NaN());
    return;
  }
  const BlasBuffers buffers(BlasBuffers::kMost);
  const int size = static_cast<int>(n), first = size - static_cast<int>(count) + 1, last = size;
  const float unused = 0, tolerance = 0;
  std::vector<float> ascending(n), columns(size_t{n} * count);
  std::vector<int> support(2 * size_t{n});
  int found = 0, info = 0, workSize = -1, intWorkSize = -1, intWorkBest = 0;
  float workBest = 0;
  const auto solve = [&](float* work, int* intWork) {
    ssyevr_("V", count == n ? "A" : "I", "L", &size, matrix, &size, &unused, &unused, &first, &last, &tolerance, &found,
            ascending.data(), columns.data(), &size, support.data(), work, &workSize, intWork, &intWorkSize, &info);
  };
  solve(&workBest, &intWorkBest);  // asks for the best sizes
  workSize = static_cast<int>(workBest);
  intWorkSize = intWorkBest;
  std::vector<float> work(static_cast<size_t>(std::max(1, workSize)));
  std::vector<int> intWork(static_cast<size_t>(std::max(1, intWorkSize)));
  if (info == 0) solve(work.data(), intWork.data());
  if (info != 0 || found != static_cast<int>(count))
    throw Error(Code::Internal, "LAPACK's ssyevr failed with " + std::to_string(info) + " on a matrix of " +
                                    std::to_string(n) + " x " + std::to_string(n));
  orthonormalize(columns.data(), n, count);
  // Column-major columns are rows here; ascending becomes descending.
  for (uint32_t i = 0; i < count; ++i) {
    values[i] = ascending[count - 1 - i];
    std::memcpy(vectors + size_t{i} * n, columns.data() + size_t{count - 1 - i} * n, n * sizeof(float));
  }
}

}  // namespace switchyard
