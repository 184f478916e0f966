// File names of BIDS, read entity by entity.
#include "io/bids_name.hpp"

#include <gtest/gtest.h>

namespace brainmt::io {
namespace {

TEST(BidsName, ReadsEntitiesInAnyOrder) {
  const auto name = parse_bids_name("sub-01_ses-2_task-rest_acq-mb_run-1_space-T1w_desc-preproc_bold.nii.gz");
  ASSERT_TRUE(name);
  EXPECT_EQ(name->entities.size(), 7u);
  EXPECT_EQ(name->value("sub"), "01");
  EXPECT_EQ(name->value("acq"), "mb");
  EXPECT_EQ(name->value("res"), "");
  EXPECT_EQ(name->suffix, "bold");
  EXPECT_EQ(name->extension, ".nii.gz");
  EXPECT_EQ(name->without({"sub", "task", "space", "res", "desc"}), "ses-2_acq-mb_run-1");
}

TEST(BidsName, RefusesOtherNames) {
  for (const char* file :
       {"", "bold.nii", "sub-01", "sub-01_bold", "sub-01_task_bold.nii", "sub-_bold.nii", "-01_bold.nii",
        "sub-01_sub-02_bold.nii", "sub-01_run-1.nii", "sub-01__bold.nii", "sub-01_.nii", ".nii.gz"}) {
    EXPECT_FALSE(parse_bids_name(file)) << file;
  }
}

}  // namespace
}  // namespace brainmt::io
