// Connectivity that exists already: vectors, matrices, tables, orders, and what is refused.
#include "connectivity/import.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <fstream>

#include "base/error.hpp"
#include "support/expect_error.hpp"
#include "support/temporary_directory.hpp"

namespace brainmt::connectivity {
namespace {

namespace fs = std::filesystem;

class Import : public ::testing::Test {
 protected:
  void write(const std::string& name, const std::string& text) const { std::ofstream(directory / name) << text; }
  ImportedFc import(ImportSettings settings = {}) const {
    if (settings.from.empty()) settings.from = directory.path();
    return import_fc(settings);
  }
  void expect_refused(std::initializer_list<std::string> parts, const ImportSettings& settings = {}) const {
    test::expect_error<DataError>([&] { import(settings); }, parts);
  }

  const test::TemporaryDirectory directory;
};

TEST_F(Import, ReadsUkBiobanksVectorsByParticipant) {
  write("1000023_25750_2_0.txt", " 0.5 -1.25  2e-1\t3 4 5\n");
  write("1000015_25750_2_0.txt", "1\n2\n3\n4\n5\n6\n");  // one number a line
  const ImportedFc found = import();
  ASSERT_EQ(found.description.participants.size(), 2u);
  EXPECT_EQ(found.description.participants[0].id, "1000015");
  EXPECT_EQ(found.description.parcels.size(), 4u);
  EXPECT_EQ(found.edges, (std::vector<float>{1, 2, 3, 4, 5, 6, 0.5, -1.25, 0.2f, 3, 4, 5}));
  EXPECT_EQ(found.description.metadata["kind"], "imported");
}

// (a, b) of four parcels as 10 a + b.
TEST_F(Import, OrdersByColumnsOfTheUpperTriangle) {
  write("s1.txt", "1 2 12 3 13 23");
  EXPECT_EQ(import({.order = EdgeOrder::kColumns}).edges, (std::vector<float>{1, 2, 3, 12, 13, 23}));
}

TEST_F(Import, ReadsMatricesAndTables) {
  write("s1.csv", "1,0.1,0.2\n0.1,1,0.3\n0.2,0.3,1\n");
  EXPECT_EQ(import().edges, (std::vector<float>{0.1f, 0.2f, 0.3f}));
  const test::TemporaryDirectory other;
  std::ofstream(other / "all.tsv") << "eid\te1\te2\te3\n7\t0.1\t0.2\t0.3\n5\t0.4\t0.5\t0.6\n";
  const ImportedFc found = import({.from = other / "all.tsv", .values = ImportedValues::kCorrelation});
  EXPECT_EQ(found.description.participants[0].id, "7");
  EXPECT_NEAR(found.edges[5], std::atanh(0.6), 1e-7);
}

TEST_F(Import, ReadsRelmatsWithNamesAndMissingEdges) {
  const std::string suffix = "_task-rest_atlas-X_stat-pearsoncorrelation_relmat.tsv";
  write("sub-1" + suffix, "Node\tA\tB\tC\nA\t1\t0.5\tn/a\nB\t0.5\t1\t0.25\nC\tn/a\t0.25\t1\n");
  const ImportedFc found = import({.values = ImportedValues::kCorrelation});
  EXPECT_EQ(found.description.participants[0].id, "sub-1");
  EXPECT_EQ(found.description.parcels.name, (std::vector<std::string>{"A", "B", "C"}));
  EXPECT_NEAR(found.edges[0], std::atanh(0.5), 1e-7);
  EXPECT_TRUE(std::isnan(found.edges[1]));
  write("sub-2" + suffix, "Node\tA\tB\tD\nA\t1\t0.5\t0\nB\t0.5\t1\t0.25\nD\t0\t0.25\t1\n");
  expect_refused({"sub-2", "other names"});
  write("sub-2" + suffix, "Node\tA\tB\tC\nB\t1\t0.5\t0\nA\t0.5\t1\t0.25\nC\t0\t0.25\t1\n");
  expect_refused({"expected row 'A'", "found 'B'"});
}

TEST_F(Import, ChoosesFilesByTheirSuffix) {
  write("7_25750_2_0.txt", "1 2 3");
  write("7_25752_2_0.txt", "4 5 6");
  expect_refused({"_25750_2_0.txt (1)", "_25752_2_0.txt (1)", "import.suffix="});
  EXPECT_EQ(import({.suffix = "_25752_2_0.txt", .partial = true}).edges, (std::vector<float>{4, 5, 6}));
}

TEST_F(Import, RefusesAmplitudesOfNodesByTheirField) {
  std::string numbers;
  for (int i = 0; i < 21; ++i) numbers += "1.5 ";  // 21 = 7 * 6 / 2, too
  write("7_25754_2_0.txt", numbers);
  expect_refused({"25754", "amplitudes", "25750"});
}

TEST_F(Import, RefusesOtherLengths) {
  write("1.txt", "1 2 3 4");
  expect_refused({"1.txt", "K (K - 1) / 2", "4 numbers"});
  write("1.txt", "1 2 3");
  write("2.txt", "1 2 3 4 5 6");
  expect_refused({"2.txt", "participant 2 has 6 edges", "3 parcels"});
}

TEST_F(Import, RefusesWhatIsNoNumber) {
  for (const char* bad : {"nan", "1e999", "x", "inf"}) {
    write("1.txt", std::string("1 ") + bad + " 3");
    expect_refused({"1.txt", "line 1 number 2", bad});
  }
  write("1.txt", "\n \n");
  expect_refused({"1.txt", "found none"});
}

TEST_F(Import, RefusesMatricesThatAreNotSymmetric) {
  write("1.txt", "1 0.1 0.2\n0.1 1 0.3\n0.2 0.4 1\n");
  expect_refused({"symmetric", "0.4", "0.3"});
  write("1.txt", "1 0.1 0.2\n0.1 1 0.3\n");
  expect_refused({"square"});
}

TEST_F(Import, RefusesCorrelationsBeyondOneAndIdsTwice) {
  write("1.txt", "0.1 -3.2 0.3");
  expect_refused({"-3.2", "import.values=z"}, {.values = ImportedValues::kCorrelation});
  const test::TemporaryDirectory other;
  std::ofstream(other / "all.tsv") << "participant_id\te1\te2\te3\n7\t0.1\t0.2\t0.3\n7\t0.4\t0.5\t0.6\n";
  expect_refused({"7"}, {.from = other / "all.tsv"});
  expect_refused({"does not exist"}, {.from = other / "none"});
}

TEST_F(Import, KnowsWhichLengthsAreTriangles) {
  for (std::size_t parcels = 2; parcels < 3000; ++parcels) {
    const std::size_t edges = parcels * (parcels - 1) / 2;
    ASSERT_EQ(parcels_of_edges(edges), parcels);
    if (parcels > 2) {
      ASSERT_EQ(parcels_of_edges(edges + 1), 0u);
      ASSERT_EQ(parcels_of_edges(edges - 1), 0u);
    }
  }
  EXPECT_EQ(parcels_of_edges(0), 0u);
}

}  // namespace
}  // namespace brainmt::connectivity
