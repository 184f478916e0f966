#pragma once
// The float GEMM inside the tiles of kernels/attention.hpp (its SmallGemm).
#include <cstddef>

namespace brainmt::dnn {

/// Row-major C[m,n] = alpha * op(A) op(B) + beta * C; op transposes when its flag is set.
void small_gemm(bool transpose_a, bool transpose_b, std::size_t m, std::size_t n, std::size_t k, float alpha,
                const float* a, std::size_t lda, const float* b, std::size_t ldb, float beta, float* c,
                std::size_t ldc);

}  // namespace brainmt::dnn
