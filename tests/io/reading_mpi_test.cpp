// The three ways of reading give the same windows on every number of ranks; a rank that fails, stops or has less to
// read keeps no other waiting. CTest runs this file under two MPI-IO implementations.
#include <gtest/gtest.h>

#include <fstream>
#include <thread>

#include "base/error.hpp"
#include "cohort_fixture.hpp"
#include "io/cohort.hpp"
#include "io/cohort_index.hpp"
#include "io/hdf5_reader.hpp"
#include "io/window_loader.hpp"
#include "support/expect_error.hpp"
#include "support/shared_directory.hpp"

namespace brainmt::io {
namespace {

using brainmt::test::rank_of_world;
using brainmt::test::ranks_of_world;

class Reading : public testing::TestWithParam<const char*> {
 protected:
  Reading() {
    test::write_small_cohort(MPI_COMM_WORLD, path_);
    MPI_Barrier(MPI_COMM_WORLD);
  }

  ReadSettings settings() const {
    // Pieces that do not divide a frame of 90 bytes: windows are joined from several.
    return settings_of_pieces(64);
  }
  static ReadSettings settings_of_pieces(std::size_t bytes) {
    return {.mode = read_mode_of(GetParam()), .comm = MPI_COMM_WORLD, .largest_piece = bytes};
  }

  std::vector<float> expected(const WindowRequest& request) const {
    const std::size_t dense = layout_.grid.voxels();
    std::vector<float> values(request.frames * dense, half_to_float(test::small_statistics(request.scan).fill));
    for (std::uint64_t t = 0; t < request.frames; ++t)
      for (std::size_t v = 0; v < layout_.voxels.size(); ++v)
        values[t * dense + layout_.voxels[v]] =
            half_to_float(test::small_value(request.scan, request.first_frame + t, v));
    return values;
  }

  // `count` windows that differ from rank to rank.
  static std::vector<WindowRequest> requests(std::size_t count) {
    std::vector<WindowRequest> list;
    for (std::size_t i = 0; i < count; ++i) {
      const std::size_t k = i + static_cast<std::size_t>(rank_of_world());
      list.push_back({k % 3, k % 2, 1 + k % 3});
    }
    return list;
  }

  void expect_windows(const Cohort& cohort, const std::vector<WindowRequest>& list, std::size_t depth) const {
    WindowLoader loader(cohort, list, depth);
    for (const WindowRequest& request : list) {
      const auto window = loader.next();
      ASSERT_TRUE(window);
      ASSERT_EQ(window->values, expected(request));
    }
    EXPECT_FALSE(loader.next());
  }

