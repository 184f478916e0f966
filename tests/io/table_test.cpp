// Phenotype tables as people write them, and the errors for what cannot be read (fault row 41).
#include "io/table.hpp"

#include <gtest/gtest.h>

#include "base/error.hpp"
#include "support/expect_error.hpp"
#include "support/temporary_directory.hpp"

namespace brainmt::io {
namespace {

using test::expect_error;
using test::TemporaryDirectory;

Table table_of(const std::string& content, const std::string& name = "table.csv") {
  const TemporaryDirectory directory;
  test::write_file(directory / name, content);
  return Table::read(directory / name);
}

struct Accepted {
  const char* name;
  const char* content;
  const char* file = "table.csv";
};

class TableFaultRow41Accepted : public testing::TestWithParam<Accepted> {};

// Every spelling holds the same two rows: (s1, 1, 30.5) and (s2, 0, missing).
TEST_P(TableFaultRow41Accepted, ReadsTheSameTable) {
  const Table table = table_of(GetParam().content, GetParam().file);
  ASSERT_EQ(table.names(), (std::vector<std::string>{"id", "sex", "age"}));
  ASSERT_EQ(table.rows(), 2u);
  EXPECT_EQ(table.text(0, table.column("id")), "s1");
  EXPECT_EQ(table.number(0, 1), 1.0);
  EXPECT_EQ(table.number(0, 2), 30.5);
  EXPECT_EQ(table.text(1, 0), "s2");
  EXPECT_EQ(table.number(1, 1), 0.0);
  EXPECT_EQ(table.number(1, 2), std::nullopt);
  EXPECT_TRUE(table.is_numeric(2));
  EXPECT_FALSE(table.is_numeric(0));
  const auto rows = table.index_by(0);
  EXPECT_EQ(rows.at("s1"), 0u);
  EXPECT_EQ(rows.at("s2"), 1u);
}

INSTANTIATE_TEST_SUITE_P(
    Spellings, TableFaultRow41Accepted,
    testing::Values(Accepted{"Plain", "id,sex,age\ns1,1,30.5\ns2,0,NA\n"},
                    Accepted{"NoFinalLineEnd", "id,sex,age\ns1,1,30.5\ns2,0,NaN"},
                    Accepted{"ByteOrderMark", "\xEF\xBB\xBFid,sex,age\ns1,1,30.5\ns2,0,n/a\n"},
                    Accepted{"CarriageReturns", "id,sex,age\r\ns1,1,30.5\r\ns2,0,\r\n"},
                    Accepted{"BlankLines", "id,sex,age\n\ns1,1,30.5\ns2,0,.\n\n\n"},
                    Accepted{"Quotes", "\"id\",\"sex\",\"age\"\r\n\"s1\",\"1\",\"30.5\"\r\n\"s2\",\"0\",\"\"\r\n"},
                    Accepted{"Blanks", "id , sex, age\n s1 ,1 , +30.5\ns2, 0 , null\n"},
                    Accepted{"Exponent", "id,sex,age\ns1,1e0,3.05e+1\ns2,0,na\n"},
                    Accepted{"Tabs", "id\tsex\tage\ns1\t1\t30.5\ns2\t0\t\n", "table.tsv"},
                    Accepted{"SniffedTabs", "id\tsex\tage\ns1\t1\t30.5\ns2\t0\tNA\n", "table.txt"},
                    Accepted{"Semicolons", "id;sex;age\ns1;1;30,5\ns2;0;NA\n"},
                    Accepted{"SemicolonsAndPoints", "\xEF\xBB\xBFid;sex;age\r\ns1;1;30.5\r\ns2;0;\r\n"},
                    Accepted{"TabsInACsv", "id\tsex\tage\ns1\t1\t30,5\ns2\t0\tNA\n"},
                    Accepted{"CommasInATsv", "id,sex,age\ns1,1,30.5\ns2,0,NA\n", "table.tsv"},
                    Accepted{"LoneCarriageReturns", "id,sex,age\rs1,1,30.5\rs2,0,NA\r"},
                    Accepted{"TrailingSeparators", "id,sex,age,,\ns1,1,30.5,,\ns2,0,NA\n,,,,\n"},
                    Accepted{"TrailingSeparatorsOfRows", "id,sex,age\ns1,1,30.5,,\n,,\ns2,0,NA,\n"},
                    Accepted{"RowNumbers", ",id,sex,age\n0,s1,1,30.5\n17,s2,0,NA\n18,,,\n"},
                    Accepted{"QuotedRowNumbers",
                             "\"\",\"id\",\"sex\",\"age\"\n\"1\",\"s1\",1,30.5\n\"2\",\"s2\",0,NA\n"},
                    Accepted{"ExcelErrors", "id,sex,age\ns1,1,30.5\ns2,0,#N/A\n"},
                    Accepted{"Minus", "id,sex,age\ns1,1,30.5\ns2,0,-\n"},
                    Accepted{"SniffedCommas", "id,sex,age\ns1,1,30.5\ns2,0,NA\n", "table.txt"}),
    [](const auto& info) { return info.param.name; });

TEST(Table, FaultRow41QuotedLineBreaksAndSeparators) {
  const Table table = table_of("id,note\ns1,\"two\nlines, and a \"\"quote\"\"\"\ns2,x\n");
  ASSERT_EQ(table.rows(), 2u);
  EXPECT_EQ(table.text(0, 1), "two\nlines, and a \"quote\"");
  EXPECT_EQ(table.line(0), 2u);
  EXPECT_EQ(table.line(1), 4u);
}

struct Refused {
  const char* name;
  std::string content;
  std::vector<std::string> parts;
};

class TableFaultRow41Refused : public testing::TestWithParam<Refused> {};

// Reads everything that a command would: the file, the identifiers, a numeric column.
TEST_P(TableFaultRow41Refused, NamesLineAndColumn) {
  const auto use = [&] {
    const Table table = table_of(GetParam().content);
    table.index_by(table.column("id"));
    const std::size_t age = table.column("age");
    for (std::size_t row = 0; row < table.rows(); ++row) table.number(row, age);
  };
  for (const std::string& part : GetParam().parts) expect_error<DataError>(use, {"table.csv", part});
}

INSTANTIATE_TEST_SUITE_P(
    Faults, TableFaultRow41Refused,
    testing::Values(
        Refused{"Empty", "", {"expected a header row"}}, Refused{"NoRows", "id,age\n", {"no data"}},
        Refused{"MissingColumn", "id,agee\ns1,3\n", {"no column 'age'", "did you mean 'agee'"}},
        Refused{"TwoColumnsOfOneName", "id,age,age\ns1,3,4\n", {"line 1 column 3", "occurs twice"}},
        Refused{"ColumnWithoutName", "id,age,\ns1,3,4\n", {"line 1 column 3", "without a name"}},
        Refused{"DuplicateIdentifier",
                "id,age\ns1,3\ns2,4\ns1,5\n",
                {"line 4 column 1", "'s1' occurs twice, first on line 2"}},
        Refused{"MissingIdentifier", "id,age\ns1,3\n,4\n", {"line 3 column 1", "identifier is missing"}},
        Refused{"NamelessColumnWithIds",
                ",sex,age\ns1,1,3\n",
                {"line 1 column 1: a column without a name", "line 2 has 's1'", "no number of a row"}},
        Refused{"NamelessColumnOfOneNumber", ",id,age\n1,s1,3\n1,s2,4\n", {"line 1 column 1", "line 3 has '1'"}},
        Refused{"NamelessColumnInTheMiddle", "id,,age\ns1,,3\ns2,5,4\n", {"line 1 column 2", "line 3 has '5'"}},
        Refused{"NothingBehindTheNumbers", ",id,age\n1,,\n", {"no data"}},
        Refused{"TooFewFields", "id,age\ns1,3\ns2\n", {"line 3", "1 fields, the header has 2"}},
        Refused{"DecimalComma", "id,age\ns1,1,5\n", {"line 2", "3 fields, the header has 2"}},
        Refused{
            "QuotedDecimalComma", "id,age\ns1,\"1,5\"\n", {"line 2 column 2 ('age')", "'1,5' is not a finite number"}},
        Refused{"Text", "id,age\ns1,old\n", {"line 2 column 2", "'old' is not a finite number"}},
        Refused{"TextBehindANumber", "id,age\ns1,30 y\n", {"'30 y' is not a finite number"}},
        Refused{"TooLarge", "id,age\ns1,1e999\n", {"'1e999' is not a finite number"}},
        Refused{"Hexadecimal", "id,age\ns1,0x1F\n", {"'0x1F' is not a finite number"}},
        Refused{"Infinite", "id,age\ns1,inf\n", {"'inf' is not a finite number"}},
        Refused{"LineAfterQuotedBreak", "id,age\n\"s\n1\",3\ns2,x\n", {"line 4 column 2"}},
        Refused{"UnclosedQuote", "id,age\ns1,\"3\n", {"line 2 column 2", "not closed"}},
        Refused{"TextBehindAQuote", "id,age\ns1,\"3\"x\n", {"line 2 column 2", "behind a closing quote"}},
        Refused{"QuoteInTheMiddle", "id,age\ns1,3\"\n", {"line 2 column 2", "a quote inside"}},
        Refused{"ZeroByte", std::string("id,age\ns1,3\0\n", 13), {"line 2 column 2", "zero byte"}},
        Refused{
            "EndlessLine", "id,age\ns1," + std::string(2'000'000, '1') + "\n", {"line 2", "more than 1048576 bytes"}}),
    [](const auto& info) { return info.param.name; });

// The column of these fields between semicolons; "" where it did not become numbers.
std::string with_semicolons(const std::string& first, const std::string& second) {
  const Table table = table_of("id;age\ns1;" + first + "\ns2;" + second + "\n");
  return table.is_numeric(1) ? fmt::format("{} {}", *table.number(0, 1), *table.number(1, 1)) : "";
}

TEST(Table, DecimalCommasAreReadWhereTheyCannotMeanAnythingElse) {
  EXPECT_EQ(with_semicolons("60,5", "-0,25"), "60.5 -0.25");
  EXPECT_EQ(with_semicolons("60", "7,5"), "60 7.5");
  EXPECT_EQ(with_semicolons("0,123", "1,500"), "0.123 1.5");
  EXPECT_EQ(with_semicolons("1,5E+2", "2"), "150 2");
  EXPECT_EQ(with_semicolons("1,234", "2,500"), "");  // thousands?
  EXPECT_EQ(with_semicolons("60,5", "61.5"), "");    // mixed
  EXPECT_EQ(with_semicolons("1,234,567", "2,5"), "");
  const Table table = table_of("id;age\ns1;4\ns2;4,5\ns3;5,5\n");
  ASSERT_EQ(table.notes().size(), 1u);
  EXPECT_NE(table.notes()[0].find("line 3 column 2 ('age'): '4,5'"), std::string::npos) << table.notes()[0];
}

TEST(Table, TheSeparatorIsTheOneThatAllRowsAgreeOn) {
  EXPECT_EQ(table_of("id;names\ns1;a, b\ns2;c\n").text(0, 1), "a, b");
  EXPECT_EQ(table_of("id,names\ns1,a; b\ns2,c; d\n").text(1, 1), "c; d");
  EXPECT_EQ(table_of("id,a;b\ns1,1\ns2,2\n").names(), (std::vector<std::string>{"id", "a;b"}));
  EXPECT_EQ(table_of("id;\"a, b, c\";d\ns1;1;2\n").names(), (std::vector<std::string>{"id", "a, b, c", "d"}));
  EXPECT_EQ(table_of("displacement\n0.1\n", "t.tsv").number(0, 0), 0.1);
}

TEST(Table, OtherEncodingsBecomeUtf8) {
  const Table latin = table_of("id,site\ns1,K\xF6ln\ns2,5 \x80\n");
  EXPECT_EQ(latin.text(0, 1), "K\xC3\xB6ln");
  EXPECT_EQ(latin.text(1, 1), "5 \xE2\x82\xAC");
  ASSERT_EQ(latin.notes().size(), 1u);
  EXPECT_NE(latin.notes()[0].find("line 2): read as Windows-1252"), std::string::npos) << latin.notes()[0];
  EXPECT_TRUE(table_of("id,site\ns1,K\xC3\xB6ln\n").notes().empty());

  const std::string wide = "id\tsite\ns1\tK\xF6ln\n";
  std::string little = "\xFF\xFE", big = "\xFE\xFF";
  for (const char c : wide) {
    little += {c, '\0'};
    big += {'\0', c};
  }
  for (const std::string& content : {little, big}) EXPECT_EQ(table_of(content).text(0, 1), "K\xC3\xB6ln");
  const std::string pair("\xFF\xFEi\0d\0\n\0\x3D\xD8\x00\xDE\n\0", 14);  // U+1F600
  EXPECT_EQ(table_of(pair).text(0, 0), "\xF0\x9F\x98\x80");

  expect_error<DataError>([] { table_of("id,site\ns1,K\xC3\xB6ln\ns2,K\xF6ln\n"); }, {"line 3", "two encodings"});
  expect_error<DataError>([] { table_of("id,site\ns1,\x81\n"); }, {"line 2", "0x81", "UTF-8"});
  expect_error<DataError>([&] { table_of(little + "x"); }, {"UTF-16", "odd"});
  expect_error<DataError>([] { table_of(std::string("\xFF\xFEi\0\x00\xDC", 6)); }, {"half a character"});
  expect_error<DataError>([] { table_of(std::string("i\0d\0\n\0s\0\n\0", 10)); }, {"zero byte", "UTF-8"});
}

TEST(Table, WhatIsNoTextIsNamed) {
  const std::string zip("PK\3\4\x14\0\x06\0", 8);
  expect_error<DataError>([&] { table_of(zip, "t.xlsx"); }, {"t.xlsx' is an Excel workbook", "CSV"});
  expect_error<DataError>([&] { table_of(zip, "t.ods"); }, {"LibreOffice"});
  expect_error<DataError>([&] { table_of(zip + "[Content_Types].xml"); }, {"is an Excel workbook"});
  expect_error<DataError>([&] { table_of(zip); }, {"is a zip archive", "unpack it"});
  expect_error<DataError>([] { table_of("%PDF-1.4"); }, {"is a PDF file, expected a table"});
  expect_error<DataError>([] { table_of("\x28\xB5\x2F\xFD"); }, {"zstd"});
  expect_error<DataError>([] { table_of("$FL2@(#) SPSS DATA FILE", "t.sav"); }, {"SPSS", "CSV"});
  expect_error<DataError>([] { table_of("\x1F\x8B\x08", "t.rds"); }, {"R data file", "write.csv"});
  expect_error<DataError>([] { table_of("\x1F\x8B\x08", "t.csv.gz"); }, {"gunzip"});
  expect_error<DataError>([] { table_of("PAR1\x15", "t.parquet"); }, {"Parquet", "to_csv"});
  expect_error<DataError>([] { table_of("/annex/objects/MD5E-s12--ab.csv\n"); }, {"git-annex", "git annex get"});
}

TEST(Table, MissingFileIsAnError) {
  expect_error<DataError>([] { Table::read("/nonexistent/table.csv"); }, {"/nonexistent/table.csv"});
}

TEST(ParseNumber, IsExactAndWhole) {
  EXPECT_EQ(parse_number("-1.5e-3"), -1.5e-3);
  EXPECT_EQ(parse_number("0.1"), 0.1);
  for (const char* text : {"", "+", "-", "+-1", "1.2.3", " 1", "1 ", "1,000", "nan", "infinity"}) {
    EXPECT_EQ(parse_number(text), std::nullopt) << text;
  }
}

TEST(Table, KeepsTheChosenColumnsInTheChosenOrder) {
  const test::TemporaryDirectory directory;
  test::write_file(directory / "t.csv", "a,b,c,d\n1,2,3,4\n5,6,7,x\n");
  const Table table = Table::read(directory / "t.csv", [](const auto&) { return std::vector<std::size_t>{3, 1}; });
  EXPECT_EQ(table.names(), (std::vector<std::string>{"d", "b"}));
  EXPECT_EQ(table.text(1, 1), "6");
  // Messages count the columns of the file, and rows are still checked as a whole.
  test::expect_error<DataError>([&] { table.number(1, 0); }, {"line 3 column 4", "'d'"});
  test::write_file(directory / "t.csv", "a,b,c,d\n1,2,3\n");
  test::expect_error<DataError>(
      [&] { Table::read(directory / "t.csv", [](const auto&) { return std::vector<std::size_t>{0}; }); },
      {"line 2", "3 fields, the header has 4"});
}

}  // namespace
}  // namespace brainmt::io
