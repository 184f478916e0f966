#pragma once
// GEMM by plain loops: C[m,n] = alpha * op(A) op(B) + beta * C, all row-major, `ld` in elements.
// op transposes when its flag is set: A is stored [m,k], or [k,m] when `ta`; B is stored [k,n], or [n,k] when `tb`.
// beta = 0 assigns. Sums run over k in order.
#include <cstddef>
#include <vector>

namespace brainmt::kernels::ref {

template <class S>
void gemm(bool ta, bool tb, std::size_t m, std::size_t n, std::size_t k, S alpha, const S* a, std::size_t lda,
          const S* b, std::size_t ldb, S beta, S* c, std::size_t ldc) {
  std::vector<S> transposed;  // op(B) with n innermost, so that the inner loop below is always contiguous
  if (tb) {
    transposed.resize(k * n);
    for (std::size_t p = 0; p < k; ++p)
      for (std::size_t j = 0; j < n; ++j) transposed[p * n + j] = b[j * ldb + p];
    b = transposed.data();
    ldb = n;
  }
  for (std::size_t i = 0; i < m; ++i) {
    S* row = c + i * ldc;
    for (std::size_t j = 0; j < n; ++j) row[j] = beta == S(0) ? S(0) : beta * row[j];
    for (std::size_t p = 0; p < k; ++p) {
      const S factor = alpha * (ta ? a[p * lda + i] : a[i * lda + p]);
      for (std::size_t j = 0; j < n; ++j) row[j] += factor * b[p * ldb + j];
    }
  }
}

}  // namespace brainmt::kernels::ref
