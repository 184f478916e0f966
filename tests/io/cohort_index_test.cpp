// Shards and their index: the same cohort as one file, and refusals that name index and shard.
#include "io/cohort_index.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/error.hpp"
#include "cohort_fixture.hpp"
#include "io/cohort.hpp"
#include "io/window_loader.hpp"
#include "support/expect_error.hpp"
#include "support/temporary_directory.hpp"

namespace brainmt::io {
namespace {

using brainmt::test::expect_error;
using brainmt::test::read_file;
using brainmt::test::TemporaryDirectory;
using brainmt::test::write_file;

// A cohort of dense scans that are constant outside their own brains, so that any mask that covers those keeps them
// whole: what prepare makes of them in one file or in shards.
class ShardsTest : public testing::Test {
 protected:
  static constexpr std::size_t kScans = 7;
  static constexpr CohortGrid kGrid{3, 4, 5};

  static std::uint64_t frames_of(std::size_t scan) { return 3 + scan % 3; }
  static std::uint16_t fill_of(std::size_t scan) { return float_to_half(-1.5f - static_cast<float>(scan)); }
  static bool in_brain(std::size_t scan, std::uint32_t voxel) { return (voxel + scan) % 3 != 0; }
  static std::uint16_t value(std::size_t scan, std::uint64_t frame, std::uint32_t voxel) {
    if (!in_brain(scan, voxel)) return fill_of(scan);
    return float_to_half(static_cast<float>(voxel) + 64 * static_cast<float>(frame) + 256 * static_cast<float>(scan));
  }

  // The layout of these scans alone, with the union of their brains as the mask.
  static CohortLayout layout_of(const std::vector<std::size_t>& scans) {
    CohortLayout layout;
    layout.grid = kGrid;
    layout.affine = {-2, 0, 0, 90, 0, 2, 0, -126, 0, 0, 2, -72, 0, 0, 0, 1};
    layout.normalization = "zscore";
    layout.layout = "flat";
    layout.processing = "{}";
    for (std::uint32_t v = 0; v < kGrid.voxels(); ++v) {
      if (std::ranges::any_of(scans, [&](std::size_t s) { return in_brain(s, v); })) layout.voxels.push_back(v);
    }
    std::vector<double> age;
    std::vector<std::string> site;
    for (const std::size_t s : scans) {
      CohortScan scan{fmt::format("p{}", s / 2), fmt::format("p{}_run-{}.nii", s / 2, s % 2), frames_of(s), 0.7};
      scan.run = fmt::format("run-{}", s % 2);
      scan.mean_fd = 0.1 * static_cast<double>(s);
      layout.scans.push_back(scan);
      age.push_back(40 + static_cast<double>(s));
      site.push_back(s % 2 == 0 ? "A" : "");
    }
    layout.phenotypes = {{"age", age}, {"site", site}};
    return layout;
  }

  static void write(
      const std::filesystem::path& path, const std::vector<std::size_t>& scans,
      const std::function<void(CohortLayout&)>& change = [](CohortLayout&) {}) {
    CohortLayout layout = layout_of(scans);
    change(layout);
    CohortWriter writer(MPI_COMM_SELF, path, layout);
    for (std::size_t i = 0; i < scans.size(); ++i) {
      std::vector<std::uint16_t> frames;
      for (std::uint64_t f = 0; f < frames_of(scans[i]); ++f)
        for (const std::uint32_t v : layout.voxels) frames.push_back(value(scans[i], f, v));
      writer.write_frames(i, 0, frames);
      writer.set_scan_statistics(i, {10.0 + static_cast<double>(scans[i]), 2.0, fill_of(scans[i])});
    }
    writer.commit();
  }

  // Three shards with three masks, dealt so that the order of the files is not the order of the scans.
  void write_shards() const {
    write(directory_ / "c.shard-1.h5", {1, 4});
    write(directory_ / "c.shard-2.h5", {0, 3, 6});
    write(directory_ / "c.shard-3.h5", {2, 5});
  }
  std::vector<std::filesystem::path> shards() const {
    return {directory_ / "c.shard-3.h5", directory_ / "c.shard-1.h5", directory_ / "c.shard-2.h5"};
  }

