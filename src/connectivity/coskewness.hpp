#pragma once
// A subspace that keeps the third-order cumulants of the training scans. The idea that such a subspace serves prediction
// is of arXiv 2606.04010; the derivation is ours. X [P, T], standardised per parcel:
//   M_i,(jk) = sum_t x_it x_jt x_kt / T                    the cumulants, unfolded [P, P^2]
//   M M'     = sum_t,s x_t x_s' (x_t . x_s)^2 / T^2 = X (K o K) X' / T^2,   K = X' X, o elementwise
// The projection on q orthonormal rows that loses least of M (least squares) is that on the leading q eigenvectors of
// M M', or of its mean over scans. So P^3 numbers are never formed: 4 P T^2 multiply-adds and P T + 256 T numbers.
#include "linalg/matrix.hpp"

namespace brainmt::connectivity {

/// M M' [P, P] of X [P, T], symmetric to the last bit. One thread.
linalg::Matrix coskewness_operator(const linalg::Matrix& standardized);

/// The leading `components` eigenvectors [q, P] of an operator, the first of the largest eigenvalue; their signs as in
/// linalg::Eigenpairs. `share`, when given, receives the part of the operator's trace that they hold.
linalg::Matrix leading_subspace(const linalg::Matrix& op, std::size_t components, double* share = nullptr);

}  // namespace brainmt::connectivity
