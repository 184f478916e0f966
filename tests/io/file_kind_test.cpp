// Files and directories named for what they are, wherever another kind is expected.
#include "io/file_kind.hpp"

#include <gtest/gtest.h>

#include "io/cohort.hpp"
#include "io/safetensors.hpp"
#include "support/expect_error.hpp"
#include "support/temporary_directory.hpp"

namespace brainmt::io {
namespace {

namespace fs = std::filesystem;
using namespace std::string_literals;

class Kinds : public testing::Test {
 protected:
  std::string text_of(const std::string& name, const std::string& bytes) {
    test::write_file(directory_ / name, bytes);
    return kind_of(directory_ / name).text;
  }
  test::TemporaryDirectory directory_;
};

TEST_F(Kinds, FilesAreNamedByTheirFirstBytes) {
  std::string header(348, '\0');
  header[0] = '\x5c';
  header[1] = '\x01';
  header.replace(344, 4, "n+1\0"s);
  EXPECT_EQ(text_of("a.nii", header), "a NIfTI scan");
  EXPECT_EQ(text_of("without_suffix", header), "a NIfTI scan");
  EXPECT_EQ(text_of("a.nii.gz", "\x1f\x8b\x08"s), "a NIfTI scan (compressed)");
  EXPECT_EQ(text_of("a.gz", "\x1f\x8b\x08"s), "a file compressed with gzip: unpack it with gunzip");
  EXPECT_EQ(text_of("a.csv", "eid,sex\n1,0\n"), "a table (CSV or TSV)");
  EXPECT_EQ(text_of("notes", "hello\n"), "a text file");
  EXPECT_EQ(text_of("best", "step-000123\n"), "a text file");
  fs::create_directory(directory_ / "checkpoints");
  EXPECT_EQ(kind_of(directory_ / "checkpoints").text, "the checkpoints of a run: give the directory of the run");
  EXPECT_EQ(text_of("checkpoints/best", "step-000123\n"),
            "the name of a checkpoint: give the directory of its run, or the model.safetensors of the checkpoint");
  EXPECT_EQ(text_of("a.csv",
                    "\xff\xfe"
                    "e\0i\0"s),
            "a text file in UTF-16: save it as UTF-8");
  EXPECT_EQ(text_of("a.xlsx",
                    "PK\x03\x04"
                    "[Content_Types].xml"s),
            "an Excel workbook: save the sheet as CSV UTF-8");
  EXPECT_EQ(text_of("a.zip",
                    "PK\x03\x04"
                    "rest.nii"s),
            "a zip archive: unpack it");
  EXPECT_EQ(text_of("a.rds", "\x1f\x8b\x08"s),
            "an R data file (.rds): in R: write.csv(x, \"table.csv\", row.names = FALSE)");
  EXPECT_EQ(text_of("a.tar", std::string(257, 'x') + "ustar"), "a tar archive: unpack it");
  EXPECT_EQ(text_of("a.npy", "\x93NUMPY"s), "a NumPy array");
  EXPECT_EQ(text_of("a.json", "{\"a\": 1}"), "a JSON file");
  EXPECT_EQ(text_of("empty", ""), "an empty file");
  EXPECT_NE(text_of("a.h5", "../.git/annex/objects/x/y").find("git annex get"), std::string::npos);
  EXPECT_NE(text_of("b.h5", "version https://git-lfs.github.com/spec/v1\n").find("git lfs pull"), std::string::npos);
  EXPECT_EQ(kind_of(directory_ / "missing").kind, FileKind::kMissing);
  EXPECT_EQ(text_of("lies.safetensors", "\xff\xff\xff\xff\xff\xff\xff\xff{}"s), "");
  test::write_file(directory_ / "noise", "\x01\x02\x03\x04\x05\x06\x07\x08\x09"s);
  EXPECT_EQ(kind_of(directory_ / "noise").kind, FileKind::kUnknown);
}

// A header of 0x0280 bytes: its length begins like a pickle.
TEST_F(Kinds, SafetensorsOfAnyLengthOfHeaderAreNoPickle) {
  EXPECT_EQ(text_of("model.safetensors", "\x80\x02\0\0\0\0\0\0{"s + std::string(700, ' ')), "a safetensors file");
  EXPECT_EQ(text_of("a.pkl", "\x80\x04\x95"s + std::string(100, '\0')), "a Python pickle");
}

TEST_F(Kinds, PyTorchFilesComeWithTheirConversion) {
  for (const std::string& bytes : {"PK\x03\x04\0\0\x08\x08"s, "\x80\x02\x8a\x0al\xfc"s}) {
    test::write_file(directory_ / "w.pth", bytes);
    test::expect_error<DataError>([&] { SafetensorsFile::open(directory_ / "w.pth"); },
                                  {"w.pth", "expected weights", "a PyTorch file", "torch.load('w.pth'",
                                   "safetensors.torch.save_file", "w.safetensors"});
  }
  EXPECT_NE(text_of("unnamed", "PK\x03\x04 archive/data.pkl"s).find("PyTorch"), std::string::npos);
}

TEST_F(Kinds, LinksWithoutContentArePointers) {
  fs::create_symlink("../.git/annex/objects/k/v.h5", directory_ / "c.h5");
  test::expect_error<DataError>([&] { Cohort cohort(directory_ / "c.h5"); }, {"c.h5", "git annex get"});
}

TEST_F(Kinds, ADirectoryOfScansIsToldFromARun) {
  fs::create_directories(directory_ / "scans/sub-1/func");
  EXPECT_EQ(kind_of(directory_ / "scans").text, "a directory");
  test::write_file(directory_ / "scans/sub-1/func/rest.nii.gz", "");
  test::expect_error<DataError>(
      [&] { Cohort cohort(directory_ / "scans"); },
      {"expected a cohort, found a directory of scans", "brainmt prepare input=", "cohort.h5"});
  fs::create_directories(directory_ / "run/checkpoints");
  EXPECT_EQ(kind_of(directory_ / "run").kind, FileKind::kRun);
  test::expect_error<DataError>([&] { SafetensorsFile::open(directory_ / "run"); },
                                {"found a run directory", "run.dir="});
}

}  // namespace
}  // namespace brainmt::io
