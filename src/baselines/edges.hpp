#pragma once
// Features of people, one row a person, and the two ways in which a linear model sees them. Everything is fitted on some
// rows (the training people); nothing of the size of the features is copied: a view is made block by block.
//
//   standardised   z[i, e] = (x[i, e] - mean_e) / sd_e     ddof 0, over the rows it was fitted on
//   unit rows      u[i, e] = (x[i, e] - mean of row i) / norm of that row, so u_i . u_j is the Pearson correlation
//
// A missing value (NaN) counts as the mean of its edge over the fitted rows. An edge that more than 10 % of these rows
// lack is dropped by both; an edge that does not vary over them has z = 0.
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/matrix_view.hpp"
#include "linalg/matrix.hpp"

namespace brainmt::baselines {

using Rows = std::vector<std::size_t>;

/// Numbers of someone else in float or double, [people, edges].
class EdgeMatrix {
 public:
  EdgeMatrix(MatrixView<const float> values) : floats_(values), people_(values.rows), edges_(values.cols) {}
  EdgeMatrix(MatrixView<const double> values) : doubles_(values), people_(values.rows), edges_(values.cols) {}

  std::size_t people() const { return people_; }
  std::size_t edges() const { return edges_; }
  /// Copies the edges [first, first + out.size()) of one person.
  void copy(std::size_t person, std::size_t first, std::span<double> out) const;

 private:
  MatrixView<const float> floats_;
  MatrixView<const double> doubles_;
  std::size_t people_, edges_;
};

/// Of each edge over the rows that were given.
struct EdgeStatistics {
  std::vector<double> mean;            // over those that are not missing; 0 where all are
  std::vector<double> sd;              // ddof 0, of the values with the missing ones at the mean; 0: does not vary
  std::vector<std::uint32_t> missing;  // number of rows
  std::vector<std::uint8_t> kept;      // 0: missing in more than 10 % of the rows
  std::size_t dropped() const;         // for missing values
  std::size_t constant() const;        // kept, sd 0
  std::size_t filled() const;          // missing values of kept edges
};
EdgeStatistics statistics_of(const EdgeMatrix& x, const Rows& rows);

/// A view of the features as a linear model takes them.
class Design {
 public:
  enum class Kind { kStandardised, kUnitRows };

  /// Fits on `rows`. `x` outlives it. With kUnitRows a person whose kept edges are all the same has u = 0.
  Design(const EdgeMatrix& x, Kind kind, const Rows& rows);

  Kind kind() const { return kind_; }
  const EdgeStatistics& statistics() const { return statistics_; }
  std::size_t edges() const { return x_.edges(); }

  /// Edges [first, first + out.cols) of these people into `out` [rows, any].
  void block(std::span<const std::size_t> rows, std::size_t first, MatrixView<double> out) const;
  /// D D' [n, n] of the design D [n, edges] of these people.
  linalg::Matrix gram(const Rows& rows) const;
  /// D' A [edges, m] of A [n, m].
  linalg::Matrix transposed_times(const Rows& rows, const linalg::Matrix& a) const;
  /// D W [n, m] of W [edges, m].
  linalg::Matrix times(const Rows& rows, const linalg::Matrix& w) const;

 private:
  const EdgeMatrix& x_;
  Kind kind_;
  EdgeStatistics statistics_;
  std::vector<double> row_mean_, row_scale_;  // by person, of kUnitRows
};

/// cov(x_e, prediction) over `rows` (divided by n), missing values at the mean of the edge: the pattern of Haufe et al.
/// 2014, which says where the signal lies; a weight alone does not. `prediction` by row, [n, m]; result [edges, m].
linalg::Matrix haufe_patterns(const EdgeMatrix& x, const EdgeStatistics& statistics, const Rows& rows,
                              const linalg::Matrix& prediction);

}  // namespace brainmt::baselines
