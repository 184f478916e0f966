// What prepare says at the end, worked out by hand.
#include "prepare/summary.hpp"

#include <gtest/gtest.h>

#include "prepare/processing.hpp"

namespace brainmt::prepare {
namespace {

ScanEntry scan(const std::string& id, std::int64_t frames, double tr,
               ScanEntry::Status status = ScanEntry::Status::kUsed, Dropped cause = Dropped::kName) {
  ScanEntry entry;
  entry.participant_id = id;
  entry.file = id + ".nii.gz";
  entry.frames = frames;
  entry.repetition_time = tr;
  entry.status = status;
  entry.cause = cause;
  return entry;
}

PrepareSummary summary_of(const std::vector<ScanEntry>& scans) {
  PrepareSummary summary;
  count_scans(summary, scans);
  return summary;
}

TEST(PrepareSummary, AddsUpTheMinutesOfEachParticipant) {
  const auto summary = summary_of({scan("a", 120, 2), scan("a", 60, 2), scan("b", 60, 0.5)});
  EXPECT_EQ(summary.used, 3u);
  EXPECT_EQ(summary.participants, 2u);
  EXPECT_EQ(summary.minutes, (std::vector<double>{0.5, 6}));
  EXPECT_EQ(summary.repetition_times, (std::map<double, std::size_t>{{0.5, 1}, {2, 2}}));
  const std::string text = summary_text(summary);
  EXPECT_NE(text.find("6.5 minutes; of a participant 0.5 (min), 6 (median), 6 (max)"), std::string::npos) << text;
  EXPECT_NE(text.find("TR           0.5 s in 1 scan, 2 s in 2 scans\n"), std::string::npos) << text;
}

TEST(PrepareSummary, CountsWhoIsLeftOutByReasonWithAnExample) {
  using Status = ScanEntry::Status;
  const auto summary = summary_of({scan("a", 9, 1), scan("b", 9, 1, Status::kUnlisted, Dropped::kUnlisted),
                                   scan("c", 9, 1, Status::kBad, Dropped::kTime),
                                   scan("d", 9, 1, Status::kUnlisted, Dropped::kUnlisted)});
  EXPECT_EQ(summary.bad, 1u);
  EXPECT_EQ(summary.unlisted, 2u);
  const std::string text = summary_text(summary);
  EXPECT_TRUE(
      text.starts_with("scans        1 of 4 found are used, 1 participant\n"
                       "left out     1 repetition time ('c.nii.gz'); 2 not in the table ('b.nii.gz')\n"))
      << text;
}

TEST(PrepareSummary, SaysWhoOfTheTableHasNoScan) {
  PrepareSummary summary = summary_of({scan("a", 9, 1)});
  EXPECT_EQ(summary_text(summary).find("\ntable "), std::string::npos);
  summary.without_scan = {.participants = 20, .count = 3, .first = "sub-07"};
  EXPECT_NE(summary_text(summary).find("\ntable        3 of 20 participants have no scan in the input ('sub-07')\n"),
            std::string::npos);
}

TEST(PrepareSummary, UnknownRepetitionTimesAreNotCounted) {
  const auto some = summary_of({scan("a", 60, 1), scan("b", 60, 0)});
  EXPECT_EQ(some.minutes, std::vector<double>{1});
  EXPECT_NE(summary_text(some).find("1 scan of unknown repetition time not counted"), std::string::npos);
  const std::string none = summary_text(summary_of({scan("a", 60, 0)}));
  EXPECT_NE(none.find("signal       unknown: no scan says its repetition time"), std::string::npos) << none;
  EXPECT_NE(none.find("TR           unknown in 1 scan\n"), std::string::npos) << none;
}

TEST(PrepareSummary, SaysHowMuchOfTheGridIsBrain) {
  PrepareSummary summary;
  summary.grid = {10, 10, 10};
  summary.voxels = 250;
  summary.voxel_mm3 = 8;
  EXPECT_NE(summary_text(summary).find("mask         250 voxels, 25.0 % of the grid, 2 ml\n"), std::string::npos);
  summary.voxel_mm3 = 8000;
  EXPECT_NE(summary_text(summary).find("2 litres"), std::string::npos);
}

TEST(PrepareSummary, KnowsTheMniGridFromAnyOther) {
  const std::array<double, 16> mni{-2, 0, 0, 90, 0, 2, 0, -126, 0, 0, 2, -72, 0, 0, 0, 1};
  EXPECT_EQ(voxel_volume(mni), 8);
  EXPECT_EQ(space_in_words({91, 109, 91}, mni), "MNI152 2 mm, 91 x 109 x 91 voxels");
  EXPECT_EQ(space_in_words({91, 109, 90}, mni), "91 x 109 x 90 voxels of 2 x 2 x 2 mm, the space that the scans share");
}

TEST(PrepareSummary, ValuesAreDescribedInWords) {
  EXPECT_EQ(Processing{}.in_words(), "z-scored per scan; background is the scan's lowest value");
  EXPECT_EQ((Processing{.normalize = Normalize::kMinmax, .fill = 0.0, .crop = {}, .tr = 0.8}.in_words()),
            "scaled to 0..1 per scan; background 0; resampled to 0.8 s");
}

}  // namespace
}  // namespace brainmt::prepare
