#include "prepare/series_file.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "base/error.hpp"
#include "prepare/series_columns.hpp"
#include "support/cifti_bytes.hpp"
#include "support/expect_error.hpp"
#include "support/temporary_directory.hpp"

namespace brainmt::prepare {
namespace {

using test::expect_error;
using test::TemporaryDirectory;
using test::write_file;

class SeriesText : public testing::Test {
 protected:
  SeriesFile read(const std::string& text, const std::string& name = "a.tsv") const {
    write_file(folder_ / name, text);
    return read_series(folder_ / name);
  }
  void refuses(const std::string& text, std::initializer_list<std::string> parts) const {
    expect_error<DataError>([&] { read(text); }, parts);
  }
  TemporaryDirectory folder_;
};

TEST_F(SeriesText, ReadsNamesAndValuesWithAnySeparator) {
  for (const char* text : {"V1\tV2\n1\t2.5\n-3e1\tn/a\n", "V1,V2\r\n1,2.5\r\n-30,\r\n", "V1;V2\n1;2.5\n-30;NaN\n",
                           "# made by x\n\"V1\"  V2\n 1 2.5\n\n-30   nan\n"}) {
    const SeriesFile file = read(text);
    EXPECT_EQ(file.names, (std::vector<std::string>{"V1", "V2"})) << text;
    ASSERT_EQ(file.frames, 2) << text;
    EXPECT_EQ(file.values[0], 1.0f);
    EXPECT_EQ(file.values[1], 2.5f);
    EXPECT_EQ(file.values[2], -30.0f);
    EXPECT_TRUE(std::isnan(file.values[3]));
  }
}

TEST_F(SeriesText, ReadsNumbersWithoutAHeader) {
  const SeriesFile file = read("1.5 2 3\n4 5 6\n", "a.txt");
  EXPECT_TRUE(file.names.empty());
  EXPECT_EQ(file.parcels, 3u);
  EXPECT_EQ(file.frames, 2);
}

TEST_F(SeriesText, TakesTheNumbersOfColumnsForNames) {
  const SeriesFile file = read("0,1,2\n0.5,0.25,7\n");
  EXPECT_EQ(file.names, (std::vector<std::string>{"0", "1", "2"}));
  EXPECT_EQ(file.frames, 1);
}

TEST_F(SeriesText, RefusesFramesOrTimesAsAParcel) {
  const auto table = [](const std::string& header, double first, double step, double odd = 0) {
    std::string text = header;
    for (int t = 0; t < 12; ++t)
      text += fmt::format("{}\t{}\t{}\n", first + step * t + (t == 6 ? odd : 0), t % 5, t % 7);
    return text;
  };
  for (const auto& [first, step] : {std::pair{0.0, 1.0}, {1.0, 1.0}, {0.0, 0.735}})
    expect_error<DataError>([&] { read(table("", first, step)); }, {"in its first column", "no parcel"});
  expect_error<DataError>([&] { read(table("time\tV1\tV2\n", 0, 2)); }, {"first column 'time'", "0, 2, 4"});
  EXPECT_EQ(read(table("", 0, 1, 0.25)).parcels, 3u);  // a series that only nearly runs evenly
  EXPECT_EQ(read(table("", 3, 0)).parcels, 3u);        // one that stands still
}

TEST_F(SeriesText, LeavesOutAColumnThatCountsTheFrames) {
  const SeriesFile file = read(",V1,V2\n0,10,20\n1,30,40\n");
  EXPECT_EQ(file.parcels, 2u);
  EXPECT_EQ(file.values, (std::vector<float>{10, 20, 30, 40}));
  refuses(",V1,V2\n0,10,20\n7,30,40\n", {"line 3", "'7'", "number of the frame"});
}

TEST_F(SeriesText, SaysWhereATableIsWrong) {
  refuses("", {"is empty"});
  refuses("V1\tV2\n", {"no frame"});
  refuses("V1\tV2\n1\t2\t3\n", {"line 2: 3 fields, expected 2"});
  refuses("V1\tV2\n1\tabc\n", {"line 2: column 2: 'abc'"});
  refuses("V1\tV2\n1\tinf\n", {"'inf'"});
  refuses("V1\tV2\n1\t1e300\n", {"float"});
  refuses("V1\tV1\n1\t2\n", {"two columns are named 'V1'"});
  refuses("V1\t\tV2\n1\t2\t3\n", {"column 2 has no name"});
}

TEST_F(SeriesText, ReadsTheColumnsAlone) {
  write_file(folder_ / "a.tsv", "V1\tV2\n1\tbroken\n");
  EXPECT_EQ(read_series_columns(folder_ / "a.tsv").names.size(), 2u);
  write_file(folder_ / "b.tsv", "1\t2\t3\n");
  EXPECT_EQ(read_series_columns(folder_ / "b.tsv").parcels, 3u);
}

TEST_F(SeriesText, CiftiHasTheSameForm) {
  write_file(folder_ / "a.ptseries.nii", test::CiftiBytes().bytes());
  const SeriesFile file = read_series(folder_ / "a.ptseries.nii");
  EXPECT_EQ(file.parcels, 3u);
  EXPECT_EQ(file.frames, 4);
  EXPECT_EQ(without_series_ending("x.ptseries.nii"), "x");
  EXPECT_TRUE(is_series_name("A.TSV"));
  EXPECT_FALSE(is_series_name("a.nii"));
}

TEST(SeriesColumns, AreThoseOfMostTablesInTheOrderOfTheFirst) {
  const auto table = [](std::vector<std::string> names) {
    SeriesFile file;
    file.parcels = names.size();
    file.names = std::move(names);
    return file;
  };
  const std::vector<std::string> texts{text_of(table({"odd"})), text_of(table({"B", "A"})), "",
                                       text_of(table({"A", "B"}))};
  const SeriesColumns columns = most_common_columns(texts, {"0.tsv", "1.tsv", "2.tsv", "3.tsv"});
  EXPECT_EQ(columns.names, (std::vector<std::string>{"B", "A"}));
  EXPECT_EQ(columns.example, "1.tsv");
  EXPECT_EQ(order_of(table({"A", "B"}), columns), (std::vector<std::uint32_t>{1, 0}));
  expect_error<DataError>([&] { order_of(table({"A", "C"}), columns); }, {"lacks 'B'", "has 'C' instead", "'1.tsv'"});
  expect_error<DataError>([&] { order_of(table({"A"}), columns); }, {"has 1 parcels", "have 2", "lacks 'B'"});
  SeriesFile unnamed;
  unnamed.parcels = 5;
  unnamed.frames = 2;
  expect_error<DataError>([&] { order_of(unnamed, columns); }, {"5 columns without names", "as many rows"});
}

TEST(SeriesColumns, TakeNamesAndNetworksFromALabelTable) {
  const TemporaryDirectory folder;
  write_file(folder / "labels.tsv",
             "index\tname\tnetwork_label\tx\ty\tz\n7\t7Networks_LH_Vis_1\tVis\tn/a\tn/a\tn/a\n"
             "3\t7Networks_RH_Default_2\tDefault\t12\t-50.5\t7\n9\tspare\tVis\t1\t2\t3\n");
  SeriesColumns columns{{"LH_Vis_1", "3"}, 2, "a.tsv"};
  const io::ParcelTable table = describe_parcels(columns, folder / "labels.tsv");
  EXPECT_EQ(table.index, (std::vector<std::int32_t>{3, 7}));
  EXPECT_EQ(table.network, (std::vector<std::string>{"Default", "Vis"}));
  EXPECT_EQ(table.hemisphere, (std::vector<std::string>{"R", "L"}));
  EXPECT_EQ(table.centroid[0], (std::array{12.0, -50.5, 7.0}));
  EXPECT_TRUE(std::isnan(table.centroid[1][0]));  // the table says that it does not know
  EXPECT_EQ(columns.names, (std::vector<std::string>{"3", "LH_Vis_1"}));
  SeriesColumns unknown{{"LH_Vis_2"}, 1, "a.tsv"};
  expect_error<DataError>([&] { describe_parcels(unknown, folder / "labels.tsv"); }, {"no label 'LH_Vis_2'"});
  SeriesColumns unnamed{{}, 2, "a.tsv"};
  expect_error<DataError>([&] { describe_parcels(unnamed, folder / "labels.tsv"); }, {"3 labels", "2 columns"});
}

}  // namespace
}  // namespace brainmt::prepare
