#include "dnn/backend.hpp"

#include <gtest/gtest.h>

namespace brainmt::dnn {
namespace {

TEST(Info, NamesLibraryAndVersion) { EXPECT_EQ(describe().find("oneDNN "), 0u) << describe(); }

TEST(Info, Bf16FollowsTheInstructionSet) {
  const std::string text = describe();
  const bool named = text.find("BF16") != std::string::npos || text.find("AMX") != std::string::npos;
  EXPECT_EQ(has_native_bf16(), named) << text;
}

}  // namespace
}  // namespace brainmt::dnn
