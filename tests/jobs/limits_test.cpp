#include "jobs/limits.hpp"

#include <gtest/gtest.h>

#include "base/error.hpp"
#include "support/expect_error.hpp"

namespace brainmt::jobs {
namespace {

TEST(Limits, SizesAreReadAsSlurmReadsThem) {
  EXPECT_EQ(bytes_of("2048"), 2048.0 * 1024 * 1024);
  EXPECT_EQ(bytes_of("16K"), 16.0 * 1024);
  EXPECT_EQ(bytes_of("16M"), 16.0 * 1024 * 1024);
  EXPECT_EQ(bytes_of("3G"), 3.0 * 1024 * 1024 * 1024);
  EXPECT_EQ(bytes_of("1T"), 1024.0 * 1024 * 1024 * 1024);
  for (const char* text : {"", "G", "1GG", "x", "1.5G", "-1"})
    test::expect_error<UsageError>([&] { bytes_of(text); }, {"resources.memory", text});
}

TEST(Limits, TimesAreReadAsSlurmReadsThem) {
  EXPECT_EQ(seconds_of("90"), 90 * 60.0);
  EXPECT_EQ(seconds_of("30:15"), 30 * 60.0 + 15);
  EXPECT_EQ(seconds_of("1:30:05"), 5405.0);
  EXPECT_EQ(seconds_of("2-12"), 60 * 3600.0);
  EXPECT_EQ(seconds_of("2-12:30"), 60.5 * 3600);
  EXPECT_EQ(seconds_of("2-12:30:01"), 60.5 * 3600 + 1);
  for (const char* text : {"", ":", "1:", "1:2:3:4", "-5", "2-", "1-2:3:4:5", "x"})
    test::expect_error<UsageError>([&] { seconds_of(text); }, {"resources.time", text});
}

}  // namespace
}  // namespace brainmt::jobs
