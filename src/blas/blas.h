// The few routines used of OpenBLAS and its LAPACK (serial build, static): Fortran names, column-major, 32-bit sizes.
#pragma once

namespace switchyard {
extern "C" {
void sgemm_(const char* transposeA, const char* transposeB, const int* m, const int* n, const int* k,
            const float* alpha, const float* a, const int* lda, const float* b, const int* ldb, const float* beta,
            float* c, const int* ldc);
void ssyrk_(const char* uplo, const char* transpose, const int* n, const int* k, const float* alpha, const float* a,
            const int* lda, const float* beta, float* c, const int* ldc);
void ssyevr_(const char* job, const char* range, const char* uplo, const int* n, float* a, const int* lda,
             const float* lower, const float* upper, const int* first, const int* last, const float* tolerance,
             int* found, float* values, float* vectors, const int* ldVectors, int* support, float* work,
             const int* workSize, int* intWork, const int* intWorkSize, int* info);
char* openblas_get_corename(void);
}
}  // namespace switchyard
