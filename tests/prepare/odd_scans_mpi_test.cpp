// Scans as scanners, converters and transfers leave them, through a whole preparation: what is used, what is refused,
// and what the report and the cohort say about it.
#include <cmath>
#include <fstream>
#include <map>
#include <sstream>

#include "base/error.hpp"
#include "io/cohort.hpp"
#include "io/float16.hpp"
#include "small_cohort.hpp"
#include "support/nifti_bytes.hpp"
#include "support/zip_bytes.hpp"

namespace brainmt::prepare {
namespace {

using test::NiftiBytes;
using test::SharedDirectory;

constexpr std::array<std::int64_t, 4> kShape{10, 9, 8, 12};
constexpr std::size_t kFrame = 10 * 9 * 8;
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

// Inside a box of 6 x 5 x 6 voxels, 1..6, 2..6, 1..6.
bool in_brain(std::size_t v) {
  const std::size_t x = v % 10, y = v / 10 % 9, z = v / 90;
  return x >= 1 && x <= 6 && y >= 2 && y <= 6 && z >= 1 && z <= 6;
}
constexpr std::size_t kBrain = 6 * 5 * 6;

std::vector<float> voxels(unsigned seed) {
  std::vector<float> values(kFrame * 12, 0.0f);
  std::uint32_t state = seed;
  for (std::size_t i = 0; i < values.size(); ++i) {
    state = state * 1664525u + 1013904223u;
    if (in_brain(i % kFrame)) values[i] = 1000.0f + static_cast<float>(state >> 24);
  }
  return values;
}

using Change = std::function<void(NiftiBytes& header, std::vector<float>& values)>;

class OddScans : public testing::Test {
 protected:
  OddScans() {
    config_.list.input = directory_ / "scans";
    config_.output = directory_ / "cohort.h5";
    on_rank_0([&] { std::filesystem::create_directory(config_.list.input); });
  }

  // Scan `name`, with what `change` makes of it.
  void add(const std::string& name, const Change& change = {}) {
    on_rank_0([&] {
      NiftiBytes file(kShape, 16, 32);
      std::vector<float> values = voxels(++seed_);
      if (change) change(file, values);
      file.append(values);
      test::write_file(config_.list.input / (name + ".nii.gz"), test::gzipped(file.bytes(), 1));
    });
  }
  void write(const std::string& name, const std::string& content) {
    on_rank_0([&] {
      std::filesystem::create_directories((config_.list.input / name).parent_path());
      test::write_file(config_.list.input / name, content);
    });
  }
  void add_mask(const std::string& name, const std::function<float(std::size_t)>& value, const Change& change = {}) {
    on_rank_0([&] {
      NiftiBytes file({10, 9, 8, 1}, 16, 32);
      std::vector<float> values(kFrame);
      for (std::size_t v = 0; v < kFrame; ++v) values[v] = value(v);
      if (change) change(file, values);
      file.append(values);
      test::write_file(config_.list.input / name, test::gzipped(file.bytes()));
    });
  }

  // The report's rows by participant, each by column.
  std::map<std::string, std::map<std::string, std::string>> run() {
    MPI_Barrier(MPI_COMM_WORLD);
    config_.max_bad = 0.9;
    summary_ = prepare(config_, MPI_COMM_WORLD);
    std::map<std::string, std::map<std::string, std::string>> rows;
    std::ifstream report(summary_.report);
    std::vector<std::string> names;
    for (std::string line; std::getline(report, line);) {
      std::vector<std::string> cells;
      std::istringstream stream(line);
      for (std::string cell; std::getline(stream, cell, '\t');) cells.push_back(cell);
      if (names.empty()) {
        names = cells;
        continue;
      }
      for (std::size_t c = 0; c < cells.size(); ++c) rows[cells[0]][names[c]] = cells[c];
    }
    return rows;
  }

