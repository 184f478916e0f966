#include "base/signals.hpp"

#include <gtest/gtest.h>

#include <csignal>
#include <string>

namespace brainmt {
namespace {

class Signals : public testing::Test {
 protected:
  void SetUp() override { install_signal_handlers(); }
  void TearDown() override { request_stop(false); }
};

TEST_F(Signals, EachStopSignalSetsTheFlagAndIsNamed) {
  const std::pair<int, const char*> signals[] = {
      {SIGINT, "SIGINT"}, {SIGTERM, "SIGTERM"}, {SIGUSR1, "SIGUSR1"}, {SIGUSR2, "SIGUSR2"}};
  for (const auto& [number, name] : signals) {
    request_stop(false);
    EXPECT_FALSE(stop_requested());
    std::raise(number);
    EXPECT_TRUE(stop_requested()) << name;
    EXPECT_EQ(std::string(stop_reason()), name);
  }
}

TEST_F(Signals, TermAfterTermOnlyAsksAgain) {
  std::raise(SIGTERM);
  std::raise(SIGTERM);
  EXPECT_TRUE(stop_requested());
}

TEST_F(Signals, SecondInterruptEndsAtOnce) {
  EXPECT_EXIT(
      {
        std::raise(SIGINT);
        std::raise(SIGINT);
      },
      testing::KilledBySignal(SIGINT), "");
}

TEST_F(Signals, ClosedPipeAndFileLimitDoNotKill) {
  std::raise(SIGPIPE);
  std::raise(SIGXFSZ);
  EXPECT_FALSE(stop_requested());
}

}  // namespace
}  // namespace brainmt
