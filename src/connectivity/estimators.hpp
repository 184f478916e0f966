#pragma once
// Connectivity of one run, in double, from its series X [P, T] (a row a parcel).
//   pearson         r_ij = <x_i, x_j> / (|x_i| |x_j|),  x centred; diagonal exactly 1
//   Ledoit-Wolf     S = X X' / T,  m = tr S / P,  d = |S - m I|^2 / P
//                   b = min(d, (sum_t |x_t|^4 / T - |S|^2) / (T P)),  s = b / d
//                   C = (1 - s) S + s m I                          (Ledoit and Wolf 2004)
//   shrunk          C_ij / sqrt(C_ii C_jj)
//   partial         -Q_ij / sqrt(Q_ii Q_jj),  Q = C^-1; diagonal exactly 1
//   fisher z        atanh(r),  r clipped to +-(1 - 1e-6)
// Edges are the upper triangle row by row: (0, 1), (0, 2), ..., (1, 2), ...; MATLAB's lower triangle by columns.
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "linalg/matrix.hpp"

namespace brainmt::connectivity {

inline constexpr double kClip = 1 - 1e-6;  // of |r|, before atanh

/// What covariances are estimated from: each parcel centred and divided by its sd (ddof 0), or centred only, as nilearn
/// does: a loud parcel then sets the shrinkage of all.
enum class Scale { kZScore, kRaw };

/// Centred, and scaled. A parcel whose values are all equal becomes 0. Needs no finite values: NaN stays in its row.
linalg::Matrix standardized(linalg::Matrix x, Scale scale);
/// Rows of X that say nothing: a value that is not finite, or all values equal.
std::vector<bool> missing_parcels(const linalg::Matrix& x);

/// [P, P]; r of a parcel without variance is 0.
linalg::Matrix pearson(const linalg::Matrix& x);

struct Covariance {
  linalg::Matrix matrix;  // [P, P]
  double shrinkage = 0;   // s, 0 to 1
};
/// Of centred rows; `shrinkage` instead of Ledoit and Wolf's where it is given.
Covariance shrunk_covariance(const linalg::Matrix& centred, std::optional<double> shrinkage = {});

linalg::Matrix correlation_of(const linalg::Matrix& covariance);
/// Nothing where the covariance is singular: more shrinkage or more frames are needed.
std::optional<linalg::Matrix> partial_of(const linalg::Matrix& covariance);

double fisher(double r);

/// A pair of parcels, a < b; also a == b where the vector holds a diagonal.
struct Edge {
  std::uint32_t a = 0, b = 0;
};
/// The edges of P parcels in the order of the vectors; with a diagonal behind them, as tangent vectors have.
std::vector<Edge> edges_of(std::size_t parcels, bool with_diagonal = false);
/// The upper triangle without the diagonal, in that order.
std::vector<double> upper_triangle(const linalg::Matrix& matrix);
/// sqrt(2) x the upper triangle, then the diagonal: its dot product is that of the matrices.
std::vector<double> tangent_vector(const linalg::Matrix& matrix);

}  // namespace brainmt::connectivity
