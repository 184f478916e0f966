#include "baselines/fc_people.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>

#include "connectivity/fc_file.hpp"
#include "support/expect_error.hpp"
#include "support/temporary_directory.hpp"
#include "train/tiny_cohort.hpp"

namespace brainmt::baselines {
namespace {

constexpr std::size_t kParcels = 4, kEdges = 6;

class FcPeople : public testing::Test {
 protected:
  FcPeople() {
    test::write_tiny_cohort(MPI_COMM_SELF, directory_ / "c.h5", 20);
    cohort_.emplace(directory_ / "c.h5");
    data_.emplace(task::prepare_training_data(
        *cohort_, {.targets = {{.name = "sex", .task = task::Task::kClassification}}}, {}, 4));
    for (int s = 19; s >= 0; --s) ids_.push_back(fmt::format("sub-{:03}", s));
  }

  // The edges of sub-007 are 700, 701, ...
  std::filesystem::path write(const std::string& fitted_on = "none", const std::string& split = "none",
                              const std::string& without_edges = "") {
    connectivity::FcDescription description;
    description.values = "fisher";
    for (std::size_t k = 0; k < kParcels; ++k) {
      description.parcels.index.push_back(static_cast<std::int32_t>(10 * (k + 1)));
      description.parcels.name.push_back(k == 3 ? "" : fmt::format("area-{}", k));
      description.parcels.network.emplace_back();
      description.parcels.hemisphere.emplace_back();
      description.parcels.centroid.push_back({0, 0, 0});
    }
    const bool fitted = fitted_on != "none";
    description.metadata = {{"kind", "tangent"},
                            {"fitted", fitted ? "reference" : "none"},
                            {"fitted_on", fitted_on},
                            {"split_sha256", split}};
    if (whole_scans_) description.metadata["frames"] = "all";
    if (fitted)
      description.fitted.push_back({"reference", {kParcels, kParcels}, std::vector<double>(kParcels * kParcels)});
    for (const std::string& id : ids_) description.participants.push_back(row_of(id));
    const auto path = directory_ / "fc.h5";
    connectivity::FcWriter writer(MPI_COMM_SELF, path, description);
    for (std::size_t row = 0; row < ids_.size(); ++row) {
      std::vector<float> edges(kEdges);
      for (std::size_t e = 0; e < kEdges; ++e)
        edges[e] = ids_[row] == without_edges ? std::numeric_limits<float>::quiet_NaN() : value(ids_[row], e);
      writer.write(row, edges);
    }
    writer.commit(nullptr);
    return path;
  }
  // What a cohort of write_tiny_cohort() has of each: one scan of 6 or 7 frames.
  connectivity::FcRow row_of(const std::string& id) const {
    connectivity::FcRow row{.id = id, .frames = 6};
    if (id.starts_with("sub-")) row.frames += std::stoul(id.substr(4)) % 2;
    if (change_ && id == ids_[4]) change_(row);
    return row;
  }
  static float value(const std::string& id, std::size_t edge) {
    const std::string digits = id.starts_with("sub-") ? id.substr(4) : "0";
    return 100 * std::stof(digits) + static_cast<float>(edge);
  }
  Connectivity read(const std::filesystem::path& path, const std::string& part = "test") {
    warnings_.clear();
    return read_connectivity(path, *data_, part, {"abc", "def"}, warnings_);
  }

