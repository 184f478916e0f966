// Which repetition time of a scan is believed: sidecar, header, milliseconds under the wrong unit, or none.
#include "prepare/repetition_time.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "io/repetition_times.hpp"
#include "support/temporary_directory.hpp"

namespace brainmt::prepare {
namespace {

using test::TemporaryDirectory;

TEST(RepetitionTime, PlausibleHeadersAreBelieved) {
  for (const double seconds : {0.05, 0.1, 0.735, 2.0, 10.0, 30.0}) {
    const RepetitionTime time = repetition_time_of(seconds, "");
    EXPECT_EQ(time.seconds, seconds);
    EXPECT_TRUE(time.note.empty());
  }
}

TEST(RepetitionTime, MillisecondsUnderTheUnitOfSecondsAreConverted) {
  for (const double milliseconds : {50.0, 735.0, 2000.0, 30000.0}) {
    const RepetitionTime time = repetition_time_of(milliseconds, "");
    EXPECT_DOUBLE_EQ(time.seconds, milliseconds / 1000);
    EXPECT_TRUE(time.was_milliseconds);
    EXPECT_NE(time.note.find("milliseconds"), std::string::npos);
  }
}

TEST(RepetitionTime, WhatNoScanCanHaveIsUnknown) {
  const double infinity = std::numeric_limits<double>::infinity();
  for (const double value : {0.0, -0.735, -2000.0, 0.0007, 0.049, 31.0, 49.0, 1e6, infinity, std::nan("")}) {
    const RepetitionTime time = repetition_time_of(value, "");
    EXPECT_TRUE(std::isnan(time.seconds)) << value;
    EXPECT_NE(time.note.find("not known"), std::string::npos) << value;
  }
}

TEST(RepetitionTime, TheSidecarComesFirst) {
  const TemporaryDirectory directory;
  const auto with = [&](const std::string& json, double header) {
    test::write_file(directory / "scan.json", json);
    return repetition_time_of(header, directory / "scan.json");
  };
  EXPECT_EQ(with(R"({"RepetitionTime": 2.0, "TaskName": "rest"})", 0).seconds, 2);
  EXPECT_TRUE(with(R"({"RepetitionTime": 0.735})", 0.7350001).note.empty());
  const RepetitionTime disputed = with(R"({"RepetitionTime": 2})", 0.735);
  EXPECT_EQ(disputed.seconds, 2);
  EXPECT_NE(disputed.note.find("0.735"), std::string::npos);
  EXPECT_EQ(with(R"({"RepetitionTime": 2000})", 1).seconds, 2);
}

TEST(RepetitionTime, ASidecarWithoutAUsableTimeLeavesTheHeader) {
  const TemporaryDirectory directory;
  for (const char* json : {R"({"EchoTime": 0.03})", R"({"RepetitionTime": 0})", R"({"RepetitionTime": "2"})", "[]", "{",
                           R"({"RepetitionTime": -1})"}) {
    test::write_file(directory / "scan.json", json);
    EXPECT_EQ(repetition_time_of(0.8, directory / "scan.json").seconds, 0.8) << json;
    EXPECT_TRUE(std::isnan(repetition_time_of(0, directory / "scan.json").seconds)) << json;
  }
  EXPECT_EQ(repetition_time_of(0.8, directory / "missing.json").seconds, 0.8);
}

TEST(RepetitionTimes, DifferencesAreCounted) {
  const double unknown = std::nan("");
  EXPECT_EQ(io::differing_repetition_times(std::vector{0.735, 0.735, 0.7351}), "");
  EXPECT_EQ(io::differing_repetition_times(std::vector{unknown, unknown}), "");
  const std::string differ = io::differing_repetition_times(std::vector{2.0, 0.72, unknown, 0.735, 2.0});
  for (const char* part : {"repetition times", "0.72 s in 1", "0.735 s in 1", "2 s in 2", "unknown in 1", "tr="})
    EXPECT_NE(differ.find(part), std::string::npos) << differ;
}

}  // namespace
}  // namespace brainmt::prepare