  const TemporaryDirectory directory_;
  const std::filesystem::path index_ = directory_ / "c.h5";
};

std::vector<std::vector<float>> dense_windows(const Cohort& cohort) {
  std::vector<WindowRequest> requests;
  for (std::size_t s = 0; s < cohort.scans().size(); ++s) {
    requests.push_back({s, 0, cohort.scans()[s].frames});
    requests.push_back({s, 1, 2});
  }
  WindowLoader loader(cohort, requests, 2);
  std::vector<std::vector<float>> windows;
  while (auto window = loader.next()) windows.push_back(std::move(window->values));
  return windows;
}

TEST_F(ShardsTest, MergedCohortIsTheSingleFile) {
  write(directory_ / "single.h5", {0, 1, 2, 3, 4, 5, 6});
  write_shards();
  write_cohort_index(index_, shards());
  EXPECT_EQ(directory_.entries(), 5u) << "a temporary file was left";

  const Cohort single(directory_ / "single.h5"), merged(index_);
  ASSERT_EQ(merged.scans().size(), kScans);
  EXPECT_EQ(merged.files().size(), 3u);
  EXPECT_NE(merged.voxels_of(0), merged.voxels_of(2)) << "the masks are meant to differ";
  for (std::size_t s = 0; s < kScans; ++s) {
    const CohortScan &a = single.scans()[s], &b = merged.scans()[s];
    EXPECT_EQ(a.participant_id, b.participant_id);
    EXPECT_EQ(a.source, b.source);
    EXPECT_EQ(a.run, b.run);
    EXPECT_EQ(a.frames, b.frames);
    EXPECT_EQ(a.mean_fd, b.mean_fd);
    EXPECT_EQ(a.statistics.mean, b.statistics.mean);
    EXPECT_EQ(a.statistics.fill, b.statistics.fill);
  }
  ASSERT_EQ(merged.layout().phenotypes.size(), 2u);
  for (std::size_t c = 0; c < 2; ++c) {
    EXPECT_EQ(merged.layout().phenotypes[c].name, single.layout().phenotypes[c].name);
    EXPECT_EQ(merged.layout().phenotypes[c].values, single.layout().phenotypes[c].values);
  }
  EXPECT_EQ(merged.layout().total_frames(), single.layout().total_frames());
  EXPECT_EQ(dense_windows(merged), dense_windows(single));
  EXPECT_NO_THROW(merged.verify());
}

TEST_F(ShardsTest, DenseFrameIsTheScan) {
  write_shards();
  write_cohort_index(index_, shards());
  const Cohort merged(index_);
  const auto windows = dense_windows(merged);
  for (std::size_t s = 0; s < kScans; ++s)
    for (std::uint64_t f = 0; f < frames_of(s); ++f)
      for (std::uint32_t v = 0; v < kGrid.voxels(); ++v)
        ASSERT_EQ(windows[2 * s][f * kGrid.voxels() + v], half_to_float(value(s, f, v))) << s << " " << f << " " << v;
}

TEST_F(ShardsTest, IndexIsTheSameForEveryOrderOfTheShards) {
  write_shards();
  write_cohort_index(index_, shards());
  const std::string first = read_file(index_);
  auto reversed = shards();
  std::ranges::reverse(reversed);
  write_cohort_index(index_, reversed);
  EXPECT_TRUE(read_file(index_) == first);
  EXPECT_LT(first.size(), 8192u) << "an index copies nothing";
}

TEST_F(ShardsTest, IndexMovesWithItsFolder) {
  write_shards();
  write_cohort_index(index_, shards());
  const TemporaryDirectory elsewhere;
  for (const auto& entry : std::filesystem::directory_iterator(directory_.path()))
    std::filesystem::copy(entry.path(), elsewhere / entry.path().filename().string());
  EXPECT_EQ(dense_windows(Cohort(elsewhere / "c.h5")), dense_windows(Cohort(index_)));
}

TEST_F(ShardsTest, DifferingShardsAreNamedWithTheDifference) {
  write(directory_ / "a.h5", {0, 1});
  const auto refused = [&](const std::function<void(CohortLayout&)>& change, const std::string& what) {
    write(directory_ / "b.h5", {2, 3}, change);
    expect_error<DataError>(
        [&] {
          write_cohort_index(index_, {directory_ / "a.h5", directory_ / "b.h5"});
        },
        {"a.h5", "b.h5", what});
    EXPECT_FALSE(std::filesystem::exists(index_));
  };
  refused([](CohortLayout& l) { l.grid.x = 4; }, "grid: 3x4x5 and 4x4x5");
  refused([](CohortLayout& l) { l.affine[3] = 91; }, "affine, row 1 column 4: 90 and 91");
  refused([](CohortLayout& l) { l.normalization = "minmax"; }, "normalization: 'zscore' and 'minmax'");
  refused([](CohortLayout& l) { l.layout = "hcp"; }, "layout: 'flat' and 'hcp'");
  refused([](CohortLayout& l) { l.processing = "{\"crop\":true}"; }, "processing");
  refused([](CohortLayout& l) { l.phenotypes[0].name = "agf"; }, "'age' (numbers) and 'agf' (numbers)");
  refused([](CohortLayout& l) { l.phenotypes[0].values = std::vector<std::string>{"x", "y"}; }, "'age' (text)");
  refused([](CohortLayout& l) { l.phenotypes.pop_back(); }, "one lacks 'site' (text)");
  write(directory_ / "b.h5", {1, 2});
  expect_error<DataError>(
      [&] {
        write_cohort_index(index_, {directory_ / "a.h5", directory_ / "b.h5"});
      },
      {"a.h5", "b.h5", "both hold 'p0_run-1.nii' of participant p0"});
  EXPECT_EQ(directory_.entries(), 2u) << "a temporary file was left";
}

TEST_F(ShardsTest, ShardsLieBesideTheirIndex) {
  write_shards();
  expect_error<UsageError>([&] { write_cohort_index(index_, {}); }, {"c.h5", "at least one"});
  const TemporaryDirectory elsewhere;
  expect_error<UsageError>([&] { write_cohort_index(elsewhere / "c.h5", shards()); }, {"c.shard-3.h5", "beside"});
  write_cohort_index(index_, shards());
  expect_error<DataError>([&] { write_cohort_index(directory_ / "d.h5", {index_}); }, {"c.h5", "itself an index"});
}

TEST_F(ShardsTest, MissingChangedAndCutShardsAreNamed) {
  write_shards();
  write_cohort_index(index_, shards());
  const auto shard = directory_ / "c.shard-2.h5";
  const std::string whole = read_file(shard);
  const auto refused = [&](std::initializer_list<std::string> parts) {
    expect_error<DataError>([&] { Cohort cohort(index_); }, {index_.string(), "c.shard-2.h5"});
    expect_error<DataError>([&] { Cohort cohort(index_); }, parts);
  };
  std::filesystem::remove(shard);
  refused({"missing"});
  write_file(shard, whole.substr(0, whole.size() / 2));
  refused({"cannot be used"});
  write_file(shard, whole + "x");
  refused({"not the file that was merged"});
  write(shard, {0, 3, 6}, [](CohortLayout& l) { l.scans[0].mean_fd = 7; });
  ASSERT_EQ(read_file(shard).size(), whole.size());
  refused({"not the file that was merged"});
  write(shard, {0, 3, 6}, [](CohortLayout& l) { std::get<0>(l.phenotypes[0].values)[1] = 7; });
  refused({"not the file that was merged"});
  write_file(shard, whole);
  EXPECT_NO_THROW(Cohort cohort(index_));
}

// Hostile indexes: names that leave the folder, links, a shard twice.
class HostileIndexTest : public ShardsTest {
 protected:
  HostileIndexTest() {
    write_shards();
    write_cohort_index(index_, shards());
  }
  // Replaces the name of one shard in the index by another of at most as many bytes; metadata are not touched.
  void rename_in_index(const std::string& from, std::string to) const {
    std::string bytes = read_file(index_);
    const std::size_t at = bytes.find(from);
    ASSERT_NE(at, std::string::npos);
    to.resize(from.size(), '\0');
    bytes.replace(at, from.size(), to);
    write_file(index_, bytes);
  }
};

TEST_F(HostileIndexTest, NamesThatLeaveTheFolderAreRefused) {
  for (const char* name : {"../x.h5", "/etc/passwd", "a/b.h5", "..", ".", ""}) {
    write_cohort_index(index_, shards());
    rename_in_index("c.shard-2.h5", name);
    expect_error<DataError>([&] { Cohort cohort(index_); }, {index_.string(), "refused"});
  }
}

TEST_F(HostileIndexTest, LinkOutOfTheFolderIsRefusedAndOneWithinIsNot) {
  const TemporaryDirectory elsewhere;
  const auto shard = directory_ / "c.shard-2.h5";
  std::filesystem::rename(shard, directory_ / "kept.h5");
  std::filesystem::create_symlink("kept.h5", shard);
  EXPECT_NO_THROW(Cohort cohort(index_));
  std::filesystem::copy(directory_ / "kept.h5", elsewhere / "kept.h5");
  std::filesystem::remove(shard);
  std::filesystem::create_symlink(elsewhere / "kept.h5", shard);
  expect_error<DataError>([&] { Cohort cohort(index_); }, {index_.string(), "c.shard-2.h5", "link to elsewhere"});
}

TEST_F(HostileIndexTest, ShardNamedTwiceIsRefused) {
  rename_in_index("c.shard-2.h5", "c.shard-1.h5");
  expect_error<DataError>([&] { Cohort cohort(index_); }, {index_.string(), "not the file that was merged"});
}

TEST_F(HostileIndexTest, EveryTruncationIsRefused) {
  const std::string whole = read_file(index_);
  for (std::size_t size = 0; size < whole.size(); size += 61) {
    write_file(index_, whole.substr(0, size));
    expect_error<DataError>([&] { Cohort cohort(index_); }, {index_.string()});
  }
}

}  // namespace
}  // namespace brainmt::io
