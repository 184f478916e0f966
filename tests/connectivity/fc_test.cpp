// The file of connectivity of small cohorts: rows by plain loops, missing parcels, windows, leaks, shards, refusals.
#include "connectivity/fc.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <iterator>

#include "base/error.hpp"
#include "comm/self_communicator.hpp"
#include "connectivity/estimators.hpp"
#include "io/cohort_fixture.hpp"
#include "parcel_cohort.hpp"
#include "support/expect_error.hpp"
#include "support/flip_bit.hpp"
#include "support/temporary_directory.hpp"

namespace brainmt::connectivity {
namespace {

namespace fs = std::filesystem;
using linalg::Matrix;

constexpr std::size_t kParcels = 7;

std::string bytes_of(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

FcSummary compute(const FcSettings& settings, const fs::path& cohort, const fs::path& out,
                  const std::optional<FcShard>& shard = {}) {
  comm::SelfCommunicator self;
  return compute_fc(settings, io::Cohort(cohort), out, shard, self, MPI_COMM_SELF);
}

std::vector<float> row_of(const FcFile& file, std::size_t row) {
  std::vector<float> values(file.edges());
  file.read_rows(row, 1, values);
  return values;
}

Matrix series(const test::ParcelValue& value, std::size_t scan, std::uint64_t first, std::uint64_t frames) {
  Matrix x(kParcels, frames);
  for (std::uint64_t t = 0; t < frames; ++t) {
    for (std::size_t p = 0; p < kParcels; ++p) x(p, t) = value(scan, first + t, p);
  }
  return x;
}

// r by its textbook formula.
double plain_r(const Matrix& x, std::size_t i, std::size_t j) {
  double a = 0, b = 0, ab = 0, aa = 0, bb = 0;
  const double n = static_cast<double>(x.cols);
  for (std::size_t t = 0; t < x.cols; ++t) a += x(i, t) / n, b += x(j, t) / n;
  for (std::size_t t = 0; t < x.cols; ++t) {
    ab += (x(i, t) - a) * (x(j, t) - b), aa += (x(i, t) - a) * (x(i, t) - a), bb += (x(j, t) - b) * (x(j, t) - b);
  }
  return ab / std::sqrt(aa * bb);
}

class Fc : public ::testing::Test {
 protected:
  Fc() { test::write_parcel_cohort(cohort, scans, kParcels, value); }

  const test::TemporaryDirectory directory;
  const fs::path cohort = directory / "parcels.h5", out = directory / "fc.h5";
  const std::vector<test::ParcelScan> scans = test::made_up_scans(8);
  const test::ParcelValue value = test::noise(7);
};

TEST_F(Fc, RowsAreFisherZWeightedByFramesMinusThree) {
  FcSettings settings = test::fc_settings(Kind::kPearson);
  settings.rows_of_runs = true;
  EXPECT_EQ(compute(settings, cohort, out).runs, scans.size());
  const FcFile file(out);
  ASSERT_EQ(file.participants().size(), 8u);
  ASSERT_EQ(file.runs().size(), scans.size());
  EXPECT_EQ(file.participants()[0].frames, 40u + 31u);
  EXPECT_NEAR(file.participants()[0].mean_fd, 0.15, 1e-12);
  EXPECT_EQ(file.runs()[1].run, "run-2");
  EXPECT_EQ(file.parcels().name[2], "P2");
  EXPECT_EQ(file.metadata()["fitted_on"], "none");
  const std::vector<float> row = row_of(file, 0);
  const Matrix first = series(value, 0, 0, 40), second = series(value, 1, 0, 31);
  const auto edges = edges_of(kParcels);
  for (std::size_t e = 0; e < edges.size(); ++e) {
    const double a = std::atanh(plain_r(first, edges[e].a, edges[e].b)),
                 b = std::atanh(plain_r(second, edges[e].a, edges[e].b));
    EXPECT_NEAR(row[e], (37 * a + 28 * b) / 65, 1e-6) << e;
  }
}

TEST_F(Fc, WindowsAreAveragedAndShortScansLeftOut) {
  FcSettings settings = test::fc_settings(Kind::kPearson);
  settings.frames.window = 42;
  settings.frames.starts = [](std::size_t frames) { return std::vector<std::size_t>{0, frames - 42}; };
  EXPECT_EQ(compute(settings, cohort, out).too_short, 2u);  // those of 40 and 41 frames
  const FcFile file(out);
  ASSERT_EQ(file.participants().front().id, "sub-102");
  const std::vector<float> row = row_of(file, 1);  // 43 frames, the fifth scan, since its run of 31 is too short
  EXPECT_EQ(file.participants()[1].frames, 43u);
  EXPECT_EQ(file.participants()[1].runs, 1u);
  const double a = plain_r(series(value, 4, 0, 42), 0, 1), b = plain_r(series(value, 4, 1, 42), 0, 1);
  EXPECT_NEAR(row[0], (std::atanh(a) + std::atanh(b)) / 2, 1e-6);
}

TEST_F(Fc, AMissingParcelHasNoEdgesAndMovesNoOthers) {
  const fs::path holed = directory / "holed.h5", other = directory / "other.h5";
  // Participant 1 (scan 2) lacks parcel 3 and has a constant parcel 5; nobody has parcel 6.
  test::write_parcel_cohort(holed, scans, kParcels, [&](std::size_t s, std::uint64_t t, std::size_t p) {
    if (p == 6 || (s == 2 && p == 3)) return std::nanf("");
    return s == 2 && p == 5 ? 12.5f : value(s, t, p);
  });
  for (const Kind kind : {Kind::kPearson, Kind::kShrunk, Kind::kPartial, Kind::kTangent}) {
    FcSettings settings = test::fc_settings(kind);
    settings.overwrite = true;
    const FcSummary summary = compute(settings, holed, other);
    EXPECT_NE(summary.notes.front().find("1 of 7 parcels are in no scan"), std::string::npos) << summary.notes.front();
    const FcFile file(other);
    const std::vector<float> row = row_of(file, 1), whole = row_of(file, 2);
    const auto edges = edges_of(kParcels, file.has_diagonal());
    for (std::size_t e = 0; e < edges.size(); ++e) {
      const auto has = [&](std::uint32_t p) { return p == 3 || p == 5 || p == 6; };
      EXPECT_EQ(std::isnan(row[e]), has(edges[e].a) || has(edges[e].b)) << name_of(kind) << " " << e;
      EXPECT_EQ(std::isnan(whole[e]), edges[e].a == 6 || edges[e].b == 6) << name_of(kind) << " " << e;
    }
    EXPECT_EQ(file.participants()[1].edges_missing, edges.size() - (file.has_diagonal() ? 10u : 6u));
    EXPECT_EQ(file.metadata()["fitted_left_out"], kind == Kind::kTangent ? 1u : 0u);
  }
}

TEST_F(Fc, TestPeopleLeaveWhatIsFittedAlone) {
  const fs::path changed = directory / "changed.h5", second = directory / "second.h5";
  // The training people are the first five: scans 0 to 6.
  test::write_parcel_cohort(changed, scans, kParcels, [&](std::size_t s, std::uint64_t t, std::size_t p) {
    return s > 6 ? 3 * value(s + 50, t, (p + 2) % kParcels) : value(s, t, p);
  });
  for (const std::size_t components : {0u, 3u}) {
    FcSettings settings = test::fc_settings(Kind::kTangent);
    settings.components = components;
    settings.overwrite = true;
    compute(settings, cohort, out);
    compute(settings, changed, second);
    const FcFile a(out), b(second);
    ASSERT_EQ(a.description().fitted.size(), components > 0 ? 2u : 1u);
    for (std::size_t i = 0; i < a.description().fitted.size(); ++i)
      EXPECT_EQ(a.description().fitted[i].values, b.description().fitted[i].values) << a.description().fitted[i].name;
    for (std::size_t row = 0; row < 5; ++row) EXPECT_EQ(row_of(a, row), row_of(b, row));
    EXPECT_NE(row_of(a, 6), row_of(b, 6));
    EXPECT_EQ(a.metadata()["fitted_participants"], 5u);
  }
  // The fit does follow the training people.
  FcSettings fewer = test::fc_settings(Kind::kTangent, 4);
  compute(fewer, cohort, directory / "fewer.h5");
  FcSettings all = test::fc_settings(Kind::kTangent);
  all.overwrite = true;
  compute(all, cohort, out);
  EXPECT_NE(FcFile(directory / "fewer.h5").description().fitted[0].values, FcFile(out).description().fitted[0].values);
}

TEST_F(Fc, SubspaceHasComponentsInsteadOfParcels) {
  FcSettings settings = test::fc_settings(Kind::kPearson);
  settings.components = 3;
  compute(settings, cohort, out);
  const FcFile file(out);
  EXPECT_EQ(file.edges(), 3u);
  EXPECT_EQ(file.parcels().name[2], "component-3");
  EXPECT_EQ(file.metadata()["subspace"], "coskewness");
  const FcFitted& subspace = file.description().fitted.at(0);
  ASSERT_EQ(subspace.extents, (std::vector<std::uint64_t>{3, kParcels}));
  Matrix v(3, kParcels);
  std::ranges::copy(subspace.values, v.values.begin());
  // Participant 1, scan 2: one run.
  const Matrix z = standardized(series(value, 2, 0, 41), Scale::kZScore);
  Matrix y(3, z.cols);
  for (std::size_t k = 0; k < 3; ++k) {
    for (std::size_t t = 0; t < z.cols; ++t) {
      for (std::size_t p = 0; p < kParcels; ++p) y(k, t) += v(k, p) * z(p, t);
    }
  }
  EXPECT_NEAR(row_of(file, 1)[1], std::atanh(plain_r(y, 0, 2)), 1e-6);
}

TEST_F(Fc, GlobalSignalIsWeightedByVoxelsAndLeavesNothingOfItself) {
  Matrix x = series(value, 0, 0, 40);
  const std::vector<std::uint32_t> voxels{30, 10, 10, 10, 10, 10, 10};
  std::vector<double> global(40);
  for (std::size_t t = 0; t < 40; ++t) {
    for (std::size_t p = 0; p < kParcels; ++p) global[t] += x(p, t) * voxels[p] / 90.0;
  }
  Matrix with_global(kParcels + 1, 40);
  regress_global_signal(x, voxels);
  for (std::size_t p = 0; p < kParcels; ++p) std::ranges::copy(x.row(p), with_global.row(p).begin());
  std::ranges::copy(global, with_global.row(kParcels).begin());
  for (std::size_t p = 0; p < kParcels; ++p) EXPECT_NEAR(plain_r(with_global, p, kParcels), 0, 1e-12);
  FcSettings settings = test::fc_settings(Kind::kPearson);
  settings.global = GlobalSignal::kRegress;
  compute(settings, cohort, out);
  EXPECT_NEAR(
      row_of(FcFile(out), 1)[0],
      [&] {
        Matrix own = series(value, 2, 0, 41);
        regress_global_signal(own, voxels);
        return std::atanh(plain_r(own, 0, 1));
      }(),
      1e-6);
}

TEST_F(Fc, ShardsMakeTheSameBytesAsOneJob) {
  for (const Kind kind : {Kind::kPearson, Kind::kTangent}) {
    FcSettings settings = test::fc_settings(kind);
    settings.rows_of_runs = settings.overwrite = true;
    compute(settings, cohort, out);
    std::vector<fs::path> shards;
    for (std::size_t k = 1; k <= 3; ++k) {
      shards.push_back(directory / fmt::format("{}.shard{}", name_of(kind), k));
      EXPECT_FALSE(compute(settings, cohort, shards.back(), FcShard{k, 3}).was_complete);
      EXPECT_TRUE(compute(settings, cohort, shards.back(), FcShard{k, 3}).was_complete);
    }
    comm::SelfCommunicator self;
    merge_fc(directory / "merged.h5", shards, true, self, MPI_COMM_SELF);
    EXPECT_TRUE(bytes_of(out) == bytes_of(directory / "merged.h5"));
    std::swap(shards[0], shards[1]);
    test::expect_error<DataError>([&] { merge_fc(directory / "m.h5", shards, true, self, MPI_COMM_SELF); },
                                  {"shard 1/3", "2/3"});
    fs::remove(shards[2]);
    std::swap(shards[0], shards[1]);
    test::expect_error<DataError>([&] { merge_fc(directory / "m.h5", shards, true, self, MPI_COMM_SELF); },
                                  {"missing", "shard=3/3"});
  }
}

TEST_F(Fc, RefusesWhatCannotBeEstimated) {
  FcSettings settings = test::fc_settings(Kind::kPartial);
  settings.shrinkage = 0;
  settings.frames.window = kParcels + 1;
  settings.frames.starts = [](std::size_t) { return std::vector<std::size_t>{0}; };
  test::expect_error<UsageError>([&] { compute(settings, cohort, out); }, {"fc.shrinkage=0", "8 frames"});
  settings.frames.window = kParcels + 2;
  EXPECT_NO_THROW(compute(settings, cohort, out));
  FcSettings other = test::fc_settings(Kind::kTangent);
  other.training->ids = {"sub-900"};
  test::expect_error<DataError>([&] { compute(other, cohort, out); }, {"none of the 1 training participants"});
  io::test::write_small_cohort(MPI_COMM_SELF, directory / "voxels.h5");
  test::expect_error<DataError>([&] { compute(other, directory / "voxels.h5", out); },
                                {"one of voxels", "brainmt parcellate"});
  FcSettings many = test::fc_settings(Kind::kPearson);
  many.components = 8;
  test::expect_error<UsageError>([&] { compute(many, cohort, out); }, {"fc.components=8", "at most 7"});
}

TEST_F(Fc, AnotherFileIsReplacedOnlyWhenAsked) {
  compute(test::fc_settings(Kind::kPearson), cohort, out);
  EXPECT_NO_THROW(compute(test::fc_settings(Kind::kPearson), cohort, out));
  FcSettings other = test::fc_settings(Kind::kShrunk);
  test::expect_error<UsageError>([&] { compute(other, cohort, out); }, {"another kind", "--overwrite"});
  other.overwrite = true;
  EXPECT_NO_THROW(compute(other, cohort, out));
}

TEST_F(Fc, RowsOfDamagedFilesAreNamed) {
  compute(test::fc_settings(Kind::kPearson), cohort, out);
  const std::string whole = bytes_of(out);
  const FcFile file(out);
  const std::vector<float> row = row_of(file, 4);
  const std::size_t at = whole.find(std::string(reinterpret_cast<const char*>(row.data()), row.size() * sizeof(float)));
  ASSERT_NE(at, std::string::npos);
  std::string damaged = whole;
  damaged[at + 5] = static_cast<char>(damaged[at + 5] ^ 1);
  std::ofstream(directory / "damaged.h5", std::ios::binary) << damaged;
  const FcFile bad(directory / "damaged.h5");
  EXPECT_NO_THROW(row_of(bad, 3));
  test::expect_error<DataError>([&] { row_of(bad, 4); }, {"sub-104", "checksum"});
  std::ofstream(directory / "cut.h5", std::ios::binary) << whole.substr(0, whole.size() / 2);
  EXPECT_THROW(FcFile(directory / "cut.h5"), DataError);
  const std::size_t name = whole.find("P3");
  damaged = whole;
  damaged[name + 1] = '4';
  std::ofstream(directory / "renamed.h5", std::ios::binary) << damaged;
  test::expect_error<DataError>([&] { FcFile(directory / "renamed.h5"); }, {"description"});
  test::expect_error<DataError>([&] { FcFile file(cohort); }, {"brainmt-connectivity"});
  compute(test::fc_settings(Kind::kTangent), cohort, directory / "tangent.h5");
  const std::string fitted = bytes_of(directory / "tangent.h5");
  const std::vector<double> reference = FcFile(directory / "tangent.h5").description().fitted.at(0).values;
  const std::size_t there = fitted.find(std::string(reinterpret_cast<const char*>(reference.data()), 64));
  ASSERT_NE(there, std::string::npos);
  test::flip_bit(directory / "tangent.h5", there + 9, 0);
  test::expect_error<DataError>([&] { FcFile(directory / "tangent.h5"); }, {"description"});
}

}  // namespace
}  // namespace brainmt::connectivity
