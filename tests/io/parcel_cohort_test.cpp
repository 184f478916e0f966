// Cohort files of parcels: round trip, checksums, quarantine, shards, and what is refused.
#include <gtest/gtest.h>

#include <cstdlib>

#include "base/error.hpp"
#include "io/cohort.hpp"
#include "io/cohort_index.hpp"
#include "parcel_fixture.hpp"
#include "support/expect_error.hpp"
#include "support/flip_bit.hpp"
#include "support/source_root.hpp"
#include "support/temporary_directory.hpp"

namespace brainmt::io {
namespace {

using brainmt::test::expect_error;
using brainmt::test::read_file;
using brainmt::test::TemporaryDirectory;

class ParcelCohort : public testing::Test {
 protected:
  ParcelCohort() { test::write_small_parcels(MPI_COMM_SELF, path_); }

  void damage(std::uint64_t row) const {
    const auto location = Hdf5Reader(path_).locate("frames", element_type<float>());
    brainmt::test::flip_bit(path_, location.offset + row * layout_.parcels->size() * sizeof(float), 3);
  }
  void refused(const std::function<void(CohortLayout&)>& change, std::initializer_list<std::string> parts) const {
    CohortLayout layout = layout_;
    change(layout);
    expect_error<DataError>([&] { CohortWriter(MPI_COMM_SELF, directory_ / "x.h5", layout); }, parts);
  }

