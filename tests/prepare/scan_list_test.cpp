// Which files count as scans, and whose.
#include "prepare/scan_list.hpp"

#include <gtest/gtest.h>

#include "base/error.hpp"
#include "support/expect_error.hpp"
#include "support/temporary_directory.hpp"

namespace brainmt::prepare {
namespace {

using test::expect_error;
using test::TemporaryDirectory;
using test::write_file;

ListSettings flat(const std::filesystem::path& input) { return {.input = input}; }
ListSettings by_pattern(const std::filesystem::path& input, const std::string& pattern) {
  return {.input = input, .pattern = pattern};
}

std::vector<std::string> described(const std::vector<ScanEntry>& scans) {
  std::vector<std::string> lines;
  for (const ScanEntry& scan : scans)
    lines.push_back(scan.participant_id + "=" + scan.file + (scan.usable() ? "" : "!"));
  return lines;
}

TEST(ScanList, FlatTakesNiftiFilesInOrder) {
  const TemporaryDirectory directory;
  for (const char* name : {"s2.nii.gz", "s1.nii", "s10.nii.gz", "phenotypes.csv", "s3.txt", "s4.gz"}) {
    write_file(directory / name, "");
  }
  std::filesystem::create_directory(directory / "s5.nii");
  EXPECT_EQ(described(list_scans(flat(directory.path()))),
            (std::vector<std::string>{"s1=s1.nii", "s10=s10.nii.gz", "s2=s2.nii.gz"}));
}

TEST(ScanList, FaultRow43UnsafeNamesAndRepeatedSubjectsAreBad) {
  const TemporaryDirectory directory;
  for (const char* name : {"a b.nii", "s\n1.nii", "s1.nii", "s1.nii.gz", "\xC3\xBC.nii", ".nii"}) {
    write_file(directory / name, "");
  }
  write_file(directory / (std::string(65, 'x') + ".nii"), "");
  int good = 0;
  for (const ScanEntry& scan : list_scans(flat(directory.path()))) {
    if (scan.usable()) {
      EXPECT_EQ(scan.file, "s1.nii");
      ++good;
    } else if (scan.file == "s1.nii.gz") {
      EXPECT_EQ(scan.reason, "a second scan of the same participant");
    } else {
      EXPECT_NE(scan.reason.find("is not a participant id"), std::string::npos) << scan.reason;
      EXPECT_EQ(scan.reason.find('\n'), std::string::npos);
    }
  }
  EXPECT_EQ(good, 1);
}

TEST(ScanList, PatternFindsSubjectsInPaths) {
  const TemporaryDirectory directory;
  for (const char* subject : {"sub-1", "sub-2"}) {
    std::filesystem::create_directories(directory / subject / "func");
    write_file(directory / subject / "func" / (std::string(subject) + "_bold.nii.gz"), "");
  }
  write_file(directory / "sub-1" / "func" / "sub-9_bold.nii.gz", "");  // subject differs within the path
  write_file(directory / "sub-1" / "func" / "sub-1_bold_nii.gz", "");  // the dot of the pattern is a dot
  EXPECT_EQ(described(list_scans(by_pattern(directory.path(), "{subject}/func/{subject}_bold.nii.gz"))),
            (std::vector<std::string>{"sub-1=sub-1/func/sub-1_bold.nii.gz", "sub-2=sub-2/func/sub-2_bold.nii.gz"}));
}

TEST(ScanList, NothingToPrepareIsAnError) {
  const TemporaryDirectory directory;
  expect_error<DataError>([&] { list_scans(flat(directory.path())); },
                          {"holds no scan", "<subject>.nii.gz", "no .nii or .nii.gz file in its first 5"});
  expect_error<DataError>([&] { list_scans(flat(directory / "none")); }, {"cannot list", "none"});
  expect_error<UsageError>([&] { list_scans(by_pattern(directory.path(), "bold.nii")); }, {"has no {subject}"});
}

}  // namespace
}  // namespace brainmt::prepare
