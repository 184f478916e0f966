// Copies and waits of the host are refused while a step is being captured, and on no other thread.
#include "base/capture.hpp"

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <thread>

#include "base/error.hpp"

namespace brainmt {
namespace {

TEST(Capture, RefusesCopiesOfTheHostWhileAGuardLives) {
  EXPECT_NO_THROW(refuse_while_capturing("a copy"));
  std::optional<CaptureGuard> outer(std::in_place);
  {
    const CaptureGuard inner;
    EXPECT_THROW(refuse_while_capturing("a copy"), InternalError);
  }
  try {
    refuse_while_capturing("a copy of the labels");
    FAIL() << "the outer guard still lives";
  } catch (const InternalError& error) {
    EXPECT_EQ(std::string(error.what()).rfind("a copy of the labels while a step is being captured", 0), 0u);
  }
  std::thread([] { EXPECT_NO_THROW(refuse_while_capturing("a loader's copy")); }).join();
  outer.reset();
  EXPECT_NO_THROW(refuse_while_capturing("a copy"));
}

}  // namespace
}  // namespace brainmt
