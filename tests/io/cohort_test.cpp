// The cohort store on one rank: round trip, damaged and inconsistent files are refused, h5py reads the documented
// layout.
#include "io/cohort.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <thread>

#include "base/error.hpp"
#include "cohort_fixture.hpp"
#include "io/grid_scatter.hpp"
#include "io/hdf5_reader.hpp"
#include "support/expect_error.hpp"
#include "support/source_root.hpp"
#include "support/temporary_directory.hpp"

namespace brainmt::io {
namespace {

using brainmt::test::expect_error;
using brainmt::test::read_file;
using brainmt::test::TemporaryDirectory;
using brainmt::test::write_file;

class CohortTest : public testing::Test {
 protected:
  CohortTest() { test::write_small_cohort(MPI_COMM_SELF, path_); }

  // Byte of a packed value in the file.
  std::uint64_t offset_of(std::uint64_t row, std::size_t voxel) const {
    const auto location = Hdf5Reader(path_).locate("frames", half_type());
    return location.offset + (row * layout_.voxels.size() + voxel) * 2;
  }

  const TemporaryDirectory directory_;
  const std::filesystem::path path_ = directory_ / "cohort.h5";
  const CohortLayout layout_ = test::small_layout();
};

TEST_F(CohortTest, DescriptionRoundTrip) {
  const Cohort cohort(path_);
  const CohortDescription& read = cohort.layout();
  EXPECT_EQ(directory_.entries(), 1u) << "a temporary file was left";
  EXPECT_EQ(read.grid, layout_.grid);
  EXPECT_EQ(read.affine, layout_.affine);
  EXPECT_EQ(cohort.voxels_of(0), layout_.voxels);
  EXPECT_EQ(read.normalization, "zscore");
  EXPECT_EQ(read.provenance, "cohort fixture");
  ASSERT_EQ(read.scans.size(), 3u);
  std::uint64_t row = 0;
  for (std::size_t s = 0; s < 3; ++s) {
    EXPECT_EQ(read.scans[s].participant_id, layout_.scans[s].participant_id);
    EXPECT_EQ(read.scans[s].source, layout_.scans[s].source);
    EXPECT_EQ(read.scans[s].frames, layout_.scans[s].frames);
    EXPECT_EQ(read.scans[s].first_frame, row);
    EXPECT_EQ(read.scans[s].repetition_time, layout_.scans[s].repetition_time);
    EXPECT_EQ(read.scans[s].statistics.mean, test::small_statistics(s).mean);
    EXPECT_EQ(read.scans[s].statistics.std, test::small_statistics(s).std);
    EXPECT_EQ(read.scans[s].statistics.fill, test::small_statistics(s).fill);
    row += read.scans[s].frames;
  }
  const auto& age = std::get<std::vector<double>>(cohort.phenotype("age")->values);
  EXPECT_EQ(age[0], 51);
  EXPECT_TRUE(std::isnan(age[1]));
  EXPECT_EQ(age[2], 63.5);
  EXPECT_EQ(std::get<std::vector<std::string>>(cohort.phenotype("site")->values),
            (std::vector<std::string>{"Köln", "", "B"}));
  EXPECT_EQ(cohort.phenotype("absent"), nullptr);
}

TEST_F(CohortTest, EveryWindowIsRead) {
  const Cohort cohort(path_);
  std::uint64_t bytes = 0;
  for (std::size_t s = 0; s < 3; ++s) {
    const std::uint64_t frames = layout_.scans[s].frames;
    for (std::uint64_t first = 0; first < frames; ++first) {
      for (std::uint64_t count = 1; first + count <= frames; ++count) {
        std::vector<std::uint16_t> window(count * cohort.voxels(0));
        cohort.read_window(s, first, window, Cohort::Verify::kYes);
        EXPECT_EQ(window, test::small_frames(layout_, s, first, count)) << s << " " << first << " " << count;
        bytes += window.size() * 2;
      }
    }
  }
  EXPECT_EQ(cohort.bytes_read(), bytes);
  std::vector<std::uint16_t> window(2 * cohort.voxels(0));
  expect_error<InternalError>([&] { cohort.read_window(1, 3, window, Cohort::Verify::kNo); }, {"does not fit"});
  EXPECT_NO_THROW(cohort.verify());
}

TEST_F(CohortTest, FlippedBitIsFoundByTheChecksum) {
  std::string bytes = read_file(path_);
  bytes[offset_of(7 + 3, 5)] ^= 0x10;  // frame 3 of scan 1
  write_file(path_, bytes);
  const Cohort cohort(path_);
  std::vector<std::uint16_t> window(4 * cohort.voxels(0));
  expect_error<DataError>([&] { cohort.read_window(1, 0, window, Cohort::Verify::kYes); },
                          {path_.string(), "frame 3", "sub-02"});
  expect_error<DataError>([&] { cohort.verify(); }, {"frame 3", "sub-02"});
  EXPECT_NO_THROW(cohort.read_window(0, 0, window, Cohort::Verify::kYes)) << "the other frames are sound";
  EXPECT_NO_THROW(cohort.read_window(1, 0, window, Cohort::Verify::kNo));
}

TEST_F(CohortTest, Fault32EveryTruncationIsRefused) {
  const std::string whole = read_file(path_);
  for (std::size_t size = 0; size < whole.size(); size += std::max<std::size_t>(1, whole.size() / 97)) {
    write_file(path_, whole.substr(0, size));
    expect_error<DataError>([&] { Cohort cohort(path_); }, {path_.string()});
  }
  write_file(path_, whole.substr(0, whole.size() - 1));
  expect_error<DataError>([&] { Cohort cohort(path_); }, {path_.string()});
}

TEST_F(CohortTest, Fault32TextDirectoryAndNothingAreRefused) {
  write_file(path_, "participant_id,sex\nsub-01,1\n");
  expect_error<DataError>([&] { Cohort cohort(path_); }, {path_.string(), "expected a cohort, found a table"});
  expect_error<DataError>([&] { Cohort cohort(directory_.path()); }, {"found a directory"});
  expect_error<DataError>([&] { Cohort cohort(directory_ / "absent.h5"); }, {"absent.h5", "No such"});
}

TEST_F(CohortTest, WriterLeavesTheOldCohortReadable) {
  const std::string before = read_file(path_);
  CohortWriter writer(MPI_COMM_SELF, path_, layout_);
  EXPECT_NO_THROW(Cohort cohort(path_)) << "the old cohort stays until commit";
  EXPECT_EQ(read_file(path_), before);
}

TEST_F(CohortTest, IncompleteCohortIsNotCommitted) {
  const auto target = directory_ / "half.h5";
  CohortWriter writer(MPI_COMM_SELF, target, layout_);
  writer.write_frames(0, 0, test::small_frames(layout_, 0, 0, 7));
  writer.set_scan_statistics(0, {});
  expect_error<InternalError>([&] { writer.commit(); }, {"scan 1"});
  EXPECT_FALSE(std::filesystem::exists(target));
  EXPECT_EQ(directory_.entries(), 1u) << "a temporary file was left";
}

TEST_F(CohortTest, RefusedLayouts) {
  const auto target = directory_ / "refused.h5";
  const auto refused = [&](auto&& change, std::initializer_list<std::string> parts) {
    CohortLayout layout = layout_;
    change(layout);
    expect_error<DataError>([&] { CohortWriter writer(MPI_COMM_SELF, target, layout); }, parts);
  };
  refused([](CohortLayout& l) { l.scans.clear(); }, {"no scan"});
  refused([](CohortLayout& l) { l.voxels.clear(); }, {"no voxel"});
  refused([](CohortLayout& l) { std::swap(l.voxels[0], l.voxels[1]); }, {"ascending"});
  refused([](CohortLayout& l) { l.voxels.back() = 60; }, {"inside the grid"});
  refused([](CohortLayout& l) { l.grid.x = 100'000; }, {"100000"});
  refused([](CohortLayout& l) { l.scans[1].frames = 0; }, {"sub-02", "no frame"});
  refused([](CohortLayout& l) { l.scans[1].frames = ~0ull; }, {"frames"});
  refused([](CohortLayout& l) { l.phenotypes[0].name = "a/b"; }, {"a/b"});
  refused([](CohortLayout& l) { l.phenotypes[0].name = "site"; }, {"site", "twice"});
  refused([](CohortLayout& l) { l.phenotypes[0].values = std::vector<double>{1}; }, {"age", "1 values"});
  for (const char* id : {"", "../../x", "/abs", "a\nb", "sub 1", "с"}) {  // the last is a Cyrillic letter
    refused([&](CohortLayout& l) { l.scans[0].participant_id = id; }, {"participant id"});
  }
  EXPECT_EQ(directory_.entries(), 1u);
}

TEST_F(CohortTest, OutputErrorsNameTheTarget) {
  expect_error<OutputError>([&] { CohortWriter writer(MPI_COMM_SELF, directory_ / "no/cohort.h5", layout_); },
                            {"no/cohort.h5"});
  CohortLayout huge = layout_;
  for (CohortScan& scan : huge.scans) scan.frames = 700'000'000;  // 156 GB; no disk of a test machine is asked for it
  if (std::filesystem::space(directory_.path()).available < 156'000'000'000ull) {
    expect_error<OutputError>([&] { CohortWriter writer(MPI_COMM_SELF, directory_ / "huge.h5", huge); },
                              {"huge.h5", "free"});
  }
  EXPECT_EQ(directory_.entries(), 1u);
}

// Replaces /frames, which is what a hostile file would point elsewhere.
class CohortFault36 : public CohortTest {
 protected:
  static constexpr hsize_t kExtents[2] = {20, 45};

  template <class Replace>
  void expect_refused_after(Replace replace, std::initializer_list<std::string> parts) {
    {
      const Hdf5File file(H5Fopen(path_.c_str(), H5F_ACC_RDWR, H5P_DEFAULT));
      ASSERT_GE(H5Lmove(file.get(), "frames", file.get(), "moved", H5P_DEFAULT, H5P_DEFAULT), 0);
      const Hdf5Properties creation(H5Pcreate(H5P_DATASET_CREATE));
      ASSERT_GE(replace(file.get(), creation.get()), 0) << hdf5_reason();
    }
    expect_error<DataError>([&] { Cohort cohort(path_); }, parts);
  }

  static herr_t create(hid_t file, hid_t creation, const Hdf5Type& type) {
    const Hdf5Space space(H5Screate_simple(2, kExtents, nullptr));
    const Hdf5Dataset made(H5Dcreate2(file, "frames", type.get(), space.get(), H5P_DEFAULT, creation, H5P_DEFAULT));
    return made.get() < 0 ? -1 : 0;
  }
};

TEST_F(CohortFault36, MissingArray) {
  expect_refused_after([](hid_t, hid_t) { return 0; }, {"frames", "missing"});
}

TEST_F(CohortFault36, SoftLink) {
  expect_refused_after([](hid_t f, hid_t) { return H5Lcreate_soft("/moved", f, "frames", H5P_DEFAULT, H5P_DEFAULT); },
                       {"frames", "link"});
}

TEST_F(CohortFault36, ExternalLink) {
  expect_refused_after(
      [](hid_t f, hid_t) { return H5Lcreate_external("other.h5", "/x", f, "frames", H5P_DEFAULT, H5P_DEFAULT); },
      {"frames", "link"});
}

TEST_F(CohortFault36, ExternalStorage) {
  expect_refused_after(
      [](hid_t f, hid_t p) {
        H5Pset_external(p, "/etc/hostname", 0, H5F_UNLIMITED);
        return create(f, p, half_type());
      },
      {"frames", "another file"});
}

TEST_F(CohortFault36, ChunkedAndFiltered) {
  expect_refused_after(
      [](hid_t f, hid_t p) {
        H5Pset_chunk(p, 2, kExtents);
        H5Pset_deflate(p, 1);
        return create(f, p, half_type());
      },
      {"frames", "one piece"});
}

TEST_F(CohortFault36, VirtualDataset) {
  expect_refused_after(
      [](hid_t f, hid_t p) {
        const Hdf5Space space(H5Screate_simple(2, kExtents, nullptr));
        H5Pset_virtual(p, space.get(), "other.h5", "/x", space.get());
        return create(f, p, half_type());
      },
      {"frames", "one piece"});
}

TEST_F(CohortFault36, OtherElementType) {
  expect_refused_after([](hid_t f, hid_t p) { return create(f, p, element_type<std::uint32_t>()); },
                       {"frames", "element type"});
}

TEST_F(CohortFault36, GroupInPlaceOfAnArray) {
  expect_refused_after(
      [](hid_t f, hid_t) {
        const Hdf5Group group(H5Gcreate2(f, "frames", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
        return group.get() < 0 ? -1 : 0;
      },
      {"frames", "not an array"});
}

TEST_F(CohortFault36, ArrayThatWasNeverAllocated) {
  expect_refused_after([](hid_t f, hid_t p) { return create(f, p, half_type()); }, {"frames", "does not hold"});
}

TEST_F(CohortTest, ThreadsReadAtOnce) {
  const Cohort cohort(path_);
  std::atomic<int> wrong = 0;
  std::vector<std::thread> threads;
  for (std::size_t s = 0; s < 3; ++s) {
    threads.emplace_back([&, s] {
      std::vector<std::uint16_t> window(3 * cohort.voxels(0));
      for (int i = 0; i < 200; ++i) {
        cohort.read_window(s, 1, window, Cohort::Verify::kYes);
        wrong += window != test::small_frames(layout_, s, 1, 3);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
}

TEST(GridScatter, FillsTheDenseFrame) {
  const CohortLayout layout = test::small_layout();
  const GridScatter scatter(layout.voxels, layout.grid.voxels());
  const auto packed = test::small_frames(layout, 2, 1, 3);
  std::vector<float> dense(3 * layout.grid.voxels(), 999.0f);
  scatter(packed, float_to_half(-4.5f), dense);
  std::vector<float> expected(dense.size(), -4.5f);
  for (std::size_t t = 0; t < 3; ++t) {
    for (std::size_t v = 0; v < layout.voxels.size(); ++v) {
      expected[t * layout.grid.voxels() + layout.voxels[v]] = half_to_float(test::small_value(2, 1 + t, v));
    }
  }
  EXPECT_EQ(dense, expected);
}

// The snippets between ```python and ``` of the format's document are run on a real file.
TEST_F(CohortTest, DocumentedPythonReadsTheFile) {
  const std::string python = BRAINMT_PYTHON;
  ASSERT_EQ(std::system((python + " -c 'import h5py'").c_str()), 0) << "install Python with h5py (python3-h5py)";
  const std::string document = read_file(brainmt::test::source_root() / "docs/cohort-format.md");
  const std::size_t begin = document.find("```python\n"), end = document.find("\n```", begin);
  ASSERT_NE(begin, std::string::npos);
  const std::string check =
      "\nassert participants == ['sub-01', 'sub-02', 'sub-03'], participants\n"
      "assert window.dtype == np.float16 and window.shape == (2, 4, 3, 5), window.shape\n"
      "packed = window[:, mask]\n"
      "expected = 512 + np.arange(1, 3)[:, None] * 48 + np.arange(mask.sum())[None]\n"
      "assert (packed == expected).all()\n"
      "assert (window[:, ~mask] == np.float16(-3.5)).all()\n"
      "assert age[0] == 51 and np.isnan(age[1])\n"
      "assert site == ['K\\u00f6ln', '', 'B'], site\n";
  write_file(directory_ / "snippet.py", document.substr(begin + 10, end - begin - 10) + check);
  const std::string command = "cd '" + directory_.path().string() + "' && '" + python + "' snippet.py >log 2>&1";
  EXPECT_EQ(std::system(command.c_str()), 0) << read_file(directory_ / "log");
}

}  // namespace
}  // namespace brainmt::io
