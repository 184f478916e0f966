// Covariates are removed, everything is fitted on the training participants, and test rows cannot leak into the fit.
#include "analysis/residualize.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "base/philox.hpp"
#include "io/cohort_writer.hpp"
#include "io/float16.hpp"
#include "support/expect_error.hpp"
#include "support/temporary_directory.hpp"
#include "task/split.hpp"

namespace brainmt::analysis {
namespace {

constexpr std::size_t kPeople = 90, kTraining = 60, kWidth = 6;

// Embeddings that age and site determine but for noise; dimension 5 is the sum of two others.
std::vector<ResidualizerRow> people(std::uint64_t seed = 1) {
  std::vector<ResidualizerRow> rows;
  for (std::size_t i = 0; i < kPeople; ++i) {
    Philox random(seed, 3, i);
    const double age = 45 + 30 * random.uniform();
    const std::string site = std::string(1, static_cast<char>('a' + i % 3));
    ResidualizerRow row{.values = {}, .covariates = {age, site}};
    for (std::size_t d = 0; d + 1 < kWidth; ++d)
      row.values.push_back(
          static_cast<float>(0.2 * static_cast<double>(d + 1) * age + (site == "b" ? 4.0 : 0.0) + random.normal()));
    row.values.push_back(row.values[0] + row.values[1]);
    rows.push_back(std::move(row));
  }
  return rows;
}

std::vector<ResidualizerRow> training_of(const std::vector<ResidualizerRow>& rows) {
  return {rows.begin(), rows.begin() + kTraining};
}

double correlation(const std::vector<double>& a, const std::vector<double>& b) {
  double ma = 0, mb = 0, ab = 0, aa = 0, bb = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    ma += a[i] / static_cast<double>(a.size());
    mb += b[i] / static_cast<double>(a.size());
  }
  for (std::size_t i = 0; i < a.size(); ++i) {
    ab += (a[i] - ma) * (b[i] - mb);
    aa += (a[i] - ma) * (a[i] - ma);
    bb += (b[i] - mb) * (b[i] - mb);
  }
  return ab / std::sqrt(aa * bb);
}

TEST(Residualizer, RemovesCovariatesAndScalesToOne) {
  const auto rows = people();
  const Residualizer fit = fit_residualizer({"age", "site"}, training_of(rows), 0);
  for (std::size_t d = 0; d < kWidth; ++d) {
    std::vector<double> z, raw, age, site_b;
    double squares = 0, sum = 0;
    for (std::size_t i = 0; i < kTraining; ++i) {
      z.push_back(fit.apply(rows[i].values, rows[i].covariates).at(d));
      raw.push_back(rows[i].values[d]);
      age.push_back(std::get<double>(rows[i].covariates[0]));
      site_b.push_back(std::get<std::string>(rows[i].covariates[1]) == "b" ? 1 : 0);
      squares += z.back() * z.back();
      sum += z.back();
    }
    EXPECT_GT(correlation(raw, age), 0.5) << "it was planted";
    // Rows are rounded to float: 2^-24 each, of values below 4.
    EXPECT_NEAR(correlation(z, age), 0, 1e-6);
    EXPECT_NEAR(correlation(z, site_b), 0, 1e-6);
    EXPECT_NEAR(sum / kTraining, 0, 1e-6);
    EXPECT_NEAR(squares / (kTraining - 1), 1, 1e-6);
    // In rows that the fit never saw, what is left is chance: 3 / sqrt(30) at most.
    std::vector<double> unseen_z, unseen_age;
    for (std::size_t i = kTraining; i < kPeople; ++i) {
      unseen_z.push_back(fit.apply(rows[i].values, rows[i].covariates).at(d));
      unseen_age.push_back(std::get<double>(rows[i].covariates[0]));
    }
    EXPECT_LT(std::abs(correlation(unseen_z, unseen_age)), 0.55);
  }
}

TEST(Residualizer, ProjectionIsOrthonormalLargestFirstAndDropsWhatHasNoVariance) {
  const auto rows = people();
  const Residualizer fit = fit_residualizer({"age", "site"}, training_of(rows), 512);
  ASSERT_EQ(fit.projector.size(), kWidth - 1) << "one dimension is the sum of two others";
  ASSERT_EQ(fit.warnings.size(), 2u);
  EXPECT_NE(fit.warnings[0].find("rotation"), std::string::npos);
  for (std::size_t a = 0; a < fit.projector.size(); ++a) {
    for (std::size_t b = 0; b < fit.projector.size(); ++b) {
      double dot = 0;
      for (std::size_t d = 0; d < kWidth; ++d) dot += fit.projector[a][d] * fit.projector[b][d];
      EXPECT_NEAR(dot, a == b ? 1 : 0, 1e-12);
    }
    if (a > 0) {
      EXPECT_LE(fit.variances[a], fit.variances[a - 1]);
    }
    double squares = 0;
    for (std::size_t i = 0; i < kTraining; ++i) {
      const double x = fit.apply(rows[i].values, rows[i].covariates).at(a);
      squares += x * x;
    }
    EXPECT_NEAR(squares / (kTraining - 1), fit.variances[a], 1e-5);
  }
}

TEST(Residualizer, RefusesFewerPeopleThanTermsAndNeverDividesByZero) {
  auto rows = people();
  rows.resize(4);
  test::expect_error<DataError>([&] { fit_residualizer({"age", "site"}, rows, 0); }, {"3 terms", "5 or more"});
  auto constant = people();
  for (ResidualizerRow& row : constant) row.values[2] = 7;
  const Residualizer fit = fit_residualizer({"age", "site"}, training_of(constant), 0);
  ASSERT_FALSE(fit.warnings.empty());
  EXPECT_EQ(fit.apply(constant[80].values, constant[80].covariates)[2], 0.0F);
}

// The command on files: a cohort with covariates, a file of embeddings, a split.
class Residualize : public testing::Test {
 protected:
  void SetUp() override {
    task::Split split;
    split.plan.fractions = {0.7, 0.1, 0.2};
    for (std::size_t i = 0; i < kPeople; ++i)
      split.ids[i < kTraining ? 0 : i < kTraining + 10 ? 1 : 2].push_back(id(i));
    task::save_split(split, directory_ / "split.json");
  }

