// Tables of UK Biobank, HCP and BIDS: the column of identifiers, the identifiers themselves, which columns are kept,
// and ages in bands.
#include "prepare/phenotypes.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "base/error.hpp"
#include "prepare/age_band.hpp"
#include "support/expect_error.hpp"
#include "support/temporary_directory.hpp"

namespace brainmt::prepare {
namespace {

using test::expect_error;

class PhenotypesTest : public testing::Test {
 protected:
  Phenotypes table(const std::string& content, const std::vector<std::string>& columns = {},
                   const std::string& id_column = "") {
    test::write_file(directory_ / "t.csv", content);
    return Phenotypes(directory_ / "t.csv", id_column, columns);
  }
  static std::vector<std::string> names(const std::vector<io::PhenotypeColumn>& columns) {
    std::vector<std::string> out;
    for (const auto& column : columns) out.push_back(column.name);
    return out;
  }
  static std::vector<io::CohortScan> scans(std::initializer_list<const char*> ids) {
    std::vector<io::CohortScan> out;
    for (const char* id : ids) out.push_back({.participant_id = id, .source = "x", .frames = 1});
    return out;
  }
  test::TemporaryDirectory directory_;
};

using Names = std::vector<std::string>;

TEST_F(PhenotypesTest, FindsTheColumnOfIdentifiers) {
  for (const char* name : {"participant_id", "Subject", "eid", "n_eid", "f.eid", "SUBJECT_ID", "participant.eid"}) {
    EXPECT_EQ(table(std::string("age,") + name + "\n50,1\n").id_column(), name);
  }
  EXPECT_EQ(table("eid,participant_id\n1,2\n").id_column(), "participant_id");
  EXPECT_EQ(table("eid,who\n1,2\n", {}, "who").id_column(), "who");
  expect_error<DataError>([&] { table("who,age\n1,50\n"); }, {"t.csv'", "participant_id, Subject, subject_id, eid",
                                                              "2 columns, the first 'who'", "id_column="});
  expect_error<DataError>([&] { table("who,age\n1,50\n", {}, "whom"); }, {"no column 'whom'", "'who'"});
}

TEST_F(PhenotypesTest, IdentifiersMatchInTheirUsualForms) {
  const Phenotypes bare = table("participant_id,age\n01,50\n1000001,60\n");
  EXPECT_TRUE(bare.contains("01"));
  EXPECT_TRUE(bare.contains("sub-01"));
  EXPECT_TRUE(bare.contains("1000001_20227_2_0"));
  EXPECT_FALSE(bare.contains("1"));
  EXPECT_FALSE(bare.contains("sub-1000002"));
  const Phenotypes bids = table("participant_id,age\nsub-01,50\n");
  EXPECT_TRUE(bids.contains("01"));
  EXPECT_TRUE(bids.contains("sub-01"));
  expect_error<DataError>([&] { table("eid,age\nsub-01,50\n01,60\n"); },
                          {"line 3", "'01' means the same participant as 'sub-01' on line 2"});
  expect_error<DataError>([&] { table("eid,age\n7,50\n8,1\n7,60\n"); }, {"line 4", "first on line 2"});
}

TEST_F(PhenotypesTest, KeepsTheColumnsThatAreNamed) {
  const std::string content = "eid,31-0.0,20016-0.0,20016-2.0,p21003_i2,note\n1000001,1,5,7,61.5,x\n";
  EXPECT_EQ(names(table(content).columns(scans({"1000001"}))),
            (Names{"31-0.0", "20016-0.0", "20016-2.0", "p21003_i2", "note"}));
  const auto kept = table(content, {"sex", "p20016_i2", "21003-2.0", "31"}).columns(scans({"1000001"}));
  EXPECT_EQ(names(kept), (Names{"31-0.0", "20016-2.0", "p21003_i2"}));
  EXPECT_EQ(std::get<std::vector<double>>(kept[1].values), std::vector<double>{7});
  EXPECT_EQ(std::get<std::vector<double>>(kept[2].values), std::vector<double>{61.5});
  expect_error<DataError>([&] { table(content, {"20016-1.0"}); }, {"'20016-0.0', '20016-2.0'"});
  EXPECT_TRUE(table(content, {"eid"}).columns(scans({"1000001"})).empty());
}

TEST_F(PhenotypesTest, AWideTableNeedsNames) {
  std::string header = "eid", row = "1000001";
  for (int i = 1; i <= 500; ++i) {
    header += fmt::format(",{}-2.0", 30000 + i);
    row += fmt::format(",{}", i);
  }
  EXPECT_EQ(table(header + "\n" + row + "\n").columns(scans({"1000001"})).size(), 500u);
  header += ",31-0.0";
  row += ",1";
  expect_error<DataError>([&] { table(header + "\n" + row + "\n"); }, {"has 502 columns", "columns=["});
  const auto kept = table(header + "\n" + row + "\n", {"sex"}).columns(scans({"1000001"}));
  ASSERT_EQ(kept.size(), 1u);
  EXPECT_EQ(kept[0].name, "31-0.0");
}

TEST_F(PhenotypesTest, AgeBandsBecomeNumbers) {
  const auto kept =
      table("Subject,Gender,Age,Mixed\n1,M,22-25,22-25\n2,F,36+,young\n3,F,,\n").columns(scans({"2", "1", "3", "1"}));
  ASSERT_EQ(names(kept), (Names{"Gender", "Age", "Mixed"}));
  EXPECT_EQ(std::get<Names>(kept[0].values), (Names{"F", "M", "F", "M"}));
  const auto& age = std::get<std::vector<double>>(kept[1].values);
  EXPECT_EQ(age[0], 36);
  EXPECT_EQ(age[1], 23.5);
  EXPECT_TRUE(std::isnan(age[2]));
  EXPECT_EQ(age[3], 23.5);
  EXPECT_EQ(std::get<Names>(kept[2].values), (Names{"young", "22-25", "", "22-25"}));
}

TEST(AgeBand, Reads) {
  EXPECT_EQ(parse_age_band("22-25"), 23.5);
  EXPECT_EQ(parse_age_band("26-30"), 28);
  EXPECT_EQ(parse_age_band("31-35"), 33);
  EXPECT_EQ(parse_age_band("36+"), 36);
  for (const char* text : {"", "+", "-", "22", "22-", "-25", "25-22", "22-22", "22-25+", "100-300", "22 - 25", "a-b",
                           "1999-2001", "22--25", "3.5-4"}) {
    EXPECT_FALSE(parse_age_band(text)) << text;
  }
}

}  // namespace
}  // namespace brainmt::prepare
