#include "profile/stage_label.hpp"

#include <gtest/gtest.h>

#include <thread>

namespace brainmt::profile {
namespace {

TEST(StageLabel, IsTheInnermostOfThisThread) {
  EXPECT_EQ(stage_text(), "tensors");
  {
    const StageLabel outer("scan");
    {
      const StageLabel inner("products");
      EXPECT_EQ(stage_text(), "products");
      std::thread([] { EXPECT_EQ(stage_text(), "tensors"); }).join();
    }
    const BackwardPass pass;
    EXPECT_EQ(stage_text(), "scan, backward");
  }
  EXPECT_EQ(stage_text(), "tensors");
}

}  // namespace
}  // namespace brainmt::profile