  SharedDirectory directory_;
  PrepareConfig config_;
  PrepareSummary summary_;
  unsigned seed_ = 0;
};

#define EXPECT_HAS(text, part) EXPECT_NE(std::string(text).find(part), std::string::npos) << (text)

// The same scans from archives (deflated and stored), and from their folders.
TEST_F(OddScans, ScansInArchivesGiveTheSameCohort) {
  config_.list.layout = Layout::kUkb;
  config_.list.space = SpaceChoice::kNative;
  config_.processing.censor_fd = 0.5;
  const std::string image = "fMRI/rfMRI.ica/filtered_func_data_clean.nii.gz";
  const std::string motion = "fMRI/rfMRI.ica/mc/prefiltered_func_data_mcf_rel.rms";
  std::string moved = "0.1\n0.9\n";
  for (int t = 3; t < 12; ++t) moved += "0.2\n";
  std::vector<std::string> stores;
  for (const bool packed : {true, false}) {
    for (const unsigned seed : {1u, 2u}) {
      NiftiBytes file(kShape, 16, 32);
      const std::string scan = test::gzipped(file.append(voxels(seed)).bytes(), 1);
      const std::string name = fmt::format("100000{}_20227_2_0", seed);
      if (packed) {
        write(name + ".zip", test::ZipBytes().add(image, scan, seed == 1).add(motion, moved).bytes());
      } else {
        write(name + "/" + image, scan);
        write(name + "/" + motion, moved);
      }
    }
    const auto rows = run();
    ASSERT_EQ(rows.size(), 2u);
    for (const auto& [id, row] : rows) {
      EXPECT_EQ(row.at("status"), "used") << row.at("reason");
      EXPECT_EQ(row.at("frames"), "11");
      EXPECT_EQ(row.at("file").find(".zip/") != std::string::npos, packed);
    }
    const io::Cohort cohort(summary_.output);
    std::string stored;
    for (std::size_t s = 0; s < 2; ++s) {
      std::vector<std::uint16_t> values(11 * cohort.voxels(s));
      cohort.read_window(s, 0, values, io::Cohort::Verify::kYes);
      stored.append(reinterpret_cast<const char*>(values.data()), 2 * values.size());
    }
    stores.push_back(stored);
  }
  EXPECT_EQ(stores[0], stores[1]);
}

TEST_F(OddScans, DamageInsideAnArchiveIsABadScan) {
  config_.list.layout = Layout::kUkb;
  config_.list.space = SpaceChoice::kNative;
  const std::string image = "fMRI/rfMRI.ica/filtered_func_data_clean.nii.gz";
  NiftiBytes file(kShape, 16, 32);
  const std::string scan = test::gzipped(file.append(voxels(1)).bytes(), 1);
  write("1000001_20227_2_0.zip", test::ZipBytes().add(image, scan).bytes());
  test::ZipBytes::Entry entry = test::ZipBytes::entry(image, scan);
  entry.checksum ^= 1;
  write("1000002_20227_2_0.zip", test::ZipBytes().add(entry).bytes());
  write("1000003_20227_2_0.zip", test::ZipBytes().add(image, scan.substr(0, scan.size() / 2)).bytes());
  write("1000004_20227_2_0.zip", test::ZipBytes().add(image, scan).bytes().substr(0, 2000));
  auto rows = run();
  EXPECT_EQ(rows["1000001"]["status"], "used");
  EXPECT_HAS(rows["1000002"]["reason"], "CRC error");
  EXPECT_HAS(rows["1000003"]["reason"], "cut short");
  EXPECT_HAS(rows["1000004"]["reason"], "no whole zip archive");
  for (const char* id : {"1000002", "1000003", "1000004"}) EXPECT_EQ(rows[id]["status"], "bad");
}

TEST_F(OddScans, CleanScansHaveNoRemarks) {
  for (const char* name : {"a", "b", "c"}) add(name);
  for (const auto& [name, row] : run()) {
    EXPECT_EQ(row.at("status"), "used");
    EXPECT_EQ(row.at("reason"), "");
    for (const char* column : {"nan_voxels", "spikes", "empty_frames", "frozen_frames", "dead_slices"})
      EXPECT_EQ(row.at(column), "0") << column;
    EXPECT_EQ(row.at("mask"), "nonzero");
  }
  EXPECT_EQ(summary_.voxels, kBrain);
  EXPECT_EQ(io::Cohort(config_.output).scans()[0].quality, io::ScanQuality{});
}

TEST_F(OddScans, RepetitionTimesAreReadConvertedOrUnknown) {
  const auto time = [](double seconds) {
    return [=](NiftiBytes& f, std::vector<float>&) { f.set_pixdim(4, seconds); };
  };
  add("milli", time(735));
  add("zero", time(0));
  add("negative", time(-2));
  add("sidecar", time(0));
  write("sidecar.json", R"({"RepetitionTime": 2.5})");
  auto rows = run();
  EXPECT_EQ(rows["milli"]["repetition_time"], "0.735");
  EXPECT_EQ(rows["sidecar"]["repetition_time"], "2.5");
  EXPECT_EQ(rows["zero"]["repetition_time"], "n/a");
  EXPECT_EQ(rows["negative"]["repetition_time"], "n/a");
  EXPECT_HAS(rows["milli"]["reason"], "milliseconds");
  EXPECT_HAS(rows["zero"]["reason"], "not known");
  const io::Cohort cohort(config_.output);
  EXPECT_TRUE(std::isnan(cohort.scans()[1].repetition_time));

  config_.processing.tr = 1;  // what is not known cannot be resampled
  rows = run();
  EXPECT_EQ(rows["milli"]["status"], "used");
  EXPECT_EQ(rows["zero"]["status"], "bad");
  EXPECT_HAS(rows["zero"]["reason"], "repetition time");
  ASSERT_EQ(summary_.left_out.size(), 1u);
  EXPECT_EQ(summary_.left_out[0].reason, "repetition time");
  EXPECT_EQ(summary_.left_out[0].count, 2u);
}

TEST_F(OddScans, UnknownOrientationIsSaidAndNeverAFlip) {
  const Change no_code = [](NiftiBytes& f, std::vector<float>&) { f.set_sform_code(0); };
  const Change flipped = [](NiftiBytes& f, std::vector<float>&) {
    f.set_srow(0, 0, -2);
    f.set_srow(0, 3, 20);
  };
  for (const char* name : {"a", "b", "c"}) add(name, flipped);
  add("unknown", no_code);
  add("zeros", [&](NiftiBytes& f, std::vector<float>& v) {
    flipped(f, v);
    for (std::size_t row = 0; row < 3; ++row) f.set_srow(row, row, 0);
    f.set_qform_code(1);
    f.set_quaternion(1, 1);  // half a turn about y: x and z fall with their index
  });
  auto rows = run();
  EXPECT_EQ(rows["unknown"]["status"], "bad");
  EXPECT_HAS(rows["unknown"]["reason"], "orientation");
  EXPECT_EQ(rows["unknown"]["reason"].find("fslswapdim"), std::string::npos);
  EXPECT_EQ(rows["zeros"]["status"], "bad");  // its qform is another space
  on_rank_0([&] {
    for (const char* name : {"a", "b", "c", "zeros"})
      std::filesystem::remove(config_.list.input / (name + std::string(".nii.gz")));
  });
  rows = run();
  EXPECT_EQ(rows["unknown"]["status"], "used");
  EXPECT_HAS(rows["unknown"]["reason"], "orientation is unknown");
}

TEST_F(OddScans, TheQformIsTakenForAZeroSform) {
  for (const char* name : {"a", "b"}) {
    add(name, [](NiftiBytes& f, std::vector<float>&) {
      for (std::size_t row = 0; row < 3; ++row) f.set_srow(row, row, 0);
      f.set_qform_code(2);
      f.set_quaternion(5, -7);
    });
  }
  auto rows = run();
  EXPECT_HAS(rows["a"]["reason"], "sform");
  const auto affine = io::Cohort(config_.output).layout().affine;
  EXPECT_EQ(affine, (std::array<double, 16>{2, 0, 0, 0, 0, 2, 0, 0, 0, 0, 2, -7, 0, 0, 0, 1}));
}

TEST_F(OddScans, NanInEveryFrameIsBackgroundElsewhereItIsRefused) {
  add("plain");
  seed_ = 0;
  add("spm", [](NiftiBytes&, std::vector<float>& values) {
    for (std::size_t i = 0; i < values.size(); ++i)
      if (!in_brain(i % kFrame)) values[i] = static_cast<float>(kNan);
  });
  add("once", [](NiftiBytes&, std::vector<float>& values) { values[5 * kFrame + 333] = static_cast<float>(kNan); });
  add("first", [](NiftiBytes&, std::vector<float>& values) { values[333] = static_cast<float>(kNan); });
  add("infinite", [](NiftiBytes&, std::vector<float>& values) {
    for (std::size_t t = 0; t < 12; ++t) values[t * kFrame + 333] = INFINITY;
  });
  add("all", [](NiftiBytes&, std::vector<float>& values) { std::ranges::fill(values, static_cast<float>(kNan)); });
  auto rows = run();
  EXPECT_EQ(rows["spm"]["status"], "used");
  EXPECT_EQ(rows["spm"]["nan_voxels"], std::to_string(kFrame - kBrain));
  for (const char* name : {"once", "first", "infinite", "all"}) EXPECT_EQ(rows[name]["status"], "bad") << name;
  EXPECT_HAS(rows["once"]["reason"], "1 voxels of frame 5 are NaN");
  EXPECT_HAS(rows["first"]["reason"], "frame 1");
  const io::Cohort cohort(config_.output);  // the same voxels as of the same scan with zeros
  ASSERT_EQ(cohort.scans().size(), 2u);
  std::vector<std::uint16_t> a(12 * cohort.voxels(0)), b(a.size());
  cohort.read_window(0, 0, a, io::Cohort::Verify::kYes);
  cohort.read_window(1, 0, b, io::Cohort::Verify::kYes);
  EXPECT_EQ(a, b);
}

// Air that is not zero, as fMRIPrep leaves it.
void add_air(std::vector<float>& values) {
  for (std::size_t i = 0; i < values.size(); ++i)
    if (!in_brain(i % kFrame)) values[i] = 20.0f + static_cast<float>(i % 7);
}

TEST_F(OddScans, AMaskLeavesTheBrainAndItsAbsenceIsSaid) {
  for (const char* name : {"a", "b"}) add(name, [](NiftiBytes&, std::vector<float>& values) { add_air(values); });
  add_mask("a_mask.nii.gz", [](std::size_t v) { return in_brain(v) ? 1.0f : 0.0f; });
  add_mask("b_mask.nii.gz", [](std::size_t v) { return in_brain(v) ? 0.25f : static_cast<float>(kNan); });
  config_.list.pattern = "{subject}.nii.gz";
  on_rank_0([&] {
    std::filesystem::create_directory(directory_ / "masks");
    for (const char* name : {"a", "b"})
      std::filesystem::rename(config_.list.input / fmt::format("{}_mask.nii.gz", name),
                              directory_ / fmt::format("masks/{}.nii.gz", name));
  });
  auto rows = run();
  EXPECT_EQ(summary_.voxels, kFrame);
  EXPECT_HAS(rows["a"]["reason"], "no brain mask, and 100 %");
  config_.processing.mask = "../masks/{subject}.nii.gz";
  rows = run();
  EXPECT_EQ(summary_.reused, 0u);
  EXPECT_EQ(summary_.voxels, kBrain);
  EXPECT_EQ(rows["b"]["reason"], "");
  EXPECT_EQ(rows["b"]["mask"], "../masks/b.nii.gz");
  EXPECT_HAS(io::Cohort(config_.output).layout().processing, R"("mask":"../masks/{subject}.nii.gz")");
}

TEST_F(OddScans, MasksThatDoNotFitAreNamed) {
  for (const char* name : {"good", "grid", "affine", "empty", "frames", "none"}) add(name);
  on_rank_0([&] { std::filesystem::create_directory(config_.list.input / "m"); });
  const auto inside = [](std::size_t v) { return in_brain(v) ? 1.0f : 0.0f; };
  add_mask("m/good.nii.gz", inside);
  add_mask("m/grid.nii.gz", inside, [](NiftiBytes& f, std::vector<float>&) {
    f.set_dim(1, 9);
    f.set_dim(2, 10);
  });
  add_mask("m/affine.nii.gz", inside, [](NiftiBytes& f, std::vector<float>&) { f.set_srow(0, 0, -2); });
  add_mask("m/empty.nii.gz", [](std::size_t) { return 0.0f; });
  add_mask("m/frames.nii.gz", inside, [](NiftiBytes& f, std::vector<float>& values) {
    f.set_dim(4, 2);
    values.resize(2 * kFrame);
  });
  config_.processing.mask = "m/{subject}.nii.gz";
  auto rows = run();
  const std::pair<const char*, const char*> reasons[] = {{"grid", "a grid of 9x10x8, the scan has 10x9x8"},
                                                         {"affine", "another affine"},
                                                         {"empty", "no voxel above zero"},
                                                         {"frames", "2 frames"},
                                                         {"none", "there is no mask"}};
  EXPECT_EQ(rows["good"]["status"], "used");
  for (const auto& [name, reason] : reasons) {
    EXPECT_EQ(rows[name]["status"], "bad") << name;
    EXPECT_HAS(rows[name]["reason"], reason);
  }
  config_.processing.mask = "m/{sub}.nii.gz";
  test::expect_error<UsageError>([&] { run(); }, {"mask", "{subject}"});
}

TEST_F(OddScans, FmriprepsMaskIsFoundAndCropped) {
  const std::string stem = "func/sub-x_task-rest_space-MNI152NLin6Asym_res-2_";
  on_rank_0([&] { std::filesystem::create_directories(config_.list.input / "sub-x/func"); });
  add("sub-x/" + stem + "desc-preproc_bold", [](NiftiBytes&, std::vector<float>& values) { add_air(values); });
  add_mask("sub-x/" + stem + "desc-brain_mask.nii.gz", [](std::size_t v) { return in_brain(v) ? 1.0f : 0.0f; });
  config_.list.layout = Layout::kBids;
  config_.processing.crop = parse_crop({0, 4, 1, 9, 0, 8});  // x of 1..3 of the box
  auto rows = run();
  EXPECT_EQ(summary_.voxels, 3u * 5 * 6);
  EXPECT_EQ(rows["sub-x"]["mask"], "sub-x/" + stem + "desc-brain_mask.nii.gz");
  EXPECT_EQ(rows["sub-x"]["reason"], "");
}

TEST_F(OddScans, SpikesEmptyAndFrozenFramesAndDeadSlicesAreSeen) {
  const auto frame = [](std::vector<float>& values, std::size_t t) {
    return values.begin() + static_cast<std::ptrdiff_t>(t * kFrame);
  };
  const std::size_t inside = 3 * 90 + 4 * 10 + 3;
  add("clean");
  add("spike", [&](NiftiBytes&, std::vector<float>& values) { values[3 * kFrame + inside] = 3e7f; });
  add("hot", [&](NiftiBytes&, std::vector<float>& values) {
    for (std::size_t t = 0; t < 12; ++t) values[t * kFrame + inside] = 1e8f;
  });
  add("loud", [&](NiftiBytes&, std::vector<float>& values) {
    for (std::size_t v = 0; v < kFrame; ++v) values[7 * kFrame + v] *= 50;
  });
  add("empty", [&](NiftiBytes&, std::vector<float>& values) { std::fill(frame(values, 5), frame(values, 7), 0.0f); });
  add("half", [&](NiftiBytes&, std::vector<float>& values) {
    std::fill(frame(values, 5) + kFrame / 2, frame(values, 6), 0.0f);
  });
  add("frozen", [&](NiftiBytes&, std::vector<float>& values) {
    for (std::size_t t = 4; t < 7; ++t) std::copy_n(frame(values, 3), kFrame, frame(values, t));
  });
  add("dead", [&](NiftiBytes&, std::vector<float>& values) {
    for (std::size_t t = 0; t < 12; ++t) std::fill_n(frame(values, t) + 3 * 90, 90, 0.0f);
  });
  add("lost", [&](NiftiBytes&, std::vector<float>& values) { std::fill_n(frame(values, 8) + 4 * 90, 90, 0.0f); });
  add("still", [&](NiftiBytes&, std::vector<float>& values) {
    for (std::size_t t = 1; t < 12; ++t) std::copy_n(values.begin() + 5 * 90, 90, frame(values, t) + 5 * 90);
  });
  const auto along = [&](const std::function<bool(std::size_t x, std::size_t y)>& in_slice,
                         const std::function<float(std::size_t t, float own, float first)>& value) {
    return [=](NiftiBytes&, std::vector<float>& values) {
      for (std::size_t i = 0; i < values.size(); ++i) {
        const std::size_t v = i % kFrame;
        if (in_brain(v) && in_slice(v % 10, v / 10 % 9)) values[i] = value(i / kFrame, values[i], values[v]);
      }
    };
  };
  add("z_clean");
  add("x_dead", along([](auto x, auto) { return x == 3; }, [](auto, float, float) { return 0.0f; }));
  add("x_lost",
      along([](auto x, auto) { return x == 4; }, [](auto t, float own, float) { return t == 8 ? 0.0f : own; }));
  add("y_still", along([](auto, auto y) { return y == 5; }, [](auto, float, float first) { return first; }));
  auto rows = run();
  const auto expect = [&](const char* name, int spikes, int empty, int frozen, int dead) {
    EXPECT_EQ(rows[name]["status"], "used") << name;
    EXPECT_EQ(rows[name]["spikes"], std::to_string(spikes)) << name;
    EXPECT_EQ(rows[name]["empty_frames"], std::to_string(empty)) << name;
    EXPECT_EQ(rows[name]["frozen_frames"], std::to_string(frozen)) << name;
    EXPECT_EQ(rows[name]["dead_slices"], std::to_string(dead)) << name;
  };
  expect("clean", 0, 0, 0, 0);
  expect("spike", 1, 0, 0, 0);
  expect("hot", 12, 0, 0, 0);
  expect("loud", 1, 0, 0, 0);
  expect("empty", 0, 2, 0, 0);
  expect("half", 0, 1, 0, 0);
  expect("frozen", 0, 0, 3, 0);
  expect("dead", 0, 0, 0, 1);
  expect("lost", 0, 0, 0, 1);
  expect("still", 0, 0, 0, 1);
  for (const char* name : {"x_dead", "x_lost", "y_still"}) expect(name, 0, 0, 0, 1);
  expect("z_clean", 0, 0, 0, 0);
  EXPECT_EQ(rows["empty"]["reason"], "2 empty frames");
  EXPECT_EQ(rows["spike"]["reason"], "1 frame with spikes");
  const io::Cohort cohort(config_.output);  // in the order of the names: clean, dead, empty, ...
  EXPECT_EQ(cohort.scans()[1].quality, (io::ScanQuality{0, 0, 0, 1}));
  EXPECT_EQ(cohort.scans()[2].quality, (io::ScanQuality{0, 2, 0, 0}));

  config_.quality = QualityPolicy::kStrict;
  rows = run();
  EXPECT_EQ(rows["clean"]["status"], "used");
  for (const char* name : {"spike", "loud", "empty", "half", "frozen", "dead", "lost", "still", "x_lost", "y_still"}) {
    EXPECT_EQ(rows[name]["status"], "bad") << name;
    EXPECT_HAS(rows[name]["reason"], "qc=strict");
  }
  ASSERT_EQ(summary_.left_out.size(), 1u);
  EXPECT_EQ(summary_.left_out[0].reason, "quality");
  config_.quality = QualityPolicy::kOff;
  EXPECT_EQ(run()["empty"]["reason"], "");
}

// What is staged keeps its findings, for the report of the preparation that reuses it.
TEST_F(OddScans, StagedScansKeepTheirFindings) {
  add("a");
  add("b", [](NiftiBytes&, std::vector<float>& values) { std::fill_n(values.begin() + 2 * kFrame, kFrame, 0.0f); });
  write("c.nii.gz", "not a scan");
  MPI_Barrier(MPI_COMM_WORLD);
  config_.max_bad = 0;
  EXPECT_THROW(prepare(config_, MPI_COMM_WORLD), DataError);
  auto rows = run();
  EXPECT_EQ(summary_.reused, 2u);
  EXPECT_EQ(rows["b"]["empty_frames"], "1");
  EXPECT_EQ(rows["b"]["reason"], "1 empty frame");
}

TEST_F(OddScans, PointersAreNamedWithTheirRemedy) {
  add("a");
  write("annex.nii.gz", "/annex/objects/MD5E-s11--0123.nii.gz\n");
  write("lfs.nii.gz", "version https://git-lfs.github.com/spec/v1\noid sha256:1\nsize 9\n");
  write("page.nii.gz", "<!DOCTYPE html>\n<html></html>");
  on_rank_0([&] {
    std::filesystem::create_symlink(".git/annex/objects/Z1/z2/MD5E-s1--0/MD5E-s1--0",
                                    config_.list.input / "link.nii.gz");
  });
  auto rows = run();
  EXPECT_HAS(rows["annex"]["reason"], "datalad get");
  EXPECT_HAS(rows["lfs"]["reason"], "git lfs pull");
  EXPECT_HAS(rows["page"]["reason"], "web page");
  EXPECT_HAS(rows["link"]["reason"], "datalad get");
}

}  // namespace
}  // namespace brainmt::prepare
