// The host's copies and waits are refused while a step is being recorded, and on no other thread.
#include "base/recording.hpp"

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <thread>

#include "base/error.hpp"

namespace brainmt {
namespace {

TEST(Recording, RefusesTheHostsCopiesWhileAGuardLives) {
  EXPECT_NO_THROW(refuse_while_recording("a copy"));
  std::optional<RecordingGuard> outer(std::in_place);
  {
    const RecordingGuard inner;
    EXPECT_THROW(refuse_while_recording("a copy"), InternalError);
  }
  try {
    refuse_while_recording("a copy of the labels");
    FAIL() << "the outer guard still lives";
  } catch (const InternalError& error) {
    EXPECT_EQ(std::string(error.what()).rfind("a copy of the labels while a step is being recorded", 0), 0u);
  }
  std::thread([] { EXPECT_NO_THROW(refuse_while_recording("a loader's copy")); }).join();
  outer.reset();
  EXPECT_NO_THROW(refuse_while_recording("a copy"));
}

}  // namespace
}  // namespace brainmt
