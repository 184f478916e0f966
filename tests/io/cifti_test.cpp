#include "io/cifti.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "base/error.hpp"
#include "support/cifti_bytes.hpp"
#include "support/expect_error.hpp"
#include "support/temporary_directory.hpp"

namespace brainmt::io {
namespace {

using test::CiftiBytes;
using test::expect_error;
using test::TemporaryDirectory;
using test::write_file;

class Cifti : public testing::Test {
 protected:
  std::filesystem::path file_of(const std::string& bytes) const {
    write_file(folder_ / "a.ptseries.nii", bytes);
    return folder_ / "a.ptseries.nii";
  }
  void refuses(const std::string& bytes, std::initializer_list<std::string> parts) const {
    expect_error<DataError>([&] { read_cifti_series(file_of(bytes)); }, parts);
  }
  TemporaryDirectory folder_;
};

TEST_F(Cifti, ReadsNamesStepAndValuesInEitherOrderOfAxes) {
  for (const bool parcels_fastest : {false, true}) {
    for (const bool swapped : {false, true}) {
      for (const bool is_double : {false, true}) {
        CiftiBytes bytes;
        bytes.parcels_fastest = parcels_fastest;
        bytes.swapped = swapped;
        bytes.is_double = is_double;
        const CiftiSeries series = read_cifti_series(file_of(bytes.bytes()));
        EXPECT_EQ(series.names, (std::vector<std::string>{"V1", "A & B", "R_Köln"}));
        ASSERT_EQ(series.frames, 4);
        EXPECT_DOUBLE_EQ(series.repetition_time, 0.72);
        for (std::size_t t = 0; t < 4; ++t)
          for (std::size_t p = 0; p < 3; ++p)
            EXPECT_EQ(series.values[3 * t + p], 10.0f * static_cast<float>(p) + static_cast<float>(t));
      }
    }
  }
}

TEST_F(Cifti, ReadsItCompressedAndWithADeclaration) {
  CiftiBytes bytes;
  bytes.before = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";
  EXPECT_EQ(read_cifti_series(file_of(test::gzipped(bytes.bytes()))).values[3], 1.0f);
}

TEST_F(Cifti, KeepsNaNAndHasNoStepWhereTheAxisIsNoTime) {
  CiftiBytes bytes;
  bytes.unit = "HERTZ";
  bytes.value = [](int, int parcel) { return parcel == 1 ? std::nan("") : 1.0; };
  const CiftiSeries series = read_cifti_series(file_of(bytes.bytes()));
  EXPECT_TRUE(std::isnan(series.repetition_time));
  EXPECT_TRUE(std::isnan(series.values[1]));
  EXPECT_EQ(series.values[2], 1.0f);
}

TEST_F(Cifti, AxesComeWithoutValues) {
  const CiftiSeries axes = read_cifti_axes(file_of(CiftiBytes().bytes()));
  EXPECT_EQ(axes.names.size(), 3u);
  EXPECT_TRUE(axes.values.empty());
}

TEST_F(Cifti, NamesTheWayOutForOtherKinds) {
  CiftiBytes dense;
  dense.parcel_type = "CIFTI_INDEX_TYPE_BRAIN_MODELS";
  refuses(dense.bytes(), {"(dense)", "wb_command -cifti-parcellate"});
  CiftiBytes scalar;
  scalar.series_type = "CIFTI_INDEX_TYPE_SCALARS";
  refuses(scalar.bytes(), {"CIFTI_INDEX_TYPE_SCALARS", "expected a series of parcels"});
  CiftiBytes first;
  first.version = "1";
  refuses(first.bytes(), {"version '1'", "-cifti-version-convert"});
}

TEST_F(Cifti, RefusesAxesThatDoNotFit) {
  CiftiBytes bytes;
  const std::string whole = bytes.xml();
  const auto with = [&](const std::string& from, const std::string& to) {
    std::string changed = whole;
    changed.replace(changed.find(from), from.size(), to);
    return bytes.bytes_with(changed);
  };
  refuses(with("NumberOfSeriesPoints=\"4\"", "NumberOfSeriesPoints=\"5\""), {"5 points and 3 parcels", "4 x 3"});
  refuses(with("Name=\"V1\"", "Name=\"R_Köln\""), {"two parcels named 'R_Köln'"});
  refuses(with("Name=\"V1\"", "Name=\"\""), {"parcel without a name"});
  refuses(with("Dimension=\"0\"", "Dimension=\"1\""), {"dimension 1 twice"});
  refuses(with("Dimension=\"0\"", "Dimension=\"2\""), {"expected 0 or 1"});
  refuses(with("SeriesStep=\"720\"", "SeriesStep=\"x\""), {"no number SeriesStep"});
  refuses(with("</CIFTI>", ""), {"XML is damaged", "expected </CIFTI>"});
}

TEST_F(Cifti, RefusesFilesThatAreCutShortOrGoOn) {
  const std::string whole = CiftiBytes().bytes();
  for (const std::size_t bytes : {0u, 3u, 300u, 543u, 550u, 700u}) refuses(whole.substr(0, bytes), {});
  refuses(whole.substr(0, whole.size() - 1), {"more than the file can hold"});
  refuses(whole + "x", {});
  refuses("not a scan at all, but a text that is long enough to be one" + std::string(600, ' '), {"no CIFTI file"});
}

// Each byte set to another value: read or refused, never worse.
TEST_F(Cifti, SurvivesAnyDamagedByte) {
  const std::string whole = CiftiBytes().bytes();
  for (std::size_t at = 0; at < whole.size(); ++at) {
    std::string damaged = whole;
    damaged[at] = static_cast<char>(at % 3 == 0 ? 0x00 : at % 3 == 1 ? 0x7f : 0xff);
    try {
      read_cifti_series(file_of(damaged));
    } catch (const DataError&) {
    }
  }
}

TEST_F(Cifti, RefusesInfiniteValues) {
  CiftiBytes bytes;
  bytes.value = [](int frame, int) { return frame == 2 ? INFINITY : 1.0; };
  refuses(bytes.bytes(), {"frame 2 of parcel 'V1' is infinite"});
}

}  // namespace
}  // namespace brainmt::io
