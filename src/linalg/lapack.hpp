#pragma once
// The routines of BLAS and LAPACK that src/linalg calls, by their Fortran names, which OpenBLAS, MKL and the reference
// have in common. Matrices are column-major there: our row-major A is their A'.
// Lengths of character arguments are left out, as CBLAS and LAPACKE do: all are of one letter.
namespace brainmt::linalg::lapack {

extern "C" {
void dgemm_(const char* transa, const char* transb, const int* m, const int* n, const int* k, const double* alpha,
            const double* a, const int* lda, const double* b, const int* ldb, const double* beta, double* c,
            const int* ldc);
void dsyrk_(const char* uplo, const char* trans, const int* n, const int* k, const double* alpha, const double* a,
            const int* lda, const double* beta, double* c, const int* ldc);
void dtrsm_(const char* side, const char* uplo, const char* transa, const char* diag, const int* m, const int* n,
            const double* alpha, const double* a, const int* lda, double* b, const int* ldb);
void dpotrf_(const char* uplo, const int* n, double* a, const int* lda, int* info);
void dsyevd_(const char* jobz, const char* uplo, const int* n, double* a, const int* lda, double* w, double* work,
             const int* lwork, int* iwork, const int* liwork, int* info);
}

}  // namespace brainmt::linalg::lapack
