// The host's eigensolver for symmetric matrices, used by every backend's pca-fit.
#pragma once
#include <cstdint>

namespace switchyard::cpu {

// The `count` largest eigenvalues of a symmetric matrix [n, n] (destroyed; both triangles given), descending, and their
// unit eigenvectors as rows of vectors [count, n]. 1 <= count <= n. Safe from any thread. A matrix that holds NaN or
// infinities gives NaN everywhere. Throws Internal if LAPACK fails.
void symmetricEigen(float* matrix, uint32_t n, uint32_t count, float* values, float* vectors);

}  // namespace switchyard::cpu
