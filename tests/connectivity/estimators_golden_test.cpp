// Estimators against nilearn's and NumPy's numbers (tests/golden/README.md).
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "comm/self_communicator.hpp"
#include "connectivity/estimators.hpp"
#include "connectivity/tangent.hpp"
#include "support/golden_file.hpp"

namespace brainmt::connectivity {
namespace {

using linalg::Matrix;
using test::GoldenFile;

// Entry `index` of the first axis of an array of three, [frames, parcels]; the whole of one of two. As [parcels, frames].
Matrix series_of(const GoldenFile& file, const std::string& name, std::size_t index = 0) {
  const auto& shape = file.shape(name);
  const std::size_t frames = shape[shape.size() - 2], parcels = shape.back();
  const std::vector<double> values = file.values(name);
  Matrix x(parcels, frames);
  for (std::size_t t = 0; t < frames; ++t) {
    for (std::size_t p = 0; p < parcels; ++p) x(p, t) = values[(index * frames + t) * parcels + p];
  }
  return x;
}

void expect_near(std::span<const double> found, const GoldenFile& file, const std::string& name,
                 std::size_t index = 0) {
  const std::vector<double> all = file.values(name);
  ASSERT_LE((index + 1) * found.size(), all.size()) << name;
  for (std::size_t i = 0; i < found.size(); ++i)
    ASSERT_NEAR(found[i], all[index * found.size() + i], file.tolerance(name)) << name << " " << index << ": " << i;
}

std::vector<double> fisher_upper(const Matrix& r) {
  std::vector<double> z = upper_triangle(r);
  std::ranges::transform(z, z.begin(), fisher);
  return z;
}

Matrix partial_golden(const Covariance& covariance) {
  const auto partial = partial_of(covariance.matrix);
  EXPECT_TRUE(partial);
  return *partial;
}

TEST(EstimatorsGolden, MatchFeaturesOfTwoSubjects) {
  const GoldenFile file("fc_features");
  const std::vector<double> shrinkage = file.values("shrinkage");
  for (std::size_t subject = 0; subject < file.shape("series")[0]; ++subject) {
    const Matrix x = series_of(file, "series", subject);
    const Matrix r = pearson(x);
    expect_near(r.values, file, "pearson", subject);
    expect_near(fisher_upper(r), file, "fisher_upper", subject);
    const Covariance scaled = shrunk_covariance(standardized(x, Scale::kZScore));
    expect_near(correlation_of(scaled.matrix).values, file, "shrunk", subject);
    const Covariance raw = shrunk_covariance(standardized(x, Scale::kRaw));
    expect_near(partial_golden(raw).values, file, "partial", subject);
    expect_near(std::array{scaled.shrinkage, raw.shrinkage}, file, "shrinkage", subject);
  }
}

TEST(EstimatorsGolden, MatchARealSeries) {
  const GoldenFile file("analysis_connectivity");
  const Matrix x = series_of(file, "series");
  expect_near(pearson(x).values, file, "pearson");
  expect_near(fisher_upper(pearson(x)), file, "fisher");
  const Matrix z = standardized(x, Scale::kZScore);
  const Covariance scaled = shrunk_covariance(z), raw = shrunk_covariance(standardized(x, Scale::kRaw));
  expect_near(std::array{scaled.shrinkage, raw.shrinkage}, file, "shrinkage");
  expect_near(correlation_of(scaled.matrix).values, file, "shrunk");
  expect_near(partial_golden(scaled).values, file, "partial");
  expect_near(partial_golden(raw).values, file, "partial_raw");
  expect_near(partial_golden(shrunk_covariance(z, 0.0)).values, file, "partial_empirical");
}

TEST(EstimatorsGolden, MatchTheTangentSpaceOfSegments) {
  const GoldenFile file("analysis_connectivity");
  const std::size_t segments = file.shape("segments")[0], parcels = file.shape("segments")[2];
  std::vector<Matrix> covariances;
  for (std::size_t i = 0; i < segments; ++i) {
    const Matrix x = series_of(file, "segments", i);
    expect_near(fisher_upper(pearson(x)), file, "segment_fisher", i);
    covariances.push_back(shrunk_covariance(standardized(x, Scale::kZScore)).matrix);
  }
  comm::SelfCommunicator self;
  const TangentMean mean = affine_invariant_mean(  // of all but the last two, as the file's note says
      segments - 2, parcels, [&](std::size_t i) { return covariances[i]; }, self, 1);
  expect_near(mean.matrix.values, file, "tangent_mean");
  EXPECT_LE(mean.norm, 1e-10);
  const TangentSpace space(mean.matrix);
  for (std::size_t i = 0; i < segments; ++i) {
    const Matrix tangent = space.log_map(covariances[i]);
    expect_near(tangent.values, file, "tangent", i);
    expect_near(tangent_vector(tangent), file, "tangent_vector", i);
  }
}

}  // namespace
}  // namespace brainmt::connectivity
