// Motion as fMRIPrep and HCP write it.
#include "prepare/motion.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "base/error.hpp"
#include "support/expect_error.hpp"
#include "support/temporary_directory.hpp"

namespace brainmt::prepare {
namespace {

using test::expect_error;

class MotionTest : public testing::Test {
 protected:
  std::filesystem::path put(const std::string& name, const std::string& content) {
    test::write_file(directory_ / name, content);
    return directory_ / name;
  }
  test::TemporaryDirectory directory_;
};

TEST_F(MotionTest, Fmriprep) {
  const Motion motion = read_motion(put("sub-1_task-rest_desc-confounds_timeseries.tsv",
                                        "csf\tstd_dvars\tframewise_displacement\ttrans_x\n"
                                        "812.51\tn/a\tn/a\t0\n"
                                        "811.99\t1.0223\t0.1\t-0.00112\n"
                                        "810.2\t0.98\t0.25\t1e-05\n"));
  ASSERT_EQ(motion.fd.size(), 3u);
  EXPECT_TRUE(std::isnan(motion.fd[0]));
  EXPECT_EQ(motion.fd[1], 0.1);
  EXPECT_DOUBLE_EQ(motion.mean_fd, 0.175);  // of the frames that have a value
}

TEST_F(MotionTest, HcpFramesWithTheirMeanBeside) {
  const auto frames = put("Movement_RelativeRMS.txt", "0 \n0.05\n  0.10  \n\n");
  EXPECT_DOUBLE_EQ(read_motion(frames).mean_fd, 0.05);
  put("Movement_RelativeRMS_mean.txt", "0.075\n");
  const Motion motion = read_motion(frames);
  EXPECT_EQ(motion.mean_fd, 0.075);
  EXPECT_EQ(motion.fd, (std::vector<double>{0, 0.05, 0.1}));
  const Motion mean = read_motion(directory_ / "Movement_RelativeRMS_mean.txt");
  EXPECT_EQ(mean.mean_fd, 0.075);
  EXPECT_TRUE(mean.fd.empty());
}

TEST_F(MotionTest, WithoutAValueTheMeanIsNotKnown) {
  EXPECT_TRUE(std::isnan(read_motion(put("x.tsv", "framewise_displacement\nn/a\nn/a\n")).mean_fd));
}

TEST_F(MotionTest, RefusesWhatIsNotMotion) {
  expect_error<DataError>([&] { read_motion(directory_ / "none.tsv"); }, {"none.tsv"});
  expect_error<DataError>([&] { read_motion(put("a.tsv", "csf\n1\n")); },
                          {"a.tsv", "no column 'framewise_displacement'"});
  expect_error<DataError>([&] { read_motion(put("b.tsv", "framewise_displacement\nn/a\n-0.1\n")); },
                          {"b.tsv' line 3", "-0.1 mm"});
  expect_error<DataError>([&] { read_motion(put("c.tsv", "framewise_displacement\nfast\n")); }, {"line 2", "'fast'"});
  const std::string hcp = "Movement_RelativeRMS.txt";
  expect_error<DataError>([&] { read_motion(put(hcp, "")); }, {hcp, "no number"});
  expect_error<DataError>([&] { read_motion(put(hcp, "0\n-1\n")); }, {hcp, "value 2", "-1 mm"});
  expect_error<DataError>([&] { read_motion(put(hcp, "0\nnan\n")); }, {hcp, "value 2", "'nan'"});
  expect_error<DataError>([&] { read_motion(put(hcp, "0 0,5")); }, {"'0,5'"});
  expect_error<DataError>([&] { read_motion(put("Movement_RelativeRMS_mean.txt", "0 1")); }, {"2 numbers", "alone"});
  expect_error<DataError>([&] { read_motion(put("Movement_Regressors.txt", "0 1")); }, {"no file of motion"});
}

TEST(Motion, FslHasNoValueForTheFirstFrame) {
  const test::TemporaryDirectory directory;
  const auto path = directory / "prefiltered_func_data_mcf_rel.rms";
  test::write_file(path, "0.1\n0.3\n");
  const Motion motion = read_motion(path);
  ASSERT_EQ(motion.fd.size(), 3u);
  EXPECT_TRUE(std::isnan(motion.fd[0]));
  EXPECT_EQ(motion.fd[2], 0.3);
  EXPECT_DOUBLE_EQ(motion.mean_fd, 0.2);
}

}  // namespace
}  // namespace brainmt::prepare