  test::TemporaryDirectory directory_;
  std::optional<io::Cohort> cohort_;
  std::optional<task::TrainingData> data_;
  std::vector<std::string> ids_, warnings_;
  bool whole_scans_ = false;
  std::function<void(connectivity::FcRow&)> change_{};  // of one participant
};

TEST_F(FcPeople, EveryRowIsThatOfItsParticipant) {
  const Connectivity found = read(write());
  EXPECT_TRUE(warnings_.empty());
  ASSERT_EQ(found.edges, kEdges);
  ASSERT_EQ(found.row_of.size(), 20u);
  for (const auto& [id, row] : found.row_of)
    for (std::size_t e = 0; e < kEdges; ++e) EXPECT_EQ(found.values[row * kEdges + e], value(id, e)) << id;
  EXPECT_EQ(found.edge_names.at(0), "10\t20\tarea-0\tarea-1");
  EXPECT_EQ(found.edge_names.at(5), "30\t40\tarea-2\tn/a");
  const std::string& first = data_->data.subjects()[data_->part(task::Part::kTrain).front()].id;
  EXPECT_EQ(found.row_of.at(first), 0u);  // training people first
}

TEST_F(FcPeople, TestPeopleAreReadOnlyWhenTheyArePredicted) {
  const std::size_t test = data_->part(task::Part::kTest).size();
  EXPECT_EQ(read(write(), "val").row_of.size(), 20u - test);
}

TEST_F(FcPeople, PeopleOfOneSideOnlyAreCounted) {
  ids_[3] = "stranger";
  const Connectivity found = read(write("none", "none", ids_[5]));
  ASSERT_EQ(warnings_.size(), 3u);
  EXPECT_NE(warnings_[0].find("1 people of the split are not in it"), std::string::npos) << warnings_[0];
  EXPECT_NE(warnings_[0].find("sub-016"), std::string::npos) << warnings_[0];
  EXPECT_NE(warnings_[1].find("no edge"), std::string::npos) << warnings_[1];
  EXPECT_NE(warnings_[2].find("stranger"), std::string::npos) << warnings_[2];
  EXPECT_EQ(found.row_of.size(), 18u);
  EXPECT_EQ(found.values.size(), 18 * kEdges);
}

TEST_F(FcPeople, NobodyInCommonIsRefused) {
  for (std::string& id : ids_) id = "x" + id;
  test::expect_error<DataError>([&] { read(write()); }, {"none of the 20 people", "xsub-000"});
}

TEST_F(FcPeople, FewerThanHalfOfThePeopleAreRefused) {
  for (std::size_t s = 0; s < 10; ++s) ids_[s] = "x" + ids_[s];
  EXPECT_EQ(read(write()).row_of.size(), 10u);
  ids_[10] = "x" + ids_[10];
  test::expect_error<DataError>([&] { read(write()); }, {"9 of the 20 people", "half"});
}

TEST_F(FcPeople, OtherScansOfTheSamePeopleAreRefused) {
  whole_scans_ = true;
  EXPECT_EQ(read(write()).row_of.size(), 20u);
  change_ = [](connectivity::FcRow& row) { row.frames += 50; };
  test::expect_error<DataError>([&] { read(write()); }, {"1 of 20 people", "'sub-015' (57 frames in it, 7 in"});
  change_ = [](connectivity::FcRow& row) { row.runs = 2; };
  test::expect_error<DataError>([&] { read(write()); }, {"'sub-015' (2 scans in it, 1 in"});
  change_ = [](connectivity::FcRow& row) { row.frames = 0; };  // imported: not known
  EXPECT_EQ(read(write()).row_of.size(), 20u);
  change_ = [](connectivity::FcRow& row) { row.frames = 3; };
  whole_scans_ = false;  // windows
  EXPECT_EQ(read(write()).row_of.size(), 20u);
}

TEST_F(FcPeople, ConnectivityFittedOnAnotherSplitIsRefused) {
  EXPECT_EQ(read(write("train", "def")).row_of.size(), 20u);
  test::expect_error<DataError>([&] { read(write("train", "123456789abcdef")); },
                                {"another split", "123456789abc", "brainmt fc"});
}

TEST_F(FcPeople, OtherFilesAreRefused) {
  test::expect_error<DataError>([&] { check_is_connectivity(directory_ / "c.h5"); }, {"c.h5"});
}

}  // namespace
}  // namespace brainmt::baselines
