#pragma once
// Eigendecomposition of a symmetric matrix in double (LAPACK's dsyevd, one thread), and functions of such a matrix.
//   A = V' diag(w) V        error of each w: a small multiple of eps |A|_2
#include <functional>
#include <vector>

#include "linalg/matrix.hpp"

namespace brainmt::linalg {

struct Eigenpairs {
  std::vector<double> values;  // w [n], ascending
  Matrix vectors;  // V [n, n]: row k belongs to w[k]; its entry of largest size (the first of equals) is positive
};

/// Reads the lower triangle of A [n, n]. Throws NonFiniteError when A is not finite or LAPACK does not converge; `what`
/// names the matrix in the message.
Eigenpairs eigendecompose(Matrix a, const char* what);

/// V' diag(f(w)) V, symmetric to the last bit.
Matrix apply(const Eigenpairs& eigen, const std::function<double(double)>& f);

}  // namespace brainmt::linalg
