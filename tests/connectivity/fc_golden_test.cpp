// Golden series through a cohort and a file of connectivity: runs of one person, and the tangent space of persons.
#include <gtest/gtest.h>

#include "comm/self_communicator.hpp"
#include "connectivity/fc.hpp"
#include "parcel_cohort.hpp"
#include "support/golden_file.hpp"
#include "support/temporary_directory.hpp"

namespace brainmt::connectivity {
namespace {

constexpr double kFileTolerance = 1e-6;  // float32 in cohort and file, as the golden's page states

class FcGolden : public ::testing::Test {
 protected:
  // Each segment a run of one person, or a person of its own.
  void write(bool one_person) {
    std::vector<test::ParcelScan> scans;
    for (std::size_t i = 0; i < segments; ++i) {
      const std::string number = std::to_string(i + 1);
      scans.push_back(
          {one_person ? "sub-1" : "sub-" + std::to_string(100 + i), one_person ? "run-" + number : "", frames});
    }
    const std::vector<double> values = file.values("segments");
    test::write_parcel_cohort(directory / "c.h5", scans, parcels, [&](std::size_t s, std::uint64_t t, std::size_t p) {
      return static_cast<float>(values[(s * frames + t) * parcels + p]);
    });
  }
  void expect_row(const FcFile& found, std::size_t row, const std::string& name, std::size_t index) const {
    const std::vector<double> all = file.values(name);
    std::vector<float> values(found.edges());
    found.read_rows(row, 1, values);
    ASSERT_LE((index + 1) * values.size(), all.size());
    for (std::size_t e = 0; e < values.size(); ++e)
      ASSERT_NEAR(values[e], all[index * values.size() + e], kFileTolerance) << name << " " << index << ": " << e;
  }

  const test::GoldenFile file{"analysis_connectivity"};
  const std::size_t segments = file.shape("segments")[0], frames = file.shape("segments")[1],
                    parcels = file.shape("segments")[2];
  const test::TemporaryDirectory directory;
  comm::SelfCommunicator self;
};

TEST_F(FcGolden, MeanOverRunsMatches) {
  write(/*one_person=*/true);
  FcSettings settings = test::fc_settings(Kind::kPearson);
  compute_fc(settings, io::Cohort(directory / "c.h5"), directory / "fc.h5", {}, self, MPI_COMM_SELF);
  expect_row(FcFile(directory / "fc.h5"), 0, "mean_fisher", 0);
}

TEST_F(FcGolden, TangentRowsMatch) {
  write(/*one_person=*/false);
  compute_fc(test::fc_settings(Kind::kTangent, segments - 2), io::Cohort(directory / "c.h5"), directory / "fc.h5", {},
             self, MPI_COMM_SELF);
  const FcFile found(directory / "fc.h5");
  for (std::size_t i = 0; i < segments; ++i) expect_row(found, i, "tangent_vector", i);
  const std::vector<double> mean = file.values("tangent_mean");
  for (std::size_t i = 0; i < mean.size(); ++i)
    EXPECT_NEAR(found.description().fitted.at(0).values[i], mean[i], kFileTolerance);
}

}  // namespace
}  // namespace brainmt::connectivity
