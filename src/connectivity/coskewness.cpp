#include "connectivity/coskewness.hpp"

#include <algorithm>

#include "base/error.hpp"
#include "linalg/eigen.hpp"
#include "linalg/products.hpp"

namespace brainmt::connectivity {

using linalg::Matrix;
using linalg::Op;

// Over blocks B of frames: (X (K o K) X')= sum_B X_B ((X_B' X) o (X_B' X)) X'.
Matrix coskewness_operator(const Matrix& x) {
  constexpr std::size_t kBlock = 256;
  const std::size_t parcels = x.rows, frames = x.cols;
  Matrix sum(parcels, parcels);
  for (std::size_t first = 0; first < frames; first += kBlock) {
    const std::size_t count = std::min(kBlock, frames - first);
    const MatrixView<const double> block{x.values.data() + first, frames, parcels, count};
    Matrix k = matmul(block, Op::kTranspose, x.view(), Op::kNone, 1);  // [count, T]
    for (double& value : k.values) value *= value;
    const Matrix weighted = matmul(k.view(), Op::kNone, x.view(), Op::kTranspose, 1);  // [count, P]
    const Matrix part = matmul(block, Op::kNone, weighted.view(), Op::kNone, 1);
    for (std::size_t i = 0; i < sum.values.size(); ++i) sum.values[i] += part.values[i];
  }
  const double scale = 1 / (static_cast<double>(frames) * static_cast<double>(frames));
  for (std::size_t i = 0; i < parcels; ++i) {
    for (std::size_t j = 0; j <= i; ++j) sum(i, j) = sum(j, i) = (sum(i, j) + sum(j, i)) / 2 * scale;
  }
  return sum;
}

Matrix leading_subspace(const Matrix& op, std::size_t components, double* share) {
  BRAINMT_CHECK(components >= 1 && components <= op.rows, "{} components of {}", components, op.rows);
  const linalg::Eigenpairs eigen = linalg::eigendecompose(op, "the operator of coskewness");
  Matrix subspace(components, op.rows);
  double kept = 0, total = 0;
  for (const double value : eigen.values) total += value;
  for (std::size_t k = 0; k < components; ++k) {
    const std::size_t from = op.rows - 1 - k;
    std::ranges::copy(eigen.vectors.row(from), subspace.row(k).begin());
    kept += eigen.values[from];
  }
  if (share != nullptr) *share = total > 0 ? kept / total : 0;
  return subspace;
}

}  // namespace brainmt::connectivity
