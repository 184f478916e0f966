// NIfTI headers and voxels: every type, version and byte order reads right, every inconsistent header is refused (fault
// row 38).
#include "io/nifti.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>
#include <memory>

#include "base/error.hpp"
#include "support/expect_error.hpp"
#include "support/nifti_bytes.hpp"
#include "support/temporary_directory.hpp"

namespace brainmt::io {
namespace {

using test::expect_error;
using test::NiftiBytes;
using test::TemporaryDirectory;

constexpr std::array<std::int64_t, 4> kShape{3, 4, 2, 5};
constexpr std::size_t kVoxels = 3 * 4 * 2 * 5;

template <class T>
std::vector<T> counting() {
  std::vector<T> voxels(kVoxels);
  for (std::size_t i = 0; i < kVoxels; ++i) voxels[i] = static_cast<T>(i + 1);
  return voxels;
}

std::vector<float> read_scan(const std::filesystem::path& path) {
  NiftiReader reader(path);
  std::vector<float> all, frame(reader.header().frame_voxels());
  while (reader.next_frame(frame)) all.insert(all.end(), frame.begin(), frame.end());
  return all;
}

template <class T>
void expect_reads(int code, T last, float expected_last) {
  for (const int version : {1, 2}) {
    for (const bool swapped : {false, true}) {
      for (const bool packed : {false, true}) {
        SCOPED_TRACE(testing::Message() << "type " << code << " version " << version << " swapped " << swapped);
        const TemporaryDirectory directory;
        NiftiBytes file(kShape, code, 8 * sizeof(T), version, swapped);
        file.set_scaling(2, -3);
        auto voxels = counting<T>();
        voxels.back() = last;
        file.append(voxels);
        test::write_file(directory / "scan", packed ? test::gzipped(file.bytes()) : file.bytes());
        const auto values = read_scan(directory / "scan");
        ASSERT_EQ(values.size(), kVoxels);
        EXPECT_EQ(values[0], -1.0f);
        EXPECT_EQ(values[7], 13.0f);
        EXPECT_EQ(values.back(), expected_last);
      }
    }
  }
}

TEST(Nifti, EveryTypeVersionAndByteOrder) {
  expect_reads<std::uint8_t>(2, 255, 507);
  expect_reads<std::int8_t>(256, -128, -259);
  expect_reads<std::int16_t>(4, -32768, -65539);
  expect_reads<std::uint16_t>(512, 65535, 131067);
  expect_reads<std::int32_t>(8, -2147483647 - 1, -4294967299.0f);
  expect_reads<std::uint32_t>(768, 4294967295u, 8589934587.0f);
  expect_reads<std::int64_t>(1024, -(std::int64_t{1} << 40), -2199023255555.0f);
  expect_reads<std::uint64_t>(1280, std::uint64_t{1} << 63, 18446744073709551616.0f);
  expect_reads<float>(16, 0.25f, -2.5f);
  expect_reads<double>(64, -0.125, -3.25f);
}

TEST(Nifti, HeaderFields) {
  const TemporaryDirectory directory;
  for (const int version : {1, 2}) {
    NiftiBytes file(kShape, 4, 16, version);
    file.set_srow(0, 0, -2.0);
    file.set_srow(0, 3, 90.0);
    file.append(counting<std::int16_t>());
    test::write_file(directory / "scan.nii", file.bytes());
    const NiftiHeader header = read_nifti_header(directory / "scan.nii");
    EXPECT_EQ(header.version, version);
    EXPECT_EQ(header.dimensions, 4);
    EXPECT_EQ(header.shape, kShape);
    EXPECT_EQ(header.type, NiftiType::kInt16);
    EXPECT_EQ(header.repetition_time, 1.5);
    EXPECT_EQ(header.affine, (std::array<double, 16>{-2, 0, 0, 90, 0, 2, 0, 0, 0, 0, 2, 0, 0, 0, 0, 1}));
  }
}

TEST(Nifti, UnitsOfTimeAndSpace) {
  const TemporaryDirectory directory;
  NiftiBytes file(kShape, 2, 8);
  file.append(counting<std::uint8_t>());
  file.set_pixdim(4, 735);
  file.put<std::uint8_t>(123, 3 + 16);  // micrometres, milliseconds
  test::write_file(directory / "scan.nii", file.bytes());
  const NiftiHeader header = read_nifti_header(directory / "scan.nii");
  EXPECT_DOUBLE_EQ(header.repetition_time, 0.735);
  EXPECT_DOUBLE_EQ(header.affine[0], 0.002);
  EXPECT_EQ(header.affine[15], 1.0);
}

// A quarter turn about z (b = c = 0, d = sin 45 degrees) maps x to y and y to -x; pixdim[0] = -1 flips z.
TEST(Nifti, QuaternionAffine) {
  const TemporaryDirectory directory;
  NiftiBytes file(kShape, 2, 8, 2);
  file.append(counting<std::uint8_t>());
  file.set_sform_code(0);
  file.set_qform_code(1);
  file.set_pixdim(0, -1);
  for (std::size_t axis = 0; axis < 3; ++axis) {
    file.set_pixdim(1 + axis, 1.0 + static_cast<double>(axis));
    file.set_quaternion(3 + axis, 10.0 * static_cast<double>(axis));
  }
  file.set_quaternion(2, std::sqrt(0.5));
  test::write_file(directory / "scan.nii", file.bytes());
  const NiftiHeader header = read_nifti_header(directory / "scan.nii");
  const std::array<double, 16> expected{0, -2, 0, 0, 1, 0, 0, 10, 0, 0, -3, 20, 0, 0, 0, 1};
  for (std::size_t i = 0; i < 16; ++i) EXPECT_NEAR(header.affine[i], expected[i], 1e-15) << i;
}

TEST(Nifti, WithoutCodesTheVoxelSizesCount) {
  const TemporaryDirectory directory;
  NiftiBytes file(kShape, 2, 8);
  file.append(counting<std::uint8_t>());
  file.set_sform_code(0);
  file.set_pixdim(2, 3.5);
  test::write_file(directory / "scan.nii", file.bytes());
  const auto affine = read_nifti_header(directory / "scan.nii").affine;
  EXPECT_EQ(affine, (std::array<double, 16>{2, 0, 0, 0, 0, 3.5, 0, 0, 0, 0, 2, 0, 0, 0, 0, 1}));
}

TEST(Nifti, FaultRow38SlopeZeroMeansUnscaled) {
  const TemporaryDirectory directory;
  NiftiBytes file(kShape, 2, 8);
  file.set_scaling(0, 5);
  file.append(counting<std::uint8_t>());
  test::write_file(directory / "scan.nii", file.bytes());
  EXPECT_EQ(read_scan(directory / "scan.nii")[0], 1.0f);
}

TEST(Nifti, ExtensionsBeforeTheDataAreSkipped) {
  const TemporaryDirectory directory;
  NiftiBytes file(kShape, 2, 8);
  file.bytes().append(160, 'e');
  file.set_offset(512);
  file.append(counting<std::uint8_t>());
  test::write_file(directory / "scan.nii.gz", test::gzipped(file.bytes()));
  EXPECT_EQ(read_scan(directory / "scan.nii.gz")[1], 2.0f);
}

TEST(Nifti, AVolumeIsAScanOfOneFrame) {
  const TemporaryDirectory directory;
  NiftiBytes file({3, 4, 2, 0}, 2, 8);
  file.set_dim(0, 3);
  file.append(std::vector<std::uint8_t>(24, 9));
  test::write_file(directory / "scan.nii", file.bytes());
  const NiftiHeader header = read_nifti_header(directory / "scan.nii");
  EXPECT_EQ(header.dimensions, 3);
  EXPECT_EQ(header.frames(), 1);
  EXPECT_EQ(read_scan(directory / "scan.nii").size(), 24u);
}

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();

// A float scan of kShape whose header `change` has touched, packed.
NiftiHeader header_after(const std::function<void(NiftiBytes&)>& change, int version = 1) {
  const TemporaryDirectory directory;
  NiftiBytes file(kShape, 16, 32, version);
  file.append(counting<float>());
  change(file);
  test::write_file(directory / "scan.nii.gz", test::gzipped(file.bytes()));
  EXPECT_EQ(read_scan(directory / "scan.nii.gz").size(), kVoxels);
  return read_nifti_header(directory / "scan.nii.gz");
}

TEST(Nifti, ASlopeThatIsNoNumberMeansUnscaled) {
  for (const int version : {1, 2}) {
    for (const double slope : {kNan, kInfinity, -kInfinity, 0.0}) {
      const NiftiHeader header = header_after([&](auto& f) { f.set_scaling(slope, kNan); }, version);
      EXPECT_EQ(header.slope, 1);
      EXPECT_EQ(header.intercept, 0);
    }
  }
}

constexpr std::array<double, 16> kTwoMillimetres{2, 0, 0, 0, 0, 2, 0, 0, 0, 0, 2, 0, 0, 0, 0, 1};

// A sform that does not map voxels one to one is never believed; the qform is, if it is set and sound.
TEST(Nifti, AnUnusableSformGivesWayToTheQform) {
  const std::function<void(NiftiBytes&)> spoils[] = {[](auto& f) {
                                                       for (std::size_t row = 0; row < 3; ++row)
                                                         f.set_srow(row, row, 0);
                                                     },
                                                     [](auto& f) { f.set_srow(1, 1, 0); },
                                                     [](auto& f) { f.set_srow(2, 3, kNan); },
                                                     [](auto& f) { f.set_srow(0, 1, kInfinity); },
                                                     [](auto& f) {  // two axes alike
                                                       f.set_srow(1, 1, 0);
                                                       f.set_srow(0, 1, 2);
                                                     }};
  for (const auto& spoil : spoils) {
    for (const int version : {1, 2}) {
      const NiftiHeader by_qform = header_after(
          [&](auto& f) {
            spoil(f);
            f.set_qform_code(1);
            f.set_quaternion(5, -30);
          },
          version);
      EXPECT_EQ(by_qform.affine_source, AffineSource::kQform);
      EXPECT_TRUE(by_qform.affine_refused);
      EXPECT_EQ(by_qform.affine, (std::array<double, 16>{2, 0, 0, 0, 0, 2, 0, 0, 0, 0, 2, -30, 0, 0, 0, 1}));
      const NiftiHeader by_sizes = header_after(spoil, version);
      EXPECT_EQ(by_sizes.affine_source, AffineSource::kVoxelSizes);
      EXPECT_TRUE(by_sizes.affine_refused);
      EXPECT_EQ(by_sizes.affine, kTwoMillimetres);
    }
  }
}

TEST(Nifti, AnUnusableQformLeavesTheVoxelSizes) {
  for (const double size : {0.0, kNan}) {
    const NiftiHeader header = header_after([&](auto& f) {
      f.set_sform_code(0);
      f.set_qform_code(1);
      f.set_pixdim(2, size);
    });
    EXPECT_EQ(header.affine_source, AffineSource::kVoxelSizes);
    EXPECT_TRUE(header.affine_refused);
    EXPECT_EQ(header.affine[5], 1.0);
  }
  const NiftiHeader good = header_after([](auto&) {});
  EXPECT_EQ(good.affine_source, AffineSource::kSform);
  EXPECT_FALSE(good.affine_refused);
}

// X, Y, Z, 1, T and X, Y, Z, 1, 1, T: the only long axis behind Z is time, with its own step where that is set.
TEST(Nifti, TimeMayBeAHigherDimension) {
  for (const int axis : {5, 6, 7}) {
    for (const int version : {1, 2}) {
      const auto moved = [&](double own, double fourth) {
        return header_after(
            [&](auto& f) {
              f.set_dim(0, axis);
              f.set_dim(4, 1);
              f.set_dim(axis, 5);
              f.set_pixdim(4, fourth);
              f.set_pixdim(static_cast<std::size_t>(axis), own);
            },
            version);
      };
      EXPECT_EQ(moved(1.5, 1).shape, kShape);
      EXPECT_EQ(moved(1.5, 1).repetition_time, 1.5);
      EXPECT_EQ(moved(1, 1.5).repetition_time, 1.5);
      EXPECT_EQ(moved(0, 1.5).repetition_time, 1.5);
      EXPECT_EQ(moved(1, 0).repetition_time, 1);
    }
  }
}

TEST(Nifti, AStepOfTimeThatIsNoNumberIsZero) {
  EXPECT_EQ(header_after([](auto& f) { f.set_pixdim(4, kInfinity); }).repetition_time, 0);
  EXPECT_EQ(header_after([](auto& f) { f.set_pixdim(4, kNan); }, 2).repetition_time, 0);
  EXPECT_EQ(header_after([](auto& f) { f.set_pixdim(4, -0.5); }).repetition_time, -0.5);
}

TEST(Nifti, OtherFilesUnderAScansNameAreNamed) {
  const TemporaryDirectory directory;
  const std::pair<std::string, const char*> files[] = {
      {"/annex/objects/MD5E-s1--0f.nii.gz\n", "datalad get"},
      {"../../.git/annex/objects/1k/2v/SHA256E-s10--ab.nii.gz/SHA256E-s10--ab.nii.gz", "datalad get"},
      {"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 3\n", "git lfs pull"},
      {"\xef\xbb\xbf \n<!DOCTYPE HTML><html><body>Please log in</body></html>", "web page"},
      {"<HTML>", "web page"},
      {"<?xml version=\"1.0\"?><Error><Code>AccessDenied</Code></Error>", "XML"},
      {std::string("PK\3\4") + std::string(40, '\0'), "zip archive"},
      {"", "is empty"},
      {"/annex or not", "no NIfTI file"},
  };
  for (const auto& [content, words] : files) {
    test::write_file(directory / "scan.nii.gz", content);
    expect_error<DataError>([&] { NiftiReader reader(directory / "scan.nii.gz"); }, {"scan.nii.gz'", words});
  }
}

struct Lie {
  const char* name;
  std::function<void(NiftiBytes&)> tell;
  const char* reason;
  int version = 1;
};

// A pair: the header with its magic in one file, the voxels in the other.
class NiftiPair : public testing::Test {
 protected:
  void write(NiftiBytes header, const std::string& voxels, bool packed) {
    const auto put = [&](const std::string& name, const std::string& bytes) {
      test::write_file(directory_ / (name + (packed ? ".gz" : "")), packed ? test::gzipped(bytes) : bytes);
    };
    put("scan.hdr", header.bytes());
    put("scan.img", voxels);
  }
  static NiftiBytes header(int version, const std::string& magic, double offset) {
    NiftiBytes file(kShape, 4, 16, version);
    file.bytes().replace(version == 1 ? 344 : 4, magic.size(), magic);
    file.set_scaling(2, -3);
    file.set_offset(offset);
    return file;
  }
  std::string voxels() const {
    NiftiBytes file(kShape, 4, 16);
    return file.append(counting<std::int16_t>()).bytes().substr(352);
  }
  std::vector<float> expected(float slope, float intercept) const {
    auto values = counting<float>();
    for (float& value : values) value = slope * value + intercept;
    return values;
  }
  TemporaryDirectory directory_;
};

TEST_F(NiftiPair, IsReadByTheNameOfItsImage) {
  for (const bool packed : {false, true}) {
    const auto image = directory_ / (packed ? "scan.img.gz" : "scan.img");
    write(header(1, std::string("ni1\0", 4), 0), voxels(), packed);
    EXPECT_EQ(read_scan(image), expected(2, -3));
    const NiftiHeader read = read_nifti_header(image);
    EXPECT_EQ(read.affine_source, AffineSource::kSform);
    EXPECT_EQ(read.repetition_time, 1.5);
    write(header(2, std::string("ni2\0", 4), 16), std::string(16, 'x') + voxels(), packed);
    EXPECT_EQ(read_scan(image), expected(2, -3));
  }
  // The header may be packed alone.
  test::write_file(directory_ / "mixed.hdr.gz", test::gzipped(header(1, std::string("ni1\0", 4), 0).bytes()));
  test::write_file(directory_ / "mixed.img", voxels());
  EXPECT_EQ(read_scan(directory_ / "mixed.img"), expected(2, -3));
}

// Bytes of NIfTI's codes, units and scaling have another meaning there.
TEST_F(NiftiPair, AnalyzeHasVoxelSizesOnly) {
  NiftiBytes analyze = header(1, std::string("\0\0\0\0", 4), 0);
  analyze.set_qform_code(1);
  analyze.put(123, std::uint8_t{1 + 16});
  write(analyze, voxels(), false);
  const NiftiHeader read = read_nifti_header(directory_ / "scan.img");
  EXPECT_EQ(read.affine_source, AffineSource::kVoxelSizes);
  EXPECT_FALSE(read.affine_refused);
  EXPECT_EQ(read.affine[0], 2);
  EXPECT_EQ(read.repetition_time, 1.5);
  EXPECT_EQ(read_scan(directory_ / "scan.img"), expected(1, 0));
}

TEST_F(NiftiPair, FaultRow38HalvesAndLiesAreRefused) {
  const std::string magic("ni1\0", 4);
  const auto refused = [&](std::initializer_list<std::string> words) {
    expect_error<DataError>([&] { read_scan(directory_ / "scan.img"); }, words);
  };
  test::write_file(directory_ / "scan.img", voxels());
  refused({"scan.hdr'"});
  write(header(1, magic, 0), voxels().substr(1), false);
  refused({"scan.hdr'", "the most that the file can hold"});
  write(header(1, magic, 0), voxels() + "x", false);
  refused({"scan.img'", "1 bytes follow"});
  write(header(1, magic, -1), voxels(), false);
  refused({"vox_offset is -1"});
  write(header(1, std::string("n+1\0", 4), 0), voxels(), false);
  refused({"scan.hdr'", "is a whole scan"});
  write(header(2, std::string("xi2\0", 4), 0), voxels(), false);
  refused({"not the magic"});
  write(header(1, magic, 0), voxels(), false);
  expect_error<DataError>([&] { read_scan(directory_ / "scan.hdr"); }, {"give the .img"});
}

class NiftiFaultRow38 : public testing::TestWithParam<Lie> {};

// Both the plain and the compressed file are refused; the latter may have to find out while it is read.
TEST_P(NiftiFaultRow38, IsRefusedWithItsReason) {
  const TemporaryDirectory directory;
  NiftiBytes file(kShape, 4, 16, GetParam().version);
  file.append(counting<std::int16_t>());
  GetParam().tell(file);
  test::write_file(directory / "bad.nii", file.bytes());
  expect_error<DataError>([&] { read_nifti_header(directory / "bad.nii"); }, {"bad.nii'", GetParam().reason});
  test::write_file(directory / "bad.nii.gz", test::gzipped(file.bytes()));
  expect_error<DataError>([&] { read_scan(directory / "bad.nii.gz"); }, {"bad.nii.gz'"});
}

INSTANTIATE_TEST_SUITE_P(
    Headers, NiftiFaultRow38,
    testing::Values(Lie{"NoDimensions", [](auto& f) { f.set_dim(0, 0); }, "declares 0 dimensions"},
                    Lie{"EightDimensions", [](auto& f) { f.set_dim(0, 8); }, "declares 8 dimensions"},
                    Lie{"NegativeExtent", [](auto& f) { f.set_dim(2, -4); }, "extent -4 for dimension 2"},
                    Lie{"ZeroExtent", [](auto& f) { f.set_dim(4, 0); }, "extent 0 for dimension 4"},
                    Lie{"FifthDimension",
                        [](auto& f) {
                          f.set_dim(0, 5);
                          f.set_dim(5, 2);
                        },
                        "has 5 dimensions, of which both 4 and 5"},
                    Lie{"HugeExtents",
                        [](auto& f) {
                          for (int d = 1; d <= 4; ++d) f.set_dim(d, 32767);
                        },
                        "declares frames"},
                    Lie{"OverflowingExtents",
                        [](auto& f) {
                          for (int d = 1; d <= 4; ++d) f.set_dim(d, std::int64_t{1} << 32);
                        },
                        "extent 4294967296", 2},
                    Lie{"MoreFramesThanBytes", [](auto& f) { f.set_dim(4, 32767); }, "the most that the file can hold"},
                    Lie{"WrongBits", [](auto& f) { f.set_type(4, 32); }, "says 32 bits per voxel"},
                    Lie{"UnknownType", [](auto& f) { f.set_type(5, 16); }, "data type 5"},
                    Lie{"ComplexType", [](auto& f) { f.set_type(32, 64); }, "data type 32"},
                    Lie{"OffsetNaN", [](auto& f) { f.set_offset(kNan); }, "vox_offset is nan"},
                    Lie{"OffsetHuge", [](auto& f) { f.set_offset(1e30); }, "vox_offset is 1e+30"},
                    Lie{"OffsetInTheHeader", [](auto& f) { f.set_offset(0); }, "vox_offset is 0"},
                    Lie{"OffsetNegative", [](auto& f) { f.set_offset(-352); }, "vox_offset is -352"},
                    Lie{"OffsetFraction", [](auto& f) { f.set_offset(352.5); }, "vox_offset is 352.5"},
                    Lie{"OffsetNegative2", [](auto& f) { f.set_offset(-1); }, "vox_offset is -1", 2},
                    Lie{"InterceptInfinite", [](auto& f) { f.set_scaling(1, kInfinity); }, "scl_inter is inf", 2},
                    Lie{"WrongMagic", [](auto& f) { f.bytes()[344] = 'x'; }, "not the magic"},
                    Lie{"WrongMagic2", [](auto& f) { f.bytes()[10] = 'x'; }, "not the magic", 2},
                    Lie{"HeaderPair", [](auto& f) { f.bytes()[345] = 'i'; }, ".hdr/.img pair"},
                    Lie{"WrongLength", [](auto& f) { f.put(0, std::int32_t{349}); }, "no NIfTI file"},
                    Lie{"CutInTheHeader", [](auto& f) { f.bytes().resize(100); }, "cut short"},
                    Lie{"CutInTheData", [](auto& f) { f.bytes().pop_back(); }, "the most that the file can hold"},
                    Lie{"Empty", [](auto& f) { f.bytes().clear(); }, "is empty"}),
    [](const auto& info) { return info.param.name; });

TEST(Nifti, FaultRow38TrailingBytesAreRefusedAfterTheLastFrame) {
  const TemporaryDirectory directory;
  NiftiBytes file(kShape, 2, 8);
  file.append(counting<std::uint8_t>()).bytes() += "x";
  test::write_file(directory / "scan.nii", file.bytes());
  expect_error<DataError>([&] { read_scan(directory / "scan.nii"); }, {"1 bytes follow"});
}

// A few hundred compressed bytes cannot claim gigabytes: refused before anything is allocated.
TEST(Nifti, FaultRow38SmallGzipCannotDeclareGigabytes) {
  const TemporaryDirectory directory;
  NiftiBytes file({512, 512, 512, 64}, 16, 32);
  test::write_file(directory / "scan.nii.gz", test::gzipped(file.bytes()));
  expect_error<DataError>([&] { NiftiReader reader(directory / "scan.nii.gz"); }, {"the most that the file can hold"});
}

TEST(NiftiWriter, RoundTripInBothTypes) {
  const TemporaryDirectory directory;
  NiftiHeader header;
  header.shape = kShape;
  header.repetition_time = 0.735;
  header.affine = {-3, 0, 0, 10, 0, 3, 0, -20, 0, 0, 3, -30, 0, 0, 0, 1};
  header.slope = 0.5;
  const FrameSource source = [](std::int64_t t, std::span<float> frame) {
    for (std::size_t i = 0; i < frame.size(); ++i)
      frame[i] = static_cast<float>(t) * 100.0f + static_cast<float>(i) * 0.3f;
  };
  for (const NiftiType type : {NiftiType::kInt16, NiftiType::kFloat32}) {
    header.type = type;
    write_nifti_gz(directory / "scan.nii.gz", header, source);
    const NiftiHeader found = read_nifti_header(directory / "scan.nii.gz");
    EXPECT_EQ(found.shape, header.shape);
    EXPECT_EQ(found.type, type);
    EXPECT_EQ(found.affine, header.affine);
    EXPECT_FLOAT_EQ(static_cast<float>(found.repetition_time), 0.735f);
    const auto values = read_scan(directory / "scan.nii.gz");
    ASSERT_EQ(values.size(), kVoxels);
    const double tolerance = type == NiftiType::kInt16 ? 0.5 * header.slope + 1e-4 : 0.0;  // half a quantum
    for (std::size_t i = 0; i < kVoxels; ++i) {
      const float expected = static_cast<float>(i / 24) * 100.0f + static_cast<float>(i % 24) * 0.3f;
      EXPECT_NEAR(values[i], expected, tolerance);
    }
  }
}

TEST(NiftiWriter, ClampsWhatInt16CannotHold) {
  const TemporaryDirectory directory;
  NiftiHeader header;
  header.shape = {2, 1, 1, 1};
  header.type = NiftiType::kInt16;
  write_nifti_gz(directory / "scan.nii.gz", header, [](std::int64_t, std::span<float> frame) {
    frame[0] = 1e9f;
    frame[1] = -1e9f;
  });
  EXPECT_EQ(read_scan(directory / "scan.nii.gz"), (std::vector<float>{32767, -32768}));
}

TEST(NiftiWriter, NothingIsLeftWhenTheSourceFails) {
  const TemporaryDirectory directory;
  NiftiHeader header;
  header.shape = kShape;
  const auto write = [&] {
    write_nifti_gz(directory / "scan.nii.gz", header, [](std::int64_t, std::span<float>) { throw DataError("stop"); });
  };
  EXPECT_THROW(write(), DataError);
  EXPECT_EQ(directory.entries(), 0u);
}

}  // namespace
}  // namespace brainmt::io
