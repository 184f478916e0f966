#include "baselines/edges.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/error.hpp"
#include "linalg/parallel.hpp"
#include "linalg/products.hpp"

namespace brainmt::baselines {
namespace {

using linalg::Matrix;

// Widths in edges and people of pieces of work: results do not depend on the number of threads, as every number comes
// from one piece.
constexpr std::size_t kEdges = 256, kGramEdges = 1024, kPeople = 128;
static_assert(kGramEdges % linalg::GramSum::kPanel == 0);

std::size_t pieces(std::size_t count, std::size_t width) { return (count + width - 1) / width; }

}  // namespace

void EdgeMatrix::copy(std::size_t person, std::size_t first, std::span<double> out) const {
  if (floats_.data != nullptr)
    std::copy_n(floats_.row(person, first), out.size(), out.begin());
  else
    std::copy_n(doubles_.row(person, first), out.size(), out.begin());
}

std::size_t EdgeStatistics::dropped() const { return static_cast<std::size_t>(std::ranges::count(kept, 0)); }

std::size_t EdgeStatistics::constant() const {
  std::size_t count = 0;
  for (std::size_t e = 0; e < kept.size(); ++e) count += kept[e] != 0 && sd[e] == 0;
  return count;
}

std::size_t EdgeStatistics::filled() const {
  std::size_t count = 0;
  for (std::size_t e = 0; e < kept.size(); ++e) count += kept[e] != 0 ? missing[e] : 0;
  return count;
}

EdgeStatistics statistics_of(const EdgeMatrix& x, const Rows& rows) {
  BRAINMT_CHECK(!rows.empty(), "statistics of no rows");
  const std::size_t edges = x.edges();
  EdgeStatistics s{.mean = std::vector<double>(edges),
                   .sd = std::vector<double>(edges),
                   .missing = std::vector<std::uint32_t>(edges),
                   .kept = std::vector<std::uint8_t>(edges)};
  const double n = static_cast<double>(rows.size());
  linalg::parallel_for(pieces(edges, kEdges), linalg::threads(), [&](std::size_t piece) {
    const std::size_t first = piece * kEdges, width = std::min(kEdges, edges - first);
    std::vector<double> values(width), squares(width), largest(width);
    for (const std::size_t row : rows) {
      x.copy(row, first, values);
      for (std::size_t e = 0; e < width; ++e) {
        if (std::isnan(values[e]))
          ++s.missing[first + e];
        else
          s.mean[first + e] += values[e], largest[e] = std::max(largest[e], std::abs(values[e]));
      }
    }
    for (std::size_t e = 0; e < width; ++e) {
      const double known = n - s.missing[first + e];
      s.mean[first + e] = known > 0 ? s.mean[first + e] / known : 0.0;
      s.kept[first + e] = 10.0 * s.missing[first + e] <= n ? 1 : 0;
    }
    for (const std::size_t row : rows) {
      x.copy(row, first, values);
      for (std::size_t e = 0; e < width; ++e) {
        const double d = std::isnan(values[e]) ? 0.0 : values[e] - s.mean[first + e];
        squares[e] += d * d;
      }
    }
    // What differs by less than float holds does not vary: the rounding of a mean is no signal.
    constexpr double kFloatRounding = 1e-7;
    for (std::size_t e = 0; e < width; ++e) {
      const double sd = std::sqrt(squares[e] / n);
      s.sd[first + e] = sd > kFloatRounding * largest[e] ? sd : 0.0;
    }
  });
  return s;
}

Design::Design(const EdgeMatrix& x, Kind kind, const Rows& rows)
    : x_(x), kind_(kind), statistics_(statistics_of(x, rows)) {
  if (kind == Kind::kStandardised) return;
  row_mean_.assign(x.people(), 0.0);
  row_scale_.assign(x.people(), 0.0);
  const double kept = static_cast<double>(x.edges() - statistics_.dropped());
  linalg::parallel_for(pieces(x.people(), kPeople), linalg::threads(), [&](std::size_t piece) {
    std::vector<double> values(x.edges());
    for (std::size_t i = piece * kPeople; i < std::min(x.people(), (piece + 1) * kPeople); ++i) {
      x.copy(i, 0, values);
      double sum = 0, squares = 0;
      for (std::size_t e = 0; e < values.size(); ++e) {
        if (statistics_.kept[e] == 0) continue;
        if (std::isnan(values[e])) values[e] = statistics_.mean[e];
        sum += values[e];
      }
      row_mean_[i] = kept > 0 ? sum / kept : 0.0;
      for (std::size_t e = 0; e < values.size(); ++e)
        if (statistics_.kept[e] != 0) squares += (values[e] - row_mean_[i]) * (values[e] - row_mean_[i]);
      row_scale_[i] = squares > 0 ? 1 / std::sqrt(squares) : 0.0;
    }
  });
}

void Design::block(std::span<const std::size_t> rows, std::size_t first, MatrixView<double> out) const {
  const EdgeStatistics& s = statistics_;
  for (std::size_t r = 0; r < rows.size(); ++r) {
    const std::span<double> row(out.row(r), out.cols);
    x_.copy(rows[r], first, row);
    for (std::size_t k = 0; k < row.size(); ++k) {
      const std::size_t e = first + k;
      const double value = std::isnan(row[k]) ? s.mean[e] : row[k];
      if (s.kept[e] == 0)
        row[k] = 0.0;
      else if (kind_ == Kind::kStandardised)
        row[k] = s.sd[e] > 0 ? (value - s.mean[e]) / s.sd[e] : 0.0;
      else
        row[k] = (value - row_mean_[rows[r]]) * row_scale_[rows[r]];
    }
  }
}

Matrix Design::gram(const Rows& rows) const {
  linalg::GramSum sum(rows.size());
  Matrix panel(rows.size(), std::min(kGramEdges, edges()));
  for (std::size_t first = 0; first < edges(); first += kGramEdges) {
    const std::size_t width = std::min(kGramEdges, edges() - first);
    linalg::parallel_for(pieces(rows.size(), kPeople), linalg::threads(), [&](std::size_t piece) {
      const std::size_t begin = piece * kPeople, count = std::min(kPeople, rows.size() - begin);
      block(std::span(rows).subspan(begin, count), first, {&panel(begin, 0), panel.cols, count, width});
    });
    sum.add(MatrixView<const double>{panel.values.data(), panel.cols, rows.size(), width});
  }
  return sum.take();
}

Matrix Design::transposed_times(const Rows& rows, const Matrix& a) const {
  BRAINMT_CHECK(a.rows == rows.size(), "{} rows for {} people", a.rows, rows.size());
  Matrix w(edges(), a.cols);
  linalg::parallel_for(pieces(edges(), kEdges), linalg::threads(), [&](std::size_t piece) {
    const std::size_t first = piece * kEdges, width = std::min(kEdges, edges() - first);
    Matrix d(rows.size(), width);
    block(rows, first, d.view());
    const Matrix part = linalg::matmul(d.view(), linalg::Op::kTranspose, a.view(), linalg::Op::kNone, /*threads=*/1);
    std::ranges::copy(part.values, w.row(first).begin());
  });
  return w;
}

Matrix Design::times(const Rows& rows, const Matrix& w) const {
  BRAINMT_CHECK(w.rows == edges(), "{} rows for {} edges", w.rows, edges());
  Matrix result(rows.size(), w.cols);
  linalg::parallel_for(pieces(rows.size(), kPeople), linalg::threads(), [&](std::size_t piece) {
    const std::size_t begin = piece * kPeople, count = std::min(kPeople, rows.size() - begin);
    Matrix d(count, kEdges);
    for (std::size_t first = 0; first < edges(); first += kEdges) {
      const std::size_t width = std::min(kEdges, edges() - first);
      const MatrixView<double> panel{d.values.data(), d.cols, count, width};
      block(std::span(rows).subspan(begin, count), first, panel);
      const Matrix part = linalg::matmul(panel, linalg::Op::kNone, {&w.values[first * w.cols], w.cols, width, w.cols},
                                         linalg::Op::kNone, /*threads=*/1);
      for (std::size_t i = 0; i < count; ++i)
        for (std::size_t m = 0; m < w.cols; ++m) result(begin + i, m) += part(i, m);
    }
  });
  return result;
}

Matrix haufe_patterns(const EdgeMatrix& x, const EdgeStatistics& statistics, const Rows& rows,
                      const Matrix& prediction) {
  BRAINMT_CHECK(prediction.rows == rows.size(), "{} predictions for {} people", prediction.rows, rows.size());
  Matrix centred = prediction, pattern(x.edges(), prediction.cols);
  const double n = static_cast<double>(rows.size());
  for (std::size_t m = 0; m < prediction.cols; ++m) {
    double mean = 0;
    for (std::size_t i = 0; i < rows.size(); ++i) mean += prediction(i, m) / n;
    for (std::size_t i = 0; i < rows.size(); ++i) centred(i, m) -= mean;
  }
  linalg::parallel_for(pieces(x.edges(), kEdges), linalg::threads(), [&](std::size_t piece) {
    const std::size_t first = piece * kEdges, width = std::min(kEdges, x.edges() - first);
    std::vector<double> values(width);
    for (std::size_t i = 0; i < rows.size(); ++i) {
      x.copy(rows[i], first, values);
      for (std::size_t e = 0; e < width; ++e) {
        const double d = std::isnan(values[e]) ? 0.0 : values[e] - statistics.mean[first + e];
        for (std::size_t m = 0; m < prediction.cols; ++m) pattern(first + e, m) += d * centred(i, m) / n;
      }
    }
  });
  return pattern;
}

}  // namespace brainmt::baselines
