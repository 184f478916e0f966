// What people read: statistics by hand, the table of quality, BIDS matrices.
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <iterator>

#include "connectivity/bids.hpp"
#include "connectivity/statistics.hpp"
#include "parcel_cohort.hpp"
#include "support/expect_error.hpp"
#include "support/temporary_directory.hpp"

namespace brainmt::connectivity {
namespace {

namespace fs = std::filesystem;

constexpr float kNone = std::numeric_limits<float>::quiet_NaN();

std::string text_of(const fs::path& path) {
  std::ifstream in(path);
  return {std::istreambuf_iterator<char>(in), {}};
}

// Three parcels of two networks (Vis, Default, Vis), four people.
class FcTables : public ::testing::Test {
 protected:
  FcTables() {
    FcDescription d{.metadata = {{"kind", "pearson"},
                                 {"definition", "Fisher z, atanh of r"},
                                 {"rows", "participant"},
                                 {"atlas", "Made-Up 9"},
                                 {"space", "MNI152NLin6Asym"}},
                    .values = "fisher",
                    .parcels = test::parcel_table(3)};
    const std::vector<double> fd{0.1, 0.2, 0.3, kNone};
    for (std::size_t i = 0; i < 4; ++i)
      d.participants.push_back({.id = "sub-0" + std::to_string(i), .frames = 100 + i, .mean_fd = fd[i]});
    FcWriter writer(MPI_COMM_SELF, path, d);
    for (std::size_t i = 0; i < 4; ++i) writer.write(i, rows[i]);
    writer.commit({});
  }

  const test::TemporaryDirectory directory;
  const fs::path path = directory / "fc.h5";
  const std::vector<std::vector<float>> rows{
      {0.1f, 0.5f, 0.3f}, {0.2f, 0.4f, kNone}, {0.6f, 0.3f, 0.3f}, {kNone, kNone, kNone}};
};

TEST_F(FcTables, StatisticsAreThoseWorkedOutByHand) {
  const FcStatistics s = statistics_of(FcFile(path));
  EXPECT_EQ(s.known, (std::vector<std::size_t>{3, 3, 2}));
  EXPECT_NEAR(s.mean[0], 0.3, 1e-7);
  EXPECT_NEAR(s.sd[0], std::sqrt((0.04 + 0.01 + 0.09) / 2), 1e-7);
  EXPECT_NEAR(s.sd[2], 0, 1e-7);
  EXPECT_EQ(s.networks, (std::vector<std::string>{"Vis", "Default"}));
  EXPECT_NEAR(s.mean_fc[0], 0.3, 1e-7);
  EXPECT_NEAR(s.mean_fc[1], 0.3, 1e-7);
  EXPECT_TRUE(std::isnan(s.mean_fc[3]));
  EXPECT_EQ(s.motion_known, 3u);
  EXPECT_NEAR(s.motion, std::sqrt(0.75), 1e-5);  // of 0.3, 0.3, 0.4 with 0.1, 0.2, 0.3
  EXPECT_NEAR(s.block_motion(0, 0), -1, 1e-6);   // edge (0, 2): 0.5, 0.4, 0.3
  EXPECT_NEAR(s.block_motion(0, 1), s.block_motion(1, 0), 0);
  EXPECT_TRUE(std::isnan(s.block_motion(1, 1)));  // one parcel has no edges within
}

TEST_F(FcTables, QualityHasARowAParticipant) {
  const FcFile file(path);
  EXPECT_EQ(quality_table(file, statistics_of(file)),
            std::string(kQualityHeader) +
                "sub-00\tn/a\t100\t0.1\t0.3\t0\nsub-01\tn/a\t101\t0.2\t0.3\t1\nsub-02\tn/a\t102\t0.3\t0.4\t0\n"
                "sub-03\tn/a\t103\tn/a\tn/a\t3\n");
}

TEST_F(FcTables, BidsMatricesHoldCorrelations) {
  EXPECT_EQ(write_bids(FcFile(path), directory.path(), "brainmt", "1").matrices, 4u);
  const std::string name = "sub-01_task-rest_space-MNI152NLin6Asym_atlas-MadeUp9_stat-pearsoncorrelation_relmat";
  EXPECT_EQ(text_of(directory / ("sub-01/func/" + name + ".tsv")),
            fmt::format("Node\tP0\tP1\tP2\nP0\t1\t{0:.8g}\t{1:.8g}\nP1\t{0:.8g}\t1\tn/a\nP2\t{1:.8g}\tn/a\t1\n",
                        std::tanh(0.2f * 1.0), std::tanh(0.4f * 1.0)));
  const auto json = nlohmann::json::parse(text_of(directory / ("sub-01/func/" + name + ".json")));
  EXPECT_EQ(json["ValidDiagonal"], false);
  EXPECT_EQ(json["FramesUsed"], 101);
  EXPECT_EQ(nlohmann::json::parse(text_of(directory / "dataset_description.json"))["DatasetType"], "derivative");
  EXPECT_EQ(text_of(directory / "atlas-MadeUp9_dseg.tsv").substr(0, 34), "index\tname\tnetwork\themisphere\tx\ty\t");
}

TEST_F(FcTables, BidsNamesOfTwoPeopleMustDiffer) {
  FcDescription d{.metadata = {{"rows", "participant"}}, .values = "fisher", .parcels = test::parcel_table(2)};
  d.participants = {{.id = "a-1"}, {.id = "a1"}};
  FcWriter writer(MPI_COMM_SELF, directory / "two.h5", d);
  for (std::size_t i = 0; i < 2; ++i) writer.write(i, std::array{0.5f});
  writer.commit({});
  test::expect_error<DataError>([&] { write_bids(FcFile(directory / "two.h5"), directory.path(), "b", "1"); },
                                {"a1", "BIDS name"});
}

}  // namespace
}  // namespace brainmt::connectivity
