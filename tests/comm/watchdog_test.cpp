// The watchdog with an action that records instead of ending the job. Tests wait for events, never for a time to pass:
// limits are either a millisecond, where the report is awaited, or a day, where none may come.
#include "comm/watchdog.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <future>

namespace brainmt::comm {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;

TEST(Watchdog, ReportsTheSectionThatOutlivesItsLimit) {
  std::promise<Watchdog::Report> promise;
  auto report = promise.get_future();
  Watchdog watchdog(3, [&](const Watchdog::Report& late) { promise.set_value(late); });
  const auto outer = watchdog.section("epoch", hours(24), 41);
  const auto inner = watchdog.section("reduce", milliseconds(1), 42);
  EXPECT_EQ(report.get().line(), "rank 3: no progress for 0.001 s in section reduce at step 42");
}

TEST(Watchdog, ReportsASectionOnceAndEachLateOne) {
  std::promise<void> second;
  std::vector<std::string> names;
  Watchdog watchdog(0, [&](const Watchdog::Report& late) {
    names.push_back(late.section);
    if (names.size() == 2) second.set_value();
  });
  const auto a = watchdog.section("a", milliseconds(1));
  const auto b = watchdog.section("b", milliseconds(2));
  second.get_future().wait();
  std::ranges::sort(names);
  EXPECT_EQ(names, (std::vector<std::string>{"a", "b"}));
}

TEST(Watchdog, SectionsThatEndInTimeAreForgotten) {
  Watchdog watchdog(0, [](const Watchdog::Report& late) { ADD_FAILURE() << late.line(); });
  for (int step = 0; step < 100; ++step) {
    auto section = watchdog.section("step", hours(24), step);
    const auto moved = std::move(section);
  }
}  // and the destructor returns at once, though the last deadline is a day away

TEST(Watchdog, ALimitOfZeroWatchesNothing) {
  Watchdog watchdog(0, [](const Watchdog::Report& late) { ADD_FAILURE() << late.line(); });
  const auto section = watchdog.section("step", milliseconds(0));
}

}  // namespace
}  // namespace brainmt::comm
