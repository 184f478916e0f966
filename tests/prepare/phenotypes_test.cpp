// Tables of UK Biobank, HCP and BIDS: the column of identifiers, the identifiers themselves, which columns are kept,
// and ages in bands.
#include "prepare/phenotypes.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "base/error.hpp"
#include "prepare/age_band.hpp"
#include "prepare/session_tables.hpp"
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
    return Phenotypes(directory_ / "t.csv", {.id_column = id_column, .columns = columns});
  }
  // The same, matched with these scans.
  Phenotypes matched(const std::string& content, const std::vector<ScanEntry>& with) {
    Phenotypes result = table(content);
    result.match(with);
    return result;
  }
  static ScanEntry scan(std::string id, std::string session = "") {
    ScanEntry scan;
    scan.participant_id = std::move(id);
    scan.session = std::move(session);
    return scan;
  }
  static bool has(const std::vector<std::string>& lines, const std::string& part) {
    return std::ranges::any_of(lines, [&](const auto& line) { return line.find(part) != std::string::npos; });
  }
  static std::vector<double> numbers(const io::PhenotypeColumn& column) {
    return std::get<std::vector<double>>(column.values);
  }
  static std::vector<std::string> names(const std::vector<io::PhenotypeColumn>& columns) {
    std::vector<std::string> out;
    for (const auto& column : columns) out.push_back(column.name);
    return out;
  }
  static std::vector<ScanEntry> scans(std::initializer_list<const char*> ids) {
    std::vector<ScanEntry> out;
    for (const char* id : ids) out.push_back(scan(id));
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
  EXPECT_TRUE(bare.contains(scan("01")));
  EXPECT_TRUE(bare.contains(scan("sub-01")));
  EXPECT_TRUE(bare.contains(scan("1000001_20227_2_0")));
  EXPECT_FALSE(bare.contains(scan("1")));
  EXPECT_FALSE(bare.contains(scan("sub-1000002")));
  const Phenotypes bids = table("participant_id,age\nsub-01,50\n");
  EXPECT_TRUE(bids.contains(scan("01")));
  EXPECT_TRUE(bids.contains(scan("sub-01")));
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

TEST_F(PhenotypesTest, LooseIdentifiersMatchWhereUniqueOnly) {
  const auto loose = [&](const std::string& in_table, const std::string& of_scan, const std::string& rule) {
    const std::vector<ScanEntry> with = scans({of_scan.c_str()});
    const Phenotypes found = matched("eid,age\nother9x,1\n" + in_table + ",50\n", with);
    EXPECT_TRUE(found.contains(with[0])) << in_table;
    EXPECT_TRUE(has(found.warnings(), rule)) << in_table;
    EXPECT_EQ(numbers(found.columns(with)[0]), std::vector<double>{50});
  };
  loose("1000015.0", "1000015", "1 participants are found written as a float");
  loose("ndarinvABCD1234", "sub-NDARINVabcd1234", "in another case");
  loose("NDAR_INVABCD1234", "sub-NDARINVABCD1234", "with other - and _");
  loose("99001", "sub-0099001", "without leading zeros only (0099001 is '99001')");

  const std::vector<ScanEntry> one = scans({"sub-NDARINVABC"}), two = scans({"sub-ABC", "sub-abc"});
  const Phenotypes two_rows = matched("eid,age\nNDAR_INVABC,50\nndar-invabc,51\n", one);
  EXPECT_FALSE(two_rows.contains(one[0]));
  EXPECT_NE(two_rows.why_missing(one[0]).find("the nearest is"), std::string::npos) << two_rows.why_missing(one[0]);
  const Phenotypes two_people = matched("eid,age\nAbC,50\n", two);
  EXPECT_FALSE(two_people.contains(two[0]) || two_people.contains(two[1]));
  const std::vector<ScanEntry> padded = scans({"0012", "0007"});
  EXPECT_FALSE(matched("eid,age\n12,50\n0007,51\n", padded).contains(padded[0])) << "zeros are told apart here";
}

TEST_F(PhenotypesTest, AScanTakesTheRowOfItsSession) {
  const std::vector<ScanEntry> with{scan("sub-01", "ses-2"), scan("sub-01", "1"), scan("sub-02", "1"),
                                    scan("sub-01", "3")};
  const Phenotypes found =
      matched("participant_id\tsession_id\tage\nsub-01\tses-1\t50\nsub-01\tses-2\t52\nsub-02\tn/a\t60\n", with);
  EXPECT_FALSE(found.contains(with[3]));
  EXPECT_NE(found.why_missing(with[3]).find("of sessions 1, 2; the scan is of 3"), std::string::npos)
      << found.why_missing(with[3]);
  const auto columns = found.columns({with[0], with[1], with[2]});
  EXPECT_EQ(numbers(columns.at(1)), (std::vector<double>{52, 50, 60}));
  expect_error<DataError>([&] { table("participant_id,session_id,age\n1,a,5\n1,A,6\n"); },
                          {"line 3", "first at", "line 2"});
}

// Of sub-01 two sessions are listed, of sub-02 one; nothing is known of sub-03's.
class SessionTables : public PhenotypesTest {
 protected:
  SessionTables() {
    write("sub-01", "session_id\tage\tscore\nses-1\t50\t7\nses-2\t52\tn/a\n");
    write("sub-02", "session_id\tscore\nses-1\t9\n");
    for (const char* id : {"sub-01", "sub-02", "sub-03"})
      for (const char* session : {"1", "2"}) scans_.push_back(scan(id, session));
  }
  void write(const std::string& id, const std::string& content) {
    std::filesystem::create_directories(directory_ / id);
    test::write_file(directory_ / id / (id + "_sessions.tsv"), content);
  }
  Phenotypes joined(const std::string& participants, bool sessions_first, std::vector<std::string> columns = {}) {
    if (!participants.empty()) test::write_file(directory_ / "t.tsv", participants);
    ListSettings settings{.input = directory_.path(), .layout = Layout::kBids};
    Phenotypes result(participants.empty() ? std::filesystem::path() : directory_ / "t.tsv",
                      {.columns = std::move(columns),
                       .session_tables = find_session_tables(settings),
                       .sessions_first = sessions_first});
    result.match(scans_);
    return result;
  }
  // A column of all scans; NaN as -1.
  std::vector<double> values(const Phenotypes& table, const std::string& name) const {
    for (const io::PhenotypeColumn& column : table.columns(scans_)) {
      if (column.name != name) continue;
      auto found = numbers(column);
      std::ranges::replace_if(
          found, [](double x) { return std::isnan(x); }, -1.0);
      return found;
    }
    return {};
  }
  std::vector<ScanEntry> scans_;
};
const std::string kParticipants = "participant_id\tage\tsex\nsub-01\t40\t1\nsub-02\t60\t0\nsub-03\t70\t1\n";
using Numbers = std::vector<double>;

TEST_F(SessionTables, GiveTheRowsOfSessions) {
  const Phenotypes table = joined(kParticipants, true);
  EXPECT_EQ(values(table, "age"), (Numbers{50, 52, 60, 60, 70, 70}));
  EXPECT_EQ(values(table, "score"), (Numbers{7, -1, 9, -1, -1, -1}));
  EXPECT_EQ(values(table, "sex"), (Numbers{1, 1, 0, 0, 1, 1}));
  EXPECT_EQ(table.without_scan().participants, 3u);
  EXPECT_EQ(table.without_scan().count, 0u);
}

TEST_F(SessionTables, AddWhatAGivenTableLacks) {
  const Phenotypes table = joined(kParticipants, false, {"score", "age"});
  EXPECT_EQ(values(table, "age"), (Numbers{40, 40, 60, 60, 70, 70}));
  EXPECT_EQ(values(table, "score"), (Numbers{7, -1, 9, -1, -1, -1}));
  EXPECT_EQ(values(table, "sex"), Numbers{});
  expect_error<DataError>([&] { joined(kParticipants, false, {"height"}); }, {"t.tsv'", "no column 'height'"});
  // Rows of sessions in the table itself.
  const std::string by_session =
      "participant_id\tsession_id\tage\nsub-01\t2\t41\nsub-01\t1\t40\nsub-02\t1\t60\nsub-02\t2\t61\nsub-03\tn/a\t70\n";
  const Phenotypes both = joined(by_session, false);
  EXPECT_EQ(values(both, "age"), (Numbers{40, 41, 60, 61, 70, 70}));
  EXPECT_EQ(values(both, "score"), (Numbers{7, -1, 9, -1, -1, -1}));
}

TEST_F(SessionTables, AreEnoughByThemselves) {
  scans_ = {scan("sub-01", "2"), scan("sub-02", "1")};
  const Phenotypes table = joined("", true);
  EXPECT_EQ(values(table, "age"), (Numbers{52, -1}));
  EXPECT_EQ(values(table, "score"), (Numbers{-1, 9}));
  EXPECT_FALSE(table.contains(scan("sub-02", "2")));
  EXPECT_FALSE(table.contains(scan("sub-03", "1")));
}

TEST_F(SessionTables, AreBlamedForWhatStandsInThem) {
  write("sub-01", "session_id\tage\n1\t50\n2\tfifty\n");
  write("sub-02", "age\n50\n");
  const Phenotypes table = joined(kParticipants, true);
  EXPECT_TRUE(has(table.warnings(), "sub-01_sessions.tsv' line 3 ('age'): 'fifty'")) << table.warnings().back();
  EXPECT_TRUE(has(table.warnings(), "a table of sessions is not used: '"));
  EXPECT_TRUE(has(table.warnings(), "sub-02_sessions.tsv' has no column session_id"));
  write("sub-01", "session_id\tage\n1\t50\nses-01\t51\n");
  expect_error<DataError>(
      [&] { joined(kParticipants, true); },
      {"sub-01_sessions.tsv' line 3", "has session 'ses-01' twice", "first at", "sub-01_sessions.tsv' line 2"});
}

TEST_F(SessionTables, StandInTheDatasetAboveItsDerivatives) {
  const auto input = directory_ / "derivatives/fmriprep";
  std::filesystem::create_directories(input / "sub-01");
  std::filesystem::create_directories(input / "sub-09");
  ListSettings settings{.input = input, .layout = Layout::kBids};
  ASSERT_EQ(find_session_tables(settings).size(), 1u);
  EXPECT_EQ(find_session_tables(settings)[0].filename(), "sub-01_sessions.tsv");
  settings.layout = Layout::kFlat;
  EXPECT_TRUE(find_session_tables(settings).empty());
}

TEST_F(PhenotypesTest, VisitsInIdentifiersAreSessions) {
  const std::vector<ScanEntry> with{scan("HCA0000001", "V1"), scan("HCA0000001", "V2"), scan("HCA0000002", "V1")};
  const Phenotypes found =
      matched("Subject,age\nHCA0000001_V1_MR,50\nHCA0000001_V2_MR,52\nHCA0000002_V1_MR,60\n", with);
  for (const ScanEntry& scan : with) EXPECT_TRUE(found.contains(scan)) << scan.participant_id;
  EXPECT_EQ(numbers(found.columns(with)[0]), (std::vector<double>{50, 52, 60}));
  EXPECT_FALSE(found.contains(scan("HCA0000002", "V2")));
}

TEST_F(PhenotypesTest, LaterImagingInstancesTakeTheirColumns) {
  const std::vector<ScanEntry> with{scan("1000001", "2"), scan("1000001", "3"), scan("1000002", "3")};
  const Phenotypes found =
      matched("eid,31-0.0,21003-2.0,21003-3.0,25000-2.0\n1000001,1,50,53,7\n1000002,0,60,,8\n", with);
  const auto columns = found.columns(with);
  EXPECT_EQ(numbers(columns.at(0)), (std::vector<double>{1, 1, 0}));
  EXPECT_EQ(numbers(columns.at(1))[1], 53);
  EXPECT_TRUE(std::isnan(numbers(columns.at(1))[2]));
  EXPECT_EQ(numbers(columns.at(3))[0], 7);
  EXPECT_TRUE(std::isnan(numbers(columns.at(3))[1])) << "no column of that instance";
  EXPECT_TRUE(
      has(found.information(), "2 scans of imaging instance 3 take that instance's values in column 21003-2.0"));
  EXPECT_TRUE(has(found.warnings(), "have no value in column 25000-2.0"));
}

TEST_F(PhenotypesTest, ParticipantsWithoutAScanAreCounted) {
  const auto with = scans({"2"});
  const WithoutScan lost = matched("eid,age\n1,50\n2,51\n3,52\n", with).without_scan();
  EXPECT_EQ(lost.count, 2u);
  EXPECT_EQ(lost.participants, 3u);
  EXPECT_EQ(lost.first, "1");
  EXPECT_EQ(matched("eid,age\n2,51\n", with).without_scan().count, 0u);
  // A participant with a scan of one session is not without one.
  const WithoutScan visits = matched("id,session,age\n2,1,50\n2,2,51\n3,1,52\n", {scan("2", "2")}).without_scan();
  EXPECT_EQ(visits.count, 1u);
  EXPECT_EQ(visits.participants, 2u);
}

TEST_F(PhenotypesTest, RowNumbersUnderANameArePassedOverAloud) {
  const Phenotypes found = table("Unnamed: 0,eid,age\n0,1,50\n1,2,51\n");
  EXPECT_EQ(names(found.columns({})), Names{"age"});
  EXPECT_TRUE(has(found.information(), "column Unnamed: 0 holds row numbers: skipped"));
  EXPECT_TRUE(has(table(",eid,age\n0,1,50\n1,2,51\n").information(), "the first column has no name"));
  EXPECT_FALSE(has(table("Unnamed: 0,eid,age\n0,1,50\n", {"age"}).information(), "row numbers"));
}

TEST_F(PhenotypesTest, CodesOfUkBiobankAreMissing) {
  const std::string content = "eid,1160-2.0,1070-2.0,99999-2.0,20127-0.0\n1,7,-10,3,-1\n2,-3,2,-1,4\n3,-818,-1,5,6\n";
  const auto with = scans({"1", "2", "3"});
  const Phenotypes found = matched(content, with);
  const auto columns = found.columns(with);
  EXPECT_EQ(numbers(columns[0])[0], 7);
  EXPECT_TRUE(std::isnan(numbers(columns[0])[1]) && std::isnan(numbers(columns[0])[2]));
  EXPECT_EQ(numbers(columns[1])[0], 0.5);
  EXPECT_TRUE(std::isnan(numbers(columns[1])[2]));
  EXPECT_EQ(numbers(columns[2]), (std::vector<double>{3, -1, 5})) << "a field that is not in the list";
  EXPECT_TRUE(
      has(found.warnings(), "count as missing (ukb_codes=keep keeps them): column '1160-2.0' (-3: 1, -818: 1)"));
  EXPECT_TRUE(has(found.warnings(), "look like UK Biobank's codes"));
  const Phenotypes kept(directory_ / "t.csv", {.keep_ukb_codes = true});
  EXPECT_EQ(numbers(kept.columns(with)[0]), (std::vector<double>{7, -3, -818}));
}

TEST_F(PhenotypesTest, DecodedAnswersThatAreNoAmountsAreMissing) {
  const auto with = scans({"1", "2", "3"});
  const Phenotypes found =
      matched("eid,p1160_i2,p31\n1,7,Male\n2,Prefer not to answer,Female\n3,Do not know,Male\n", with);
  const auto columns = found.columns(with);
  EXPECT_TRUE(std::isnan(numbers(columns[0])[1]) && std::isnan(numbers(columns[0])[2]));
  EXPECT_EQ(std::get<Names>(columns[1].values), (Names{"Male", "Female", "Male"}));
}

TEST_F(PhenotypesTest, OneOddFieldIsNamedWithItsLine) {
  const std::string content = "eid,age,x\n1,50,1\n2,90+,#N/A\n3,60,3\n4,61,.\n";
  const Phenotypes found = table(content);
  EXPECT_TRUE(has(found.warnings(), "line 3 column 2 ('age'): '90+'"));
  EXPECT_TRUE(has(found.warnings(), "#N/A on line 3"));
  expect_error<DataError>([&] { table(content, {"age"}); }, {"line 3", "'90+'", "no number"});
  EXPECT_NO_THROW(table(content, {"x"}));
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
