#pragma once
// Cholesky factors of symmetric positive definite matrices, and solutions with them. Cut into fixed tiles, which
// `threads` threads compute: the same bits for any number of threads.
//   A = L L'        computed L L' = A + E, |E|_ij <= (n + 1) eps (|L| |L'|)_ij   (Higham 2002, theorem 10.3)
#include <cstddef>
#include <optional>

#include "base/matrix_view.hpp"
#include "linalg/matrix.hpp"
#include "linalg/parallel.hpp"

namespace brainmt::linalg {

/// Replaces the lower triangle of A [n, n] by L; the upper one is neither read nor kept (tiles on the diagonal are).
/// Returns the first row whose pivot is not positive, and A is lost then; nothing when all went well.
[[nodiscard]] std::optional<std::size_t> cholesky(MatrixView<double> a, int threads = linalg::threads());

/// Replaces B [n, m], m right-hand sides, by A^-1 B, L as cholesky() left it.
void solve_with_factor(MatrixView<const double> l, MatrixView<double> b, int threads = linalg::threads());

/// A^-1 B for a symmetric positive definite A; nothing when it is not.
std::optional<Matrix> solve_spd(Matrix a, Matrix b, int threads = linalg::threads());

/// A^-1, symmetric to the last bit; nothing when A is not positive definite.
std::optional<Matrix> inverse_spd(Matrix a, int threads = linalg::threads());

}  // namespace brainmt::linalg
