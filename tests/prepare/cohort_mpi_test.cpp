// NIfTI folder -> cohort store on one and two ranks: values against a plain computation, equal bits for any number of
// ranks, every kind of bad scan reported and left out (fault rows 38 to 41), and failures that leave nothing behind.
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>
#include <map>

#include "base/error.hpp"
#include "io/cohort.hpp"
#include "io/float16.hpp"
#include "io/nifti.hpp"
#include "io/table.hpp"
#include "prepare/prepare.hpp"
#include "support/expect_error.hpp"
#include "support/nifti_bytes.hpp"
#include "support/shared_directory.hpp"
#include "synth/cohort.hpp"

namespace brainmt::prepare {
namespace {

using test::expect_error;
using test::NiftiBytes;
using test::rank_of_world;
using test::read_file;
using test::SharedDirectory;
using test::write_file;

constexpr std::array<std::int64_t, 4> kShape{9, 10, 11, 8};
constexpr std::size_t kFrameVoxels = 9 * 10 * 11;
constexpr int kSubjects = 8;

void on_rank_0(const std::function<void()>& action) {
  if (rank_of_world() == 0) action();
  MPI_Barrier(MPI_COMM_WORLD);
}

// Eight good scans with their table in `<directory>/scans`.
PrepareConfig cohort_in(const SharedDirectory& directory) {
  on_rank_0([&] {
    synth::SynthConfig synth;
    synth.out = directory / "scans";
    synth.subjects = kSubjects;
    synth.grid = {9, 10, 11};
    synth.frames = 8;
    synth::generate_cohort(synth, 0, 1);
  });
  PrepareConfig config;
  config.list.input = directory / "scans";
  config.output = directory / "cohort.h5";
  return config;
}

// A scan in the space of the good ones whose first frame is `value` everywhere but in a zero corner.
NiftiBytes odd_scan(const std::filesystem::path& like, float value) {
  const io::NiftiHeader header = io::read_nifti_header(like);
  NiftiBytes file(kShape, 16, 32);
  for (std::size_t row = 0; row < 3; ++row) {
    for (std::size_t column = 0; column < 4; ++column) file.set_srow(row, column, header.affine[4 * row + column]);
  }
  std::vector<float> voxels(kFrameVoxels * 8, value);
  voxels[0] = 0;
  return file.append(voxels);
}

std::vector<float> read_scan(const std::filesystem::path& path) {
  io::NiftiReader reader(path);
  std::vector<float> all, frame(reader.header().frame_voxels());
  while (reader.next_frame(frame)) all.insert(all.end(), frame.begin(), frame.end());
  return all;
}

// The stored scan against model.md's definition in plain double loops. Half a unit of float16 is 2^-11 of the value.
void expect_zscored(const io::Cohort& cohort, std::size_t s, const std::vector<float>& raw) {
  double count = 0, mean = 0, squares = 0, smallest = std::numeric_limits<double>::infinity();
  for (const float x : raw) {
    if (x != 0) count += 1, mean += x, smallest = std::min<double>(smallest, x);
  }
  mean /= count;
  for (const float x : raw) squares += x != 0 ? (x - mean) * (x - mean) : 0.0;
  const double std = std::sqrt(squares / (count - 1));
  const io::ScanStatistics& statistics = cohort.scans()[s].statistics;
  EXPECT_NEAR(statistics.mean, mean, 1e-12 * std::abs(mean));
  EXPECT_NEAR(statistics.std, std, 1e-12 * std);
  const double fill = (smallest - mean) / std;
  EXPECT_NEAR(io::half_to_float(statistics.fill), fill, 0x1p-11 * std::abs(fill));

  const auto voxels = cohort.voxels_of(s);
  std::vector<std::uint16_t> stored(cohort.scans()[s].frames * voxels.size());
  cohort.read_window(s, 0, stored, io::Cohort::Verify::kYes);
  const std::size_t X = kShape[0], Y = kShape[1], Z = kShape[2];
  for (std::size_t t = 0; t < cohort.scans()[s].frames; ++t) {
    std::vector<bool> kept(kFrameVoxels, false);
    for (std::size_t k = 0; k < voxels.size(); ++k) {
      const std::size_t z = voxels[k] % Z, x = voxels[k] / Z % X, y = voxels[k] / Z / X;
      const std::size_t voxel = x + X * (y + Y * z);
      const float value = raw[t * kFrameVoxels + voxel];
      const double expected = value != 0 ? (value - mean) / std : fill;
      ASSERT_NEAR(io::half_to_float(stored[t * voxels.size() + k]), expected, 0x1p-11 * std::abs(expected) + 0x1p-25);
      kept[voxel] = true;
    }
    for (std::size_t v = 0; v < kFrameVoxels; ++v) {
      ASSERT_TRUE(kept[v] || raw[t * kFrameVoxels + v] == 0) << "the mask loses voxel " << v;
    }
  }
}

TEST(Prepare, StoresEveryScanNormalised) {
  const SharedDirectory directory;
  const PrepareConfig config = cohort_in(directory);
  std::map<Stage, std::size_t> calls;
  const PrepareSummary summary =
      prepare(config, MPI_COMM_WORLD, [&](Stage stage, std::size_t, std::size_t) { ++calls[stage]; });
  EXPECT_EQ(summary.used, 8u);
  EXPECT_EQ(summary.bad, 0u);
  EXPECT_EQ(summary.frames, 64u);
  EXPECT_EQ(summary.report, directory / "cohort.report.tsv");
  for (const Stage stage : {Stage::kHeaders, Stage::kScans, Stage::kCopy}) {
    unsigned long all = calls[stage];
    MPI_Allreduce(MPI_IN_PLACE, &all, 1, MPI_UNSIGNED_LONG, MPI_SUM, MPI_COMM_WORLD);
    EXPECT_EQ(all, 8u);
  }
  EXPECT_EQ(calls.size(), 3u);
  const io::Cohort cohort(config.output);
  EXPECT_EQ(cohort.layout().normalization, "zscore");
  EXPECT_EQ(cohort.layout().grid, (io::CohortGrid{9, 10, 11}));
  EXPECT_EQ(cohort.voxels(0), summary.voxels);
  ASSERT_EQ(cohort.scans().size(), 8u);
  for (std::size_t s = 0; s < 8; ++s) {
    EXPECT_EQ(cohort.scans()[s].participant_id, fmt::format("sub-{:04d}", s + 1));
    EXPECT_NEAR(cohort.scans()[s].repetition_time, 0.735, 1e-7);
    expect_zscored(cohort, s, read_scan(config.list.input / cohort.scans()[s].source));
  }
}

TEST(Prepare, PhenotypesGoWithTheScans) {
  const SharedDirectory directory;
  const PrepareConfig config = cohort_in(directory);
  prepare(config, MPI_COMM_WORLD);
  const io::Cohort cohort(config.output);
  const io::Table table = io::Table::read(config.list.input / "phenotypes.csv");
  ASSERT_EQ(cohort.layout().phenotypes.size(), 5u);
  const auto& cognition = std::get<std::vector<double>>(cohort.phenotype("cognition")->values);
  const auto& site = std::get<std::vector<std::string>>(cohort.phenotype("site")->values);
  for (std::size_t s = 0; s < 8; ++s) {
    EXPECT_EQ(cognition[s], table.number(s, table.column("cognition")));
    EXPECT_EQ(site[s], table.text(s, table.column("site")));
  }
}

std::string report_without_times(const std::filesystem::path& path) {
  const io::Table report = io::Table::read(path);
  std::string text;
  for (std::size_t row = 0; row < report.rows(); ++row) {
    for (std::size_t column = 0; column < report.columns(); ++column) {
      if (report.names()[column] != "seconds") text += report.text(row, column) + "\n";
    }
  }
  return text;
}

TEST(Prepare, BitsDoNotDependOnTheNumberOfRanks) {
  const SharedDirectory directory;
  PrepareConfig config = cohort_in(directory);
  prepare(config, MPI_COMM_WORLD);
  on_rank_0([&] {
    config.output = directory / "alone.h5";
    prepare(config, MPI_COMM_SELF);
    EXPECT_TRUE(read_file(directory / "cohort.h5") == read_file(config.output)) << "the bytes differ";
    EXPECT_EQ(report_without_times(directory / "cohort.report.tsv"),
              report_without_times(directory / "alone.report.tsv"));
  });
}

TEST(Prepare, MinmaxAndNone) {
  const SharedDirectory directory;
  PrepareConfig config = cohort_in(directory);
  config.processing.normalize = Normalize::kMinmax;
  prepare(config, MPI_COMM_WORLD);
  {
    const io::Cohort cohort(config.output);
    std::vector<std::uint16_t> stored(8 * cohort.voxels(0));
    cohort.read_window(0, 0, stored, io::Cohort::Verify::kNo);
    float low = 2, high = -1;
    for (const std::uint16_t half : stored) {
      low = std::min(low, io::half_to_float(half));
      high = std::max(high, io::half_to_float(half));
    }
    EXPECT_EQ(low, 0.0f);
    EXPECT_EQ(high, 1.0f);
    EXPECT_EQ(cohort.scans()[0].statistics.fill, 0);
  }
  MPI_Barrier(MPI_COMM_WORLD);
  config.processing.normalize = Normalize::kNone;
  prepare(config, MPI_COMM_WORLD);
  const io::Cohort cohort(config.output);
  const auto raw = read_scan(config.list.input / "sub-0001.nii.gz");
  std::vector<std::uint16_t> stored(8 * cohort.voxels(0));
  cohort.read_window(0, 0, stored, io::Cohort::Verify::kNo);
  double sum = 0, expected = 0;
  for (const std::uint16_t half : stored) sum += io::half_to_float(half);
  for (const float x : raw) expected += io::half_to_float(io::float_to_half(x));
  EXPECT_NEAR(sum, expected, 1e-12 * expected);
}

struct BadScan {
  const char* id;
  std::function<std::string(const std::filesystem::path& good)> file;  // bytes of a .nii or .nii.gz file
  const char* reason;
};

const std::vector<BadScan>& bad_scans() {
  constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
  static const std::vector<BadScan> scans{
      {"a-truncated",
       [](auto& good) {
         const auto b = read_file(good);
         return b.substr(0, b.size() / 2);
       },
       "cut short"},
      {"b-checksum",
       [](auto& good) {
         auto b = read_file(good);
         b[b.size() - 6] ^= 1;
         return b;
       },
       "incorrect data check"},
      {"c-magic", [](auto&) { return std::string(1000, 'x'); }, "is no NIfTI file"},
      {"d-volume",
       [](auto& good) {
         auto f = odd_scan(good, 1);
         f.set_dim(0, 3);
         f.bytes().resize(352 + 4 * kFrameVoxels);
         return f.bytes();
       },
       "has 3 dimensions, expected a scan of 4"},
      {"e-lying",
       [](auto& good) {
         auto f = odd_scan(good, 1);
         f.set_dim(4, 900);
         return f.bytes();
       },
       "declares 9x10x11x900"},
      {"f-nan",
       [](auto& good) {
         auto f = odd_scan(good, 1);
         f.put(352 + 4 * (2 * kFrameVoxels + 5), kNan);
         return f.bytes();
       },
       "1 voxels of frame 2 are NaN"},
      {"g-zero", [](auto& good) { return odd_scan(good, 0).bytes(); }, "every voxel is zero"},
      {"h-constant", [](auto& good) { return odd_scan(good, 7).bytes(); }, "all non-zero voxels are 7"},
      {"i-short",
       [](auto& good) {
         auto f = odd_scan(good, 1);
         f.set_dim(4, 3);
         f.bytes().resize(352 + 12 * kFrameVoxels);
         return f.bytes();
       },
       "has 3 frames, at least min_frames=5"},
      {"j-grid",
       [](auto& good) {
         auto f = odd_scan(good, 1);
         f.set_dim(1, 11);
         f.set_dim(3, 9);
         return f.bytes();
       },
       "has a grid of 11x10x9, most scans have 9x10x11"},
      {"k-affine",
       [](auto& good) {
         auto f = odd_scan(good, 1);
         f.set_srow(0, 3, 5);
         return f.bytes();
       },
       "its affine differs"},
      {"l-infinite", [](auto& good) { return odd_scan(good, std::numeric_limits<float>::infinity()).bytes(); },
       "are NaN or infinite"},
      {"m-empty", [](auto&) { return std::string(); }, "is empty"}};
  return scans;
}

// All kinds of damage beside good scans: reported with their reasons, and the store holds what it would without them.
TEST(Prepare, FaultRows38To40BadScansAreReportedAndLeftOut) {
  const SharedDirectory directory;
  PrepareConfig config = cohort_in(directory);
  config.min_frames = 5;
  prepare(config, MPI_COMM_WORLD);
  const std::string clean = read_file(config.output);
  MPI_Barrier(MPI_COMM_WORLD);
  on_rank_0([&] {
    std::string table = read_file(config.list.input / "phenotypes.csv");
    for (const BadScan& bad : bad_scans()) {
      write_file(config.list.input / (std::string(bad.id) + ".nii.gz"),
                 bad.file(config.list.input / "sub-0002.nii.gz"));
      table += std::string(bad.id) + ",0,50,site-1,0.1,100\n";
    }
    write_file(config.list.input / "phenotypes.csv", table);
  });
  config.max_bad = 0.7;
  const PrepareSummary summary = prepare(config, MPI_COMM_WORLD);
  EXPECT_EQ(summary.used, 8u);
  EXPECT_EQ(summary.bad, bad_scans().size());
  EXPECT_TRUE(read_file(config.output) == clean) << "bad scans changed the store";
  const io::Table report = io::Table::read(summary.report);
  const auto rows = report.index_by(0);
  ASSERT_EQ(rows.size(), 8 + bad_scans().size());
  for (const BadScan& bad : bad_scans()) {
    const std::size_t row = rows.at(bad.id);
    EXPECT_EQ(report.text(row, 2), "bad");
    EXPECT_NE(report.text(row, 5).find(bad.reason), std::string::npos) << bad.id << ": " << report.text(row, 5);
  }
  EXPECT_EQ(report.text(rows.at("sub-0001"), 2), "used");
  EXPECT_EQ(report.number(rows.at("sub-0001"), 3), 8.0);
}

TEST(Prepare, TooManyBadScansFailOnEveryRankAndKeepTheOldStore) {
  const SharedDirectory directory;
  const PrepareConfig config = cohort_in(directory);
  on_rank_0([&] {
    write_file(config.output, "old");
    write_file(config.list.input / "sub-0002.nii.gz", "junk");
  });
  expect_error<DataError>([&] { prepare(config, MPI_COMM_WORLD); },
                          {"1 of 8 scans", "max_bad=0.1", "cohort.report.tsv", "sub-0002.nii.gz"});
  MPI_Barrier(MPI_COMM_WORLD);
  EXPECT_EQ(read_file(config.output), "old");
  EXPECT_EQ(directory.entries(), 4);  // scans, old store, report, and the good scans for the next attempt
  const PrepareConfig lenient = [&] {
    PrepareConfig c = config;
    c.max_bad = 0.2;
    return c;
  }();
  EXPECT_EQ(prepare(lenient, MPI_COMM_WORLD).reused, 7u);
  EXPECT_EQ(directory.entries(), 3);
}

TEST(Prepare, FaultRow41ScansWithoutARowAreListedAndDoNotCountAsBad) {
  const SharedDirectory directory;
  const PrepareConfig config = cohort_in(directory);
  on_rank_0([&] {
    write_file(config.list.input / "phenotypes.csv",
               "participant_id,sex\nsub-0001,1\nsub-0003,NA\nsub-0005,0\nsomeone,1\n");
  });
  const PrepareSummary summary = prepare(config, MPI_COMM_WORLD);
  EXPECT_EQ(summary.used, 3u);
  EXPECT_EQ(summary.bad, 0u);
  EXPECT_EQ(summary.unlisted, 5u);
  const io::Cohort cohort(config.output);
  const auto& sex = std::get<std::vector<double>>(cohort.phenotype("sex")->values);
  EXPECT_EQ(sex[0], 1.0);
  EXPECT_TRUE(std::isnan(sex[1]));
  EXPECT_EQ(cohort.scans()[2].participant_id, "sub-0005");
}

TEST(Prepare, FaultRow41TableErrorsNameLineAndColumn) {
  const SharedDirectory directory;
  PrepareConfig config = cohort_in(directory);
  config.table_settings.id_column = "participant";
  expect_error<DataError>([&] { prepare(config, MPI_COMM_WORLD); }, {"no column 'participant'", "participant_id"});
  config.table_settings.id_column = "participant_id";
  config.phenotypes = directory / "twice.csv";
  on_rank_0([&] { write_file(config.phenotypes, "participant_id,sex\nsub-0001,1\nsub-0001,0\n"); });
  expect_error<DataError>([&] { prepare(config, MPI_COMM_WORLD); }, {"twice.csv' line 3 column 1", "first on line 2"});
}

TEST(Prepare, WithoutATableThereAreNoPhenotypes) {
  const SharedDirectory directory;
  const PrepareConfig config = cohort_in(directory);
  on_rank_0([&] { std::filesystem::remove(config.list.input / "phenotypes.csv"); });
  EXPECT_EQ(prepare(config, MPI_COMM_WORLD).used, 8u);
  EXPECT_TRUE(io::Cohort(config.output).layout().phenotypes.empty());
}

TEST(Prepare, RefusesWhatCannotWork) {
  const SharedDirectory directory;
  PrepareConfig config = cohort_in(directory);
  config.output = directory / "none" / "cohort.h5";
  expect_error<OutputError>([&] { prepare(config, MPI_COMM_WORLD); }, {"none", "create it first"});
  config.output = directory / "cohort.h5";
  config.list.input = directory / "nowhere";
  expect_error<DataError>([&] { prepare(config, MPI_COMM_WORLD); }, {"nowhere"});
  expect_error<UsageError>([] { parse_normalize("z"); }, {"'z'", "zscore, minmax or none"});
}

}  // namespace
}  // namespace brainmt::prepare
