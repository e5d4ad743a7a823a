// The eigensolver for symmetric matrices on the host: pca-fit on every backend uses it.
#pragma once
#include <cstdint>

namespace switchyard {

// The `count` largest eigenvalues of a symmetric matrix [n, n] (destroyed; both triangles given), descending, and their
// unit eigenvectors as rows of vectors [count, n]. 1 <= count <= n. Safe from any thread. A matrix that holds NaN or
// infinities gives NaN everywhere. Throws Internal if LAPACK fails.
void symmetricEigen(float* matrix, uint32_t n, uint32_t count, float* values, float* vectors);

}  // namespace switchyard
