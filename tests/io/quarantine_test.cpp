// Fault row 33: damaged scans are all found, listed, and left out of use while the list is there.
#include "io/quarantine.hpp"

#include <gtest/gtest.h>

#include "base/error.hpp"
#include "cohort_fixture.hpp"
#include "io/cohort.hpp"
#include "support/expect_error.hpp"
#include "support/temporary_directory.hpp"

namespace brainmt::io {
namespace {

class Fault33 : public testing::Test {
 protected:
  Fault33() {
    test::write_small_cohort(MPI_COMM_SELF, path_);
    std::string bytes = brainmt::test::read_file(path_);
    const std::uint64_t frames_at = Hdf5Reader(path_).locate("frames", half_type()).offset;
    const std::size_t frame_bytes = test::small_layout().voxels.size() * 2;
    for (const std::size_t row : {2, 5, 11 + 8}) bytes[frames_at + row * frame_bytes + 7] ^= 4;  // scans 0 and 2
    brainmt::test::write_file(path_, bytes);
  }
  const brainmt::test::TemporaryDirectory directory_;
  const std::filesystem::path path_ = directory_ / "cohort.h5";
};

TEST_F(Fault33, EveryDamagedScanIsListedAndLeftOut) {
  const Cohort before(path_);
  EXPECT_EQ(before.quarantined(), 0u);
  const std::vector<DamagedScan> damaged = before.damaged_scans();
  ASSERT_EQ(damaged.size(), 2u);
  EXPECT_EQ(damaged[0].scan, 0u);
  EXPECT_EQ(damaged[0].frame, 2u);
  EXPECT_EQ(damaged[1].scan, 2u);
  EXPECT_EQ(damaged[1].frame, 8u);
  brainmt::test::expect_error<DataError>([&] { before.verify(); },
                                         {"sub-01", "frame 2", "brainmt inspect --verify --quarantine"});
  write_quarantine(path_, before.scans(), damaged);
  const Cohort after(path_);
  EXPECT_EQ(after.quarantined(), 2u);
  EXPECT_FALSE(after.usable(0));
  EXPECT_TRUE(after.usable(1));
  EXPECT_FALSE(after.usable(2));
  EXPECT_NO_THROW(after.verify()) << "what is used is sound";
  EXPECT_EQ(after.damaged_scans().size(), 2u) << "the list does not hide damage";
  write_quarantine(path_, before.scans(), {});
  EXPECT_EQ(directory_.entries(), 1u) << "an empty list is no list";
}

TEST_F(Fault33, ListOfUnknownScansIsRefused) {
  brainmt::test::write_file(quarantine_file(path_),
                            "participant_id\trun\tsource\tframe\treason\nsub-09\t\tx.nii\t0\tno\n");
  brainmt::test::expect_error<DataError>([&] { Cohort cohort(path_); }, {"quarantine.tsv", "line 2", "'sub-09'"});
}

TEST_F(Fault33, OddSourceNamesSurviveTheList) {
  std::vector<CohortScan> scans = test::small_layout().scans;
  scans[1].source = "a \"b\"\tc.nii";
  write_quarantine(path_, scans, {{1, 3, "differs from its checksum"}});
  EXPECT_EQ(read_quarantine(path_, scans), (std::vector<bool>{false, true, false}));
}

}  // namespace
}  // namespace brainmt::io
