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
    testing::Values(Refused{"Empty", "", {"expected a header row"}}, Refused{"NoRows", "id,age\n", {"no data"}},
                    Refused{"MissingColumn", "id,agee\ns1,3\n", {"no column 'age'", "did you mean 'agee'"}},
                    Refused{"TwoColumnsOfOneName", "id,age,age\ns1,3,4\n", {"line 1 column 3", "occurs twice"}},
                    Refused{"ColumnWithoutName", "id,age,\ns1,3,4\n", {"line 1 column 3", "without a name"}},
                    Refused{"DuplicateIdentifier",
                            "id,age\ns1,3\ns2,4\ns1,5\n",
                            {"line 4 column 1", "'s1' occurs twice, first on line 2"}},
                    Refused{"MissingIdentifier", "id,age\ns1,3\n,4\n", {"line 3 column 1", "identifier is missing"}},
                    Refused{"TooFewFields", "id,age\ns1,3\ns2\n", {"line 3", "1 fields, the header has 2"}},
                    Refused{"DecimalComma", "id,age\ns1,1,5\n", {"line 2", "3 fields, the header has 2"}},
                    Refused{"QuotedDecimalComma",
                            "id,age\ns1,\"1,5\"\n",
                            {"line 2 column 2 ('age')", "'1,5' is not a finite number"}},
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
                    Refused{"EndlessLine",
                            "id,age\ns1," + std::string(2'000'000, '1') + "\n",
                            {"line 2", "more than 1048576 bytes"}}),
    [](const auto& info) { return info.param.name; });

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
