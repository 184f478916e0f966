// Which column is meant: UK Biobank's spellings of a field and instance, everyday names, and no silent choice between
// several.
#include "io/find_column.hpp"

#include <gtest/gtest.h>

#include <vector>

#include "base/error.hpp"
#include "io/ukb_field.hpp"
#include "support/expect_error.hpp"

namespace brainmt::io {
namespace {

using test::expect_error;
using Names = std::vector<std::string>;

std::string found(const Names& names, std::string_view wanted) {
  const auto column = find_column(names, wanted);
  return column ? names[*column] : "none";
}

TEST(UkbFieldName, AllSpellings) {
  for (const char* name : {"20016-2.0", "p20016_i2_a0", "participant.p20016_i2_a0", "f.20016.2.0", "x20016_2_0",
                           "n_20016_2_0", "P20016_I2_A0", "F.20016.2.0"}) {
    EXPECT_EQ(parse_ukb_field(name), (UkbField{20016, 2, 0})) << name;
  }
  EXPECT_EQ(parse_ukb_field("p31"), (UkbField{31, {}, {}}));
  EXPECT_EQ(parse_ukb_field("p20016_i2"), (UkbField{20016, 2, {}}));
  EXPECT_EQ(parse_ukb_field("20016-2"), (UkbField{20016, 2, {}}));
  EXPECT_EQ(parse_ukb_field("p26410_a3"), (UkbField{26410, {}, 3}));
  EXPECT_EQ(to_text(UkbField{20016, 2, 0}), "20016-2.0");
  EXPECT_EQ(to_text(UkbField{31, {}, {}}), "31");
}

TEST(UkbFieldName, RefusesWhatOnlyLooksLikeOne) {
  for (const char* name : {"",
                           "31",
                           "p",
                           "p0",
                           "p31_",
                           "p31_i",
                           "p31_i2_",
                           "31-",
                           "31-0.",
                           "31-0.0x",
                           " 31-0.0",
                           "x31",
                           "f.31",
                           "-31-0.0",
                           "31--1.0",
                           "p9999999",
                           "p99999999999999999999",
                           "phase",
                           "x_1_2",
                           "31.0",
                           "p31_a0_i2",
                           "age"}) {
    EXPECT_FALSE(parse_ukb_field(name)) << name;
  }
}

TEST(FindColumn, OneFieldInAnySpelling) {
  for (const char* column : {"31-0.0", "p31", "p31_i0", "f.31.0.0", "x31_0_0", "n_31_0_0"}) {
    for (const char* wanted : {"31-0.0", "p31", "p31_i0", "f.31.0.0", "x31_0_0", "31", "sex", "Sex", "gender"}) {
      EXPECT_EQ(found({"eid", column, "54-2.0"}, wanted), column) << wanted;
    }
  }
}

TEST(FindColumn, InstancesMatter) {
  const Names names{"eid", "20016-0.0", "20016-2.0", "20016-3.0", "21003-2.0", "p54_i2", "25741-2.0"};
  for (const char* wanted : {"20016-2.0", "p20016_i2", "20016", "p20016", "cognition", "fluid_intelligence"})
    EXPECT_EQ(found(names, wanted), "20016-2.0") << wanted;
  EXPECT_EQ(found(names, "p20016_i0"), "20016-0.0");
  EXPECT_EQ(found(names, "p20016_i3"), "20016-3.0");
  EXPECT_EQ(found(names, "20016-1.0"), "none");
  EXPECT_EQ(found(names, "age"), "21003-2.0");
  EXPECT_EQ(found(names, "site"), "p54_i2");
  EXPECT_EQ(found(names, "mean_fd"), "25741-2.0");
  // Other instances are never used instead, and the message names them.
  const Names others{"eid", "20016-0.0", "p20016_i3"};
  EXPECT_EQ(found(others, "20016-2.0"), "none");
  EXPECT_EQ(found(others, "cognition"), "none");
  for (const char* wanted : {"cognition", "p20016", "20016-2.0"}) {
    expect_error<DataError>([&] { require_column(others, wanted, "'t.csv'"); },
                            {"'t.csv' has no column", wanted, "instance 2 of field 20016", "'20016-0.0', 'p20016_i3'"});
  }
}

TEST(FindColumn, RepeatsAreNotConfused) {
  const Names names{"25741-2.1", "25741-2.0"};
  EXPECT_EQ(found(names, "25741-2.1"), "25741-2.1");
  EXPECT_EQ(found(names, "p25741_i2"), "25741-2.0");
  EXPECT_EQ(found({"25741-2.1"}, "p25741_i2"), "none");
}

TEST(FindColumn, EverydayNamesOfHcpAndBids) {
  const Names hcp{"Subject", "Gender", "Age", "PMAT24_A_CR", "CogTotalComp_AgeAdj", "Mother_ID"};
  EXPECT_EQ(found(hcp, "sex"), "Gender");
  EXPECT_EQ(found(hcp, "age"), "Age");
  EXPECT_EQ(found(hcp, "cognition"), "CogTotalComp_AgeAdj");
  EXPECT_EQ(found(hcp, "fluid_intelligence"), "CogTotalComp_AgeAdj");
  EXPECT_EQ(found(hcp, "PMAT24_A_CR"), "PMAT24_A_CR");
  EXPECT_EQ(found(hcp, "pmat24_a_cr"), "PMAT24_A_CR");
  EXPECT_EQ(found(hcp, "family"), "Mother_ID");
  EXPECT_EQ(found({"Mother_ID", "Family_ID"}, "family"), "Family_ID");
  EXPECT_EQ(found(hcp, "site"), "none");
  EXPECT_EQ(found({"participant_id", "SEX", "AGE"}, "sex"), "SEX");
  EXPECT_EQ(found({"cognition", "CogTotalComp_AgeAdj"}, "cognition"), "cognition");  // exact wins
}

TEST(FindColumn, SeveralCandidatesAreAnError) {
  expect_error<DataError>(
      [] {
        find_column(Names{"Gender", "31-0.0"}, "sex");
      },
      {"'sex' may be any of 'Gender', '31-0.0'", "full name"});
  expect_error<DataError>([] { find_column(Names{"p31", "31-0.0"}, "f.31.0.0"); }, {"'p31', '31-0.0'"});
  expect_error<DataError>([] { find_column(Names{"Age", "Age_in_Yrs"}, "age"); }, {"'Age', 'Age_in_Yrs'"});
  expect_error<DataError>([] { find_column(Names{"IQ", "Iq"}, "iq"); }, {"'IQ', 'Iq'"});
  expect_error<DataError>(
      [] {
        require_column(Names{"p31", "31-0.0"}, "sex", "cohort 'c.h5'");
      },
      {"cohort 'c.h5': column 'sex' may be"});
  EXPECT_EQ(found({"IQ", "Iq"}, "Iq"), "Iq");
}

TEST(FindColumn, UnknownNamesGetTheNearest) {
  expect_error<DataError>(
      [] {
        require_column(Names{"eid", "handedness"}, "handednes", "'t.csv'");
      },
      {"'t.csv' has no column 'handednes'; did you mean 'handedness'?"});
  expect_error<DataError>([] { require_column(Names{}, "x", "'t.csv'"); }, {"it has no columns"});
  EXPECT_EQ(found({"a"}, ""), "none");
}

}  // namespace
}  // namespace brainmt::io