  static std::string id(std::size_t i) { return fmt::format("sub-{:03}", i); }

  void write_cohort(const std::vector<ResidualizerRow>& rows, const std::string& name) const {
    io::CohortLayout layout;
    layout.grid = {2, 2, 2};
    layout.affine = {2, 0, 0, 0, 0, 2, 0, 0, 0, 0, 2, 0, 0, 0, 0, 1};
    for (std::uint32_t v = 0; v < 8; ++v) layout.voxels.push_back(v);
    layout.normalization = "zscore";
    std::vector<double> age, site_code;
    for (std::size_t i = 0; i < rows.size(); ++i) {
      layout.scans.push_back({.participant_id = id(i), .source = id(i), .frames = 1, .repetition_time = 1});
      layout.scans.back().mean_fd = i == 5 ? std::nan("") : 0.1 + 0.001 * static_cast<double>(i % 7);
      age.push_back(std::get<double>(rows[i].covariates[0]));
      site_code.push_back(11025 + std::get<std::string>(rows[i].covariates[1])[0] - 'a');
    }
    layout.phenotypes = {{"21003-2.0", age}, {"54-2.0", site_code}};
    io::CohortWriter writer(MPI_COMM_SELF, directory_ / name, layout);
    const std::vector<std::uint16_t> frame(8, io::float_to_half(1));
    for (std::size_t i = 0; i < rows.size(); ++i) {
      writer.write_frames(i, 0, frame);
      writer.set_scan_statistics(i, {});
    }
    writer.commit();
  }

