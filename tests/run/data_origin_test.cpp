// What a model was trained on, and how it is compared with another cohort.
#include "run/data_origin.hpp"

#include <gtest/gtest.h>

#include "run/train_state.hpp"
#include "support/temporary_directory.hpp"
#include "train/tiny_cohort.hpp"

namespace brainmt::run {

using namespace train;
namespace {

class Origin : public testing::Test {
 protected:
  DataOrigin of(const std::function<void(io::CohortLayout&)>& change) {
    const auto path = directory_ / fmt::format("{}.h5", cohorts_++);
    test::write_tiny_cohort(MPI_COMM_SELF, path, 6, false, change);
    return origin_of(io::Cohort(path));
  }
  test::TemporaryDirectory directory_;
  int cohorts_ = 0;
};

void unchanged(io::CohortLayout& layout) { layout.processing = R"({"fill":"lowest"})"; }

TEST_F(Origin, ADescriptionReadsBackTheSame) {
  const DataOrigin origin = of(unchanged);
  const auto read = described_origin(describe_origin(origin));
  ASSERT_TRUE(read);
  EXPECT_EQ(describe_origin(*read), describe_origin(origin));
  EXPECT_NE(describe_origin(origin).find(R"("orientation":"RAS")"), std::string::npos);
  const OriginDifferences none = compare(origin, *read);
  EXPECT_TRUE(none.decisive.empty() && none.repetition_time.empty() && none.processing.empty());
  EXPECT_FALSE(described_origin("{}"));
  EXPECT_FALSE(described_origin("not JSON"));
}

TEST_F(Origin, AnotherOrientationOrOriginIsDecisive) {
  const DataOrigin trained = of(unchanged);
  const auto flipped = compare(trained, of([](io::CohortLayout& layout) {
                                 unchanged(layout);
                                 layout.affine[0] = -2;
                                 layout.affine[3] = 16;
                               }));
  ASSERT_EQ(flipped.decisive.size(), 1U);
  EXPECT_EQ(flipped.decisive[0].rfind("orientation: RAS in training, LAS here", 0), 0U) << flipped.decisive[0];
  const auto moved = [&](double mm) {
    return compare(trained, of([mm](io::CohortLayout& layout) {
                     unchanged(layout);
                     layout.affine[7] += mm;
                   }));
  };
  EXPECT_TRUE(moved(0.0005).decisive.empty());
  ASSERT_EQ(moved(0.01).decisive.size(), 1U);
  EXPECT_EQ(moved(0.01).decisive[0].rfind("affine: first voxel at (0, 0, 0) mm", 0), 0U);
}

TEST_F(Origin, AnotherNormalisationOrFillIsDecisive) {
  const DataOrigin trained = of(unchanged);
  const auto made = [&](const char* normalization, const char* processing) {
    return compare(trained, of([=](io::CohortLayout& layout) {
                     layout.normalization = normalization;
                     layout.processing = processing;
                   }))
        .decisive;
  };
  EXPECT_EQ(
      made("minmax", R"({"fill":"lowest"})"),
      (std::vector<std::string>{"normalization: zscore in training, minmax here", "fill: lowest in training, 0 here"}));
  EXPECT_EQ(made("zscore", R"({"fill":0.0})"), std::vector<std::string>{"fill: lowest in training, 0 here"});
}

TEST_F(Origin, RepetitionTimeAndProcessingAreWarnedOf) {
  const DataOrigin trained = of(unchanged);
  const auto with_tr = [&](double tr) {
    return compare(trained, of([tr](io::CohortLayout& layout) {
                     unchanged(layout);
                     for (auto& scan : layout.scans) scan.repetition_time = tr;
                   }));
  };
  EXPECT_EQ(with_tr(0.804).repetition_time, "");
  EXPECT_EQ(with_tr(2).repetition_time, "repetition time: 0.8 s in training, 2 s (median) here");
  EXPECT_TRUE(with_tr(2).decisive.empty());
  const auto censored = compare(
      trained, of([](io::CohortLayout& layout) { layout.processing = R"({"censor_fd":0.5,"fill":"lowest"})"; }));
  EXPECT_EQ(censored.processing, R"(preprocessing: {} in training, {"censor_fd":0.5} here)");
}

TEST(DifferingVoxels, SayWhatDiffersAndForgiveRunsFromBefore) {
  const test::TemporaryDirectory directory;
  test::write_tiny_cohort(MPI_COMM_SELF, directory / "a.h5", 6, false, unchanged);
  test::write_tiny_cohort(MPI_COMM_SELF, directory / "b.h5", 6, false, [](io::CohortLayout& layout) {
    unchanged(layout);
    layout.normalization = "none";
  });
  const io::Cohort a(directory / "a.h5"), b(directory / "b.h5");
  const std::vector<std::size_t> all{0, 1, 2, 3, 4, 5}, some{0, 1};
  EXPECT_EQ(a.voxels_digest(all), b.voxels_digest(all));  // the same frames
  EXPECT_NE(a.voxels_digest(all), a.voxels_digest(some));
  TrainState saved;
  saved.voxels_sha256 = a.voxels_digest(all);
  saved.data = describe_origin(origin_of(a));
  TrainState now = saved;
  EXPECT_TRUE(differing_voxels(saved, now).empty());
  now.data = describe_origin(origin_of(b));
  EXPECT_EQ(differing_voxels(saved, now).front(), "normalization: zscore in training, none here");
  now = saved;
  now.voxels_sha256 = a.voxels_digest(some);
  EXPECT_NE(differing_voxels(saved, now).front().find("checksums of the frames"), std::string::npos);
  EXPECT_EQ(to_json(state_from_json(to_json(saved))), to_json(saved));
  saved.voxels_sha256.clear();
  EXPECT_TRUE(differing_voxels(saved, now).empty());
  EXPECT_EQ(to_json(saved).find("voxels_sha256"), std::string::npos);
}

}  // namespace
}  // namespace brainmt::run