  const brainmt::test::SharedDirectory directory_;
  const std::filesystem::path path_ = directory_ / "cohort.h5";
  const CohortLayout layout_ = test::small_layout();
};

INSTANTIATE_TEST_SUITE_P(Modes, Reading, testing::Values("posix", "independent", "collective"),
                         [](const auto& info) { return std::string(info.param); });

TEST_P(Reading, UnevenNumbersOfWindowsAndTheirBytes) {
  const Cohort cohort(path_, settings());
  for (const std::size_t depth : {1, 3}) {
    const std::uint64_t before = cohort.bytes_read();
    const auto list = requests(5 + 17 * static_cast<std::size_t>(rank_of_world()));
    expect_windows(cohort, list, depth);
    std::uint64_t bytes = 0;
    for (const WindowRequest& r : list) bytes += r.frames * layout_.voxels.size() * 2;
    EXPECT_EQ(cohort.bytes_read() - before, bytes) << "a window costs frames x voxels x 2 bytes and no more";
  }
}

// bytes_read() is compared with the kernel's count for this process.
TEST_P(Reading, KernelCountsTheSameBytes) {
  const auto read_by_process = [] {
    std::ifstream io("/proc/self/io");
    std::uint64_t bytes = 0;
    for (std::string word; io >> word;)
      if (word == "rchar:") io >> bytes;
    return bytes;
  };
  if (read_by_process() == 0)
    GTEST_SKIP() << "missing hardware counters of this process: the kernel offers no /proc/self/io";
  // Large enough for the bytes that the system itself reads beside (the counter, MPI's messages) to be few.
  constexpr std::uint64_t kFrames = 200, kWindow = 64;
  CohortLayout layout = layout_;
  layout.grid = {64, 64, 8};
  layout.voxels.clear();
  for (std::uint32_t v = 0; v < layout.grid.voxels(); v += 4) layout.voxels.push_back(v);
  layout.scans = {{"sub-01", "a.nii", kFrames, 1.0}};
  layout.phenotypes.clear();
  const auto large = directory_ / "large.h5";
  CohortWriter writer(MPI_COMM_WORLD, large, layout);
  if (rank_of_world() == 0) {
    writer.write_frames(0, 0, std::vector<std::uint16_t>(kFrames * layout.voxels.size(), float_to_half(1)));
    writer.set_scan_statistics(0, {});
  }
  writer.commit();
  const Cohort cohort(large, settings_of_pieces(std::size_t{1} << 20));
  std::vector<WindowRequest> windows;
  for (std::uint64_t i = 0; i < 8; ++i) windows.push_back({0, 7 * i, kWindow});
  const std::uint64_t before = read_by_process();
  {
    WindowLoader loader(cohort, windows, 2);
    while (loader.next()) {
    }
  }
  std::uint64_t kernel = read_by_process() - before;
  const std::uint64_t needed = 8 * kWindow * layout.voxels.size() * 2;
  EXPECT_EQ(cohort.bytes_read(), needed);
  // In a collective round some ranks may read for others, and what several want only once.
  MPI_Allreduce(MPI_IN_PLACE, &kernel, 1, MPI_UINT64_T, MPI_SUM, MPI_COMM_WORLD);
  const auto ranks = static_cast<std::uint64_t>(ranks_of_world());
  EXPECT_GE(kernel, GetParam() == std::string("collective") ? needed : ranks * needed);
  EXPECT_LE(kernel, ranks * (needed + needed / 50)) << "at most 2 % beside the windows";
}

TEST_P(Reading, RankWithoutAnyWindow) {
  const Cohort cohort(path_, settings());
  expect_windows(cohort, requests(rank_of_world() == 0 ? 0 : 9), 2);
}

// One rank wants many windows before another takes its first: its rounds must continue meanwhile.
TEST_P(Reading, RankThatTakesNothingHoldsNobodyUp) {
  const Cohort cohort(path_, settings());
  WindowLoader loader(cohort, requests(20), 1);
  if (rank_of_world() == ranks_of_world() - 1) {
    for (const WindowRequest& request : requests(20)) ASSERT_EQ(loader.next()->values, expected(request));
  }
  MPI_Barrier(MPI_COMM_WORLD);  // the others have taken none until here
  if (rank_of_world() != ranks_of_world() - 1) {
    for (const WindowRequest& request : requests(20)) ASSERT_EQ(loader.next()->values, expected(request));
  }
}

TEST_P(Reading, TwoLoadersAtOnce) {
  const Cohort cohort(path_, settings());
  const auto training = requests(12), validation = requests(7);
  WindowLoader one(cohort, training, 2), other(cohort, validation, 2);
  for (std::size_t i = 0; i < 12; ++i) {
    ASSERT_EQ(one.next()->values, expected(training[i]));
    if (i < 7) {
      ASSERT_EQ(other.next()->values, expected(validation[i]));
    }
  }
}

TEST_P(Reading, ShardsOfDifferentFilesInOneRound) {
  const Cohort single(path_);
  CohortLayout layout = layout_;
  for (std::size_t s = 0; s < 3; ++s) {
    CohortLayout part = layout;
    part.scans = {layout.scans[s]};
    part.phenotypes.clear();
    const auto target = directory_ / fmt::format("part-{}.h5", s);
    CohortWriter writer(MPI_COMM_WORLD, target, part);
    if (rank_of_world() == 0) {
      writer.write_frames(0, 0, test::small_frames(layout, s, 0, part.scans[0].frames));
      writer.set_scan_statistics(0, test::small_statistics(s));
    }
    writer.commit();
  }
  const auto index = directory_ / "index.h5";
  if (rank_of_world() == 0)
    write_cohort_index(index, {directory_ / "part-0.h5", directory_ / "part-1.h5", directory_ / "part-2.h5"});
  MPI_Barrier(MPI_COMM_WORLD);
  const Cohort merged(index, settings());
  expect_windows(merged, requests(8 + static_cast<std::size_t>(rank_of_world())), 2);
}

// Leaving before the end, on one rank or on all, at every stage.
TEST_P(Reading, LeavingEarlyKeepsNobodyWaiting) {
  const Cohort cohort(path_, settings());
  const auto endless = [] { return std::optional(WindowRequest{2, 0, 9}); };
  for (int taken = 0; taken < 4; ++taken) {
    WindowLoader loader(cohort, endless, 2);
    const int mine = rank_of_world() == 0 ? taken : 3 - taken;
    try {
      for (int i = 0; i < mine; ++i) loader.next();
    } catch (const CommError&) {  // another rank has left already
    }
  }
  MPI_Barrier(MPI_COMM_WORLD);
}

TEST_P(Reading, Fault37DamageSeenByOneRankEndsAllInCollectiveMode) {
  const auto damaged = directory_ / "damaged.h5";
  if (rank_of_world() == 0) {
    std::string bytes = brainmt::test::read_file(path_);
    bytes[Hdf5Reader(path_).locate("frames", half_type()).offset + 7 * layout_.voxels.size() * 2] ^= 1;  // scan 1
    brainmt::test::write_file(damaged, bytes);
  }
  MPI_Barrier(MPI_COMM_WORLD);
  const Cohort cohort(damaged, settings());
  const bool meets_it = rank_of_world() == ranks_of_world() - 1;
  WindowLoader loader(
      cohort,
      [&, n = 0]() mutable {
        return std::optional(WindowRequest{meets_it && ++n == 5 ? 1u : 0u, 0, 2});
      },
      2);
  const auto take_all = [&] {
    while (meets_it || settings().mode == ReadMode::kCollective) loader.next();
  };
  if (meets_it || settings().mode == ReadMode::kCollective)
    brainmt::test::expect_error<DataError>(take_all, {"sub-02", "frame 0"});
}

TEST_P(Reading, Fault37FileMissingOrCutOnOneRankEndsAllInCollectiveMode) {
  for (const bool missing : {true, false}) {
    const auto own = directory_ / fmt::format("rank-{}.h5", rank_of_world());
    std::filesystem::copy_file(path_, own, std::filesystem::copy_options::overwrite_existing);
    const bool last = rank_of_world() == ranks_of_world() - 1;
    const Cohort cohort(last ? own : path_, settings());
    if (last && missing) std::filesystem::remove(own);
    if (last && !missing) std::filesystem::resize_file(own, std::filesystem::file_size(own) / 4);
    MPI_Barrier(MPI_COMM_WORLD);
    WindowLoader loader(cohort, requests(6), 2);
    const auto take_all = [&] {
      while (loader.next()) {
      }
    };
    if (last || settings().mode == ReadMode::kCollective) {
      brainmt::test::expect_error<DataError>(
          take_all, {own.parent_path().string(), fmt::format("rank-{}.h5", ranks_of_world() - 1)});
    } else {
      take_all();
    }
    MPI_Barrier(MPI_COMM_WORLD);
  }
}

// The file shrinks after it was opened: one rank's window is gone, the others' is not.
TEST_P(Reading, FileCutWhileItIsReadIsADataError) {
  const auto shared = directory_ / "shrinking.h5";
  if (rank_of_world() == 0) std::filesystem::copy_file(path_, shared);
  MPI_Barrier(MPI_COMM_WORLD);
  const std::uint64_t frames_at = Hdf5Reader(shared).locate("frames", half_type()).offset;
  MPI_Barrier(MPI_COMM_WORLD);
  const Cohort cohort(shared, settings());
  const bool last = rank_of_world() == ranks_of_world() - 1;
  std::atomic<bool> cut = false;
  WindowLoader loader(
      cohort,
      [&, n = 0]() mutable {
        while (n == 1 && !cut) std::this_thread::sleep_for(std::chrono::milliseconds(1));
        ++n;
        return std::optional(n > 1 && last ? WindowRequest{2, 0, 9} : WindowRequest{0, 0, 2});
      },
      1);
  ASSERT_EQ(loader.next()->values, expected({0, 0, 2}));
  MPI_Barrier(MPI_COMM_WORLD);
  if (rank_of_world() == 0) std::filesystem::resize_file(shared, frames_at + 8 * layout_.voxels.size() * 2);
  MPI_Barrier(MPI_COMM_WORLD);
  cut = true;
  const auto take_all = [&] {
    while (true) loader.next();
  };
  if (last || settings().mode == ReadMode::kCollective)
    brainmt::test::expect_error<DataError>(take_all, {"shrinking.h5", "cut short"});
}

TEST_P(Reading, ChecksumsCanBeSwitchedOff) {
  const auto damaged = directory_ / "damaged.h5";
  if (rank_of_world() == 0) {
    std::string bytes = brainmt::test::read_file(path_);
    bytes[Hdf5Reader(path_).locate("frames", half_type()).offset] ^= 1;
    brainmt::test::write_file(damaged, bytes);
  }
  MPI_Barrier(MPI_COMM_WORLD);
  ReadSettings unchecked = settings();
  unchecked.checksums = false;
  const Cohort cohort(damaged, unchecked);
  WindowLoader loader(cohort, {{0, 0, 1}}, 1);
  EXPECT_TRUE(loader.next());
}

}  // namespace
}  // namespace brainmt::io