  // The residualised file of these people, and the fitted arrays as its bytes have them.
  EmbeddingFile run(const std::vector<ResidualizerRow>& rows, const std::string& name) {
    write_cohort(rows, name + ".cohort.h5");
    EmbeddingDescription d{
        .metadata = {{"pooling", "cls"}, {"tokens", "none"}}, .participants = {}, .arrays = {"embeddings"}};
    d.width = kWidth;
    for (std::size_t i = 0; i < rows.size(); ++i) d.participants.push_back({.id = id(i), .part = "none", .windows = 1});
    EmbeddingWriter writer(MPI_COMM_SELF, directory_ / (name + ".in.h5"), d);
    for (std::size_t i = 0; i < rows.size(); ++i) writer.write(i, {.values = rows[i].values, .tokens = {}});
    writer.commit(nullptr);
    settings_.in = directory_ / (name + ".in.h5");
    settings_.cohort = directory_ / (name + ".cohort.h5");
    settings_.split_file = directory_ / "split.json";
    settings_.covariates = {"age", "site", "mean_fd"};
    settings_.categories = {"sex", "site"};
    settings_.components = 3;
    summary_ = residualize(settings_, directory_ / (name + ".h5"));
    return EmbeddingFile(directory_ / (name + ".h5"));
  }

  test::TemporaryDirectory directory_;
  ResidualizeSettings settings_;
  ResidualizeSummary summary_;
};

TEST_F(Residualize, TestRowsCannotLeakIntoTheFit) {
  const auto honest = people();
  auto leaking = honest;
  for (std::size_t i = kTraining; i < kPeople; ++i) {
    for (float& x : leaking[i].values) x = 1000 - 50 * x;
    leaking[i].covariates = {99.0, std::string("z")};
  }
  const EmbeddingFile a = run(honest, "a"), b = run(leaking, "b");
  const auto rows_a = a.rows(), rows_b = b.rows();
  std::size_t training = 0;
  for (std::size_t i = 0; i < rows_a.size(); ++i) {
    if (a.description().participants[i].part != "train") continue;
    EXPECT_EQ(rows_a[i].values, rows_b[i].values) << "a training row depends on rows outside the training split";
    ++training;
  }
  EXPECT_EQ(training, kTraining - 1) << "one has no motion";
  EXPECT_EQ(a.description().metadata["design"], b.description().metadata["design"]);
  EXPECT_EQ(a.description().metadata["projector"], b.description().metadata["projector"]);
  ASSERT_FALSE(summary_.warnings.empty());
  EXPECT_NE(summary_.warnings.back().find("30 covariate texts"), std::string::npos) << summary_.warnings.back();
  // The check can fail: a training row does reach the fit.
  auto moved = honest;
  moved[3].values[0] += 50;
  const auto rows_c = run(moved, "c").rows();
  EXPECT_NE(rows_a[0].values, rows_c[0].values);
}

TEST_F(Residualize, CodesAreOneHotAndMissingCovariatesLeaveAParticipantOut) {
  const EmbeddingFile file = run(people(), "a");
  EXPECT_EQ(file.description().metadata["design_columns"].dump(), R"(["age","site=11026","site=11027","mean_fd"])");
  EXPECT_EQ(summary_.left_out, 1u);
  EXPECT_EQ(file.description().participants.size(), kPeople - 1);
  EXPECT_EQ(file.description().participants[5].id, id(6)) << "participant 5 has no motion";
  EXPECT_EQ(file.description().width, 3u);
  EXPECT_EQ(file.description().metadata["fitted_on"]["participants"], kTraining - 1);
  EXPECT_EQ(file.description().metadata["split_sha256"].get<std::string>().size(), 64u);
}

TEST_F(Residualize, RefusesAFileThatIsResidualizedAndAnotherCohort) {
  run(people(), "a");
  settings_.in = directory_ / "a.h5";
  test::expect_error<DataError>([&] { residualize(settings_, directory_ / "again.h5"); }, {"residualized already"});
  auto few = people();
  few.resize(70);
  write_cohort(few, "few.h5");
  settings_.in = directory_ / "a.in.h5";
  settings_.cohort = directory_ / "few.h5";
  test::expect_error<DataError>([&] { residualize(settings_, directory_ / "again.h5"); }, {"few.h5", "sub-070"});
}

}  // namespace
}  // namespace brainmt::analysis