  const TemporaryDirectory directory_;
  const std::filesystem::path path_ = directory_ / "parcels.h5";
  const CohortLayout layout_ = test::small_parcel_layout();
};

TEST_F(ParcelCohort, DescriptionAndCoverageRoundTrip) {
  const Cohort cohort(path_);
  ASSERT_NE(cohort.parcels(), nullptr);
  EXPECT_EQ(parcel_difference(*cohort.parcels(), *layout_.parcels), "");
  ASSERT_EQ(cohort.scans().size(), 3u);
  EXPECT_EQ(cohort.layout().normalization, "zscore");
  EXPECT_EQ(cohort.scans()[2].statistics.mean, 102);
  EXPECT_EQ(std::get<std::vector<double>>(cohort.phenotype("age")->values)[2], 63.5);
  for (std::size_t s = 0; s < 3; ++s) {
    EXPECT_TRUE(std::ranges::equal(cohort.parcel_voxels(s), test::small_parcel_voxels(s)));
    EXPECT_TRUE(std::ranges::equal(cohort.parcel_coverage(s), test::small_parcel_coverage(s)));
  }
}

TEST_F(ParcelCohort, EverySeriesIsRead) {
  const Cohort cohort(path_);
  for (std::size_t s = 0; s < 3; ++s)
    for (std::uint64_t first = 0; first < layout_.scans[s].frames; ++first) {
      const std::uint64_t count = layout_.scans[s].frames - first;
      std::vector<float> series(count * cohort.parcels()->size());
      cohort.read_series(s, first, series, Cohort::Verify::kYes);
      EXPECT_TRUE(test::same_bits(series, test::small_series(layout_, s, first, count))) << s << " " << first;
    }
  EXPECT_NO_THROW(cohort.verify());
}

TEST_F(ParcelCohort, VoxelsAreNotReadFromParcelsNorTheReverse) {
  const auto other = directory_ / "voxels.h5";
  test::write_small_cohort(MPI_COMM_SELF, other);
  const Cohort parcels(path_), voxels(other);
  EXPECT_EQ(voxels.parcels(), nullptr);
  std::vector<std::uint16_t> window(10);
  std::vector<float> series(45);
  expect_error<InternalError>([&] { parcels.read_window(0, 0, window, Cohort::Verify::kNo); }, {"holds parcels"});
  expect_error<InternalError>([&] { voxels.read_series(0, 0, series, Cohort::Verify::kNo); }, {"holds voxels"});
}

TEST_F(ParcelCohort, DamageIsFoundAndItsScanTakenOutOfUse) {
  damage(7 + 3);  // frame 3 of scan 1
  const Cohort cohort(path_);
  std::vector<float> series(4 * 5);
  expect_error<DataError>([&] { cohort.read_series(1, 0, series, Cohort::Verify::kYes); }, {"frame 3", "sub-02"});
  expect_error<DataError>([&] { cohort.verify(); }, {"frame 3", "sub-02"});
  const auto damaged = cohort.damaged_scans();
  ASSERT_EQ(damaged.size(), 1u);
  EXPECT_EQ(damaged[0].scan, 1u);
  EXPECT_EQ(damaged[0].frame, 3u);
  write_quarantine(path_, cohort.scans(), damaged);
  const Cohort again(path_);
  EXPECT_FALSE(again.usable(1));
  EXPECT_NO_THROW(again.verify());
}

TEST_F(ParcelCohort, ShardsAreReadAsOneCohort) {
  std::vector<std::filesystem::path> shards;
  for (std::size_t s = 0; s < 3; ++s) {
    CohortLayout part = layout_;
    part.scans = {layout_.scans[s]};
    part.phenotypes.clear();
    shards.push_back(directory_ / fmt::format("shard-{}.h5", 2 - s));
    CohortWriter writer(MPI_COMM_SELF, shards.back(), part);
    writer.write_series(0, 0, test::small_series(layout_, s, 0, layout_.scans[s].frames));
    writer.set_parcel_coverage(0, test::small_parcel_voxels(s), test::small_parcel_coverage(s));
    writer.set_scan_statistics(0, test::small_statistics(s));
    writer.commit();
  }
  write_cohort_index(directory_ / "index.h5", shards);
  const Cohort cohort(directory_ / "index.h5");
  ASSERT_EQ(cohort.parcels()->size(), 5u);
  for (std::size_t s = 0; s < 3; ++s) {
    std::vector<float> series(layout_.scans[s].frames * 5);
    cohort.read_series(s, 0, series, Cohort::Verify::kYes);
    EXPECT_TRUE(test::same_bits(series, test::small_series(layout_, s, 0, layout_.scans[s].frames)));
    EXPECT_TRUE(std::ranges::equal(cohort.parcel_voxels(s), test::small_parcel_voxels(s)));
  }
}

TEST_F(ParcelCohort, ShardsThatDifferAreRefused) {
  const auto refused = [&](const std::function<void(ParcelTable&)>& change, const std::string& what) {
    CohortLayout layout = layout_;
    for (std::size_t s = 0; s < 3; ++s) layout.scans[s].source = fmt::format("other-{}", s);  // other scans
    change(*layout.parcels);
    test::write_small_parcels(MPI_COMM_SELF, directory_ / "second.h5", layout);
    expect_error<DataError>(
        [&] {
          write_cohort_index(directory_ / "i.h5", {path_, directory_ / "second.h5"});
        },
        {what});
  };
  refused([](ParcelTable& p) { p.atlas_sha256 = std::string(64, 'c'); }, "atlas: 'Small' (aaaaaaaaaaaa) and");
  refused([](ParcelTable& p) { p.name[1] = "LH_Vis_9"; }, "parcel 2: 1 'LH_Vis_2' and 1 'LH_Vis_9'");
  refused([](ParcelTable& p) { p.min_coverage = 0; }, "min_coverage: 0.5 and 0");
  test::write_small_cohort(MPI_COMM_SELF, directory_ / "voxels.h5");
  expect_error<DataError>(
      [&] {
        write_cohort_index(directory_ / "i.h5", {path_, directory_ / "voxels.h5"});
      },
      {"content: parcels and voxels"});
}

TEST_F(ParcelCohort, RefusedTables) {
  refused([](CohortLayout& l) { l.parcels->index.clear(); }, {"0 parcels"});
  refused([](CohortLayout& l) { l.parcels->index[0] = 0; }, {"label 0"});
  refused([](CohortLayout& l) { l.parcels->index[0] = 65536; }, {"label 65536"});
  refused([](CohortLayout& l) { l.parcels->index[0] = 1; }, {"label 1 occurs twice"});
  refused([](CohortLayout& l) { l.parcels->network.pop_back(); }, {"4 values for 5 parcels"});
  refused([](CohortLayout& l) { l.parcels->name[0].assign(5000, 'x'); }, {"too long"});
  refused([](CohortLayout& l) { l.parcels->min_coverage = 1.5; }, {"min_coverage is 1.5"});
}

TEST_F(ParcelCohort, CoverageOfEveryScanIsNeeded) {
  CohortWriter writer(MPI_COMM_SELF, directory_ / "x.h5", layout_);
  for (std::size_t s = 0; s < 3; ++s) {
    writer.write_series(s, 0, test::small_series(layout_, s, 0, layout_.scans[s].frames));
    writer.set_scan_statistics(s, {});
    if (s != 1) writer.set_parcel_coverage(s, test::small_parcel_voxels(s), test::small_parcel_coverage(s));
  }
  expect_error<InternalError>([&] { writer.commit(); }, {"coverage of scan 1"});
}

TEST_F(ParcelCohort, EveryTruncationIsRefused) {
  const std::string whole = read_file(path_);
  for (std::size_t size = 0; size < whole.size(); size += std::max<std::size_t>(1, whole.size() / 97)) {
    brainmt::test::write_file(path_, whole.substr(0, size));
    expect_error<DataError>([&] { Cohort cohort(path_); }, {path_.string()});
  }
}

// The second snippet of the format's document is run on a real file.
TEST_F(ParcelCohort, DocumentedPythonReadsTheParcels) {
  const std::string python = BRAINMT_PYTHON;
  ASSERT_EQ(std::system((python + " -c 'import h5py'").c_str()), 0) << "install Python with h5py (python3-h5py)";
  const std::string document = read_file(brainmt::test::source_root() / "docs/cohort-format.md");
  const std::size_t begin = document.find("```python\n", document.find("```python\n") + 1),
                    end = document.find("\n```", begin);
  ASSERT_NE(begin, std::string::npos);
  const std::string check =
      "\nassert names[3] == 'RH_K\\u00f6ln', names\n"
      "assert series.dtype == np.float32 and series.shape == (4, 5), series.shape\n"
      "assert np.isnan(series[:, 3]).all() and series[2, 4] == np.float32(102.5)\n"
      "assert covered.tolist() == [True, True, True, False, True]\n";
  brainmt::test::write_file(directory_ / "snippet.py", document.substr(begin + 10, end - begin - 10) + check);
  const std::string command = "cd '" + directory_.path().string() + "' && '" + python + "' snippet.py >log 2>&1";
  EXPECT_EQ(std::system(command.c_str()), 0) << read_file(directory_ / "log");
}

}  // namespace
}  // namespace brainmt::io
