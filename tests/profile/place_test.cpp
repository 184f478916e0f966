#include "profile/place.hpp"

#include <gtest/gtest.h>

#include <thread>

namespace brainmt::profile {
namespace {

TEST(Place, IsTheInnermostOfThisThread) {
  EXPECT_EQ(place_text(), "tensors");
  {
    const Place outer("scan");
    {
      const Place inner("products");
      EXPECT_EQ(place_text(), "products");
      std::thread([] { EXPECT_EQ(place_text(), "tensors"); }).join();
    }
    const BackwardPass pass;
    EXPECT_EQ(place_text(), "scan, backward");
  }
  EXPECT_EQ(place_text(), "tensors");
}

}  // namespace
}  // namespace brainmt::profile
