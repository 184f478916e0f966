// Scores of reconstruction beside guesses without a model, and series brought to scale.
#include "task/reconstruction.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "task/series.hpp"

namespace brainmt::task {
namespace {

using Values = std::vector<double>;
using models::SeriesNormalization;

TEST(ReconstructionScore, ComparesWithTheMeanAndTheLine) {
  // Frames 1 and 2 of the first parcel are hidden between 0 and 6; the first two of the second before 4.
  const Values truth{0, 3, 4, 6, 1, 2, 4, 4}, hidden{0, 1, 1, 0, 1, 1, 0, 0};
  const Values predicted{9, 2, 4, 9, 1, 4, 9, 9};
  const ReconstructionSums sums = reconstruction_sums(predicted, truth, hidden, 4);
  EXPECT_EQ(sums.count, 4);
  EXPECT_EQ(sums.error, 1 + 0 + 0 + 4);
  EXPECT_EQ(sums.absolute, 1 + 2);
  EXPECT_EQ(sums.mean_error, 0 + 1 + 9 + 4);  // means 3 and 4
  EXPECT_EQ(sums.line_error, 1 + 0 + 9 + 4);  // 2, 4; flat before the first visible frame
  const Score score = reconstruction_score(std::vector{sums}, false);
  const double total = 9 + 16 + 1 + 4 - 100.0 / 4;
  EXPECT_DOUBLE_EQ(score.loss, 5.0 / 4);
  EXPECT_DOUBLE_EQ(score.metrics.at("r2"), 1 - 5 / total);
  EXPECT_DOUBLE_EQ(score.metrics.at("r2_mean"), 1 - 14 / total);
  EXPECT_DOUBLE_EQ(score.metrics.at("r2_interpolation"), 1 - 14 / total);
  EXPECT_DOUBLE_EQ(reconstruction_score(std::vector{sums}, true).loss, 3.0 / 4);
}

TEST(ReconstructionScore, AParcelWithoutVisibleFramesIsGuessedAsZero) {
  const ReconstructionSums sums = reconstruction_sums(Values{0, 0}, Values{3, 4}, Values{1, 1}, 2);
  EXPECT_EQ(sums.mean_error, 25);
  EXPECT_EQ(sums.line_error, 25);
}

TEST(SeriesNormalization, ScanItselfByMedianAndIqr) {
  // One parcel of 5 frames with mean 3, one constant, one that is not covered.
  const float nan = std::nanf("");
  std::vector<float> series{1, 7, nan, 2, 7, nan, 3, 7, nan, 4, 7, nan, 5, 7, nan};
  const SeriesNormalization robust_scan{.kind = SeriesNormalization::Kind::kRobustScan};
  normalise(series, 3, &robust_scan);
  // -2 -1 0 1 2: the quartiles are those of -2 -1 1 2, without the zero: -1.25 and 1.25.
  for (std::size_t t = 0; t < 5; ++t) {
    EXPECT_FLOAT_EQ(series[3 * t], static_cast<float>((static_cast<double>(t) - 2) / 2.5));
    EXPECT_EQ(series[3 * t + 1], 0);
    EXPECT_EQ(series[3 * t + 2], 0);
  }
}

TEST(SeriesNormalization, FittedValuesAreUsed) {
  std::vector<float> series{10, 20, 14, 20};
  const SeriesNormalization robust{.kind = SeriesNormalization::Kind::kRobust, .median = {0.5, 0}, .iqr = {2, 0}};
  normalise(series, 2, &robust);
  EXPECT_EQ(series, (std::vector<float>{-1.25f, 0, 0.75f, 0}));
  std::vector<float> other{10, 14};
  const SeriesNormalization global{.kind = SeriesNormalization::Kind::kGlobalStd, .std = 4};
  normalise(other, 1, &global);
  EXPECT_EQ(other, (std::vector<float>{-0.5f, 0.5f}));
}

}  // namespace
}  // namespace brainmt::task
