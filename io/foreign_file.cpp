#include "io/foreign_file.hpp"

#include <algorithm>
#include <array>
#include <fstream>

#include "io/lower_case.hpp"

namespace brainmt::io {
namespace {

using namespace std::string_view_literals;

constexpr std::size_t kStart = 4096;

constexpr std::string_view kAnnexStore = "annex/objects/";
constexpr std::string_view kAnnex = "git-annex, not the data";
constexpr std::string_view kFetch = "fetch them with 'datalad get' (or 'git annex get') in their folder";

constexpr std::string_view kSave = "save the sheet as CSV UTF-8", kUnpack = "unpack it",
                           kAgain = "download the data again";
constexpr std::string_view kInR = "in R: write.csv(x, \"table.csv\", row.names = FALSE)";
constexpr std::string_view kInPandas = "in pandas: df.to_csv(\"table.csv\", index=False)";

struct Row {
  std::string_view bytes;   // that it begins with, from `offset` on
  std::string_view ending;  // that its name has, in lower case; empty: any
  std::string_view mark;    // that its start holds; empty: nothing more
  std::string_view what;
  std::string_view remedy;  // with a table in mind where only tables come so
  std::size_t offset = 0;
  Reader reads = Reader::kAny;  // who can read it nevertheless; kAny: no reader can
};

// The first that fits.
constexpr std::array kRows{
    Row{"PK\3\4"sv, ".xlsx", "", "an Excel workbook", kSave},
    Row{"PK\3\4"sv, ".xlsm", "", "an Excel workbook", kSave},
    Row{"PK\3\4"sv, ".ods", "", "a LibreOffice workbook", kSave},
    Row{"PK\3\4"sv, "", "[Content_Types].xml", "an Excel workbook", kSave},
    Row{"PK\3\4"sv, "", "opendocument", "a LibreOffice workbook", kSave},
    Row{"PK\3\4"sv, ".npz", "", "NumPy arrays (.npz)", ""},
    Row{"PK\3\4"sv, "", "", "a zip archive", kUnpack},
    Row{"PK\5\6"sv, "", "", "an empty zip archive", ""},
    Row{"\xD0\xCF\x11\xE0"sv, "", "", "a workbook of the old Excel format (.xls)", kSave},
    Row{"$FL"sv, "", "", "an SPSS file (.sav)", "in SPSS: Save as, CSV; in pandas: read_spss(\"table.sav\").to_csv()"},
    Row{"<stata_dta>"sv, "", "", "a Stata file (.dta)", "in Stata: export delimited using table.csv"},
    Row{"PAR1"sv, "", "", "a Parquet file", kInPandas},
    Row{"ARROW1"sv, "", "", "an Arrow (feather) file", kInPandas},
    Row{"\x1F\x8B"sv, ".rds", "", "an R data file (.rds)", kInR},
    Row{"\x1F\x8B"sv, ".rdata", "", "an R data file (.RData)", kInR},
    Row{"\x1F\x8B"sv, "", "", "a file compressed with gzip", "unpack it with gunzip", 0, Reader::kScan},
    Row{"RDX"sv, "", "", "an R data file", kInR},
    Row{"X\n\0"sv, "", "", "an R data file", kInR},
    Row{"BZh"sv, "", "", "a file compressed with bzip2", "unpack it with bunzip2"},
    Row{"\xFD\x37zXZ"sv, "", "", "a file compressed with xz", "unpack it with unxz"},
    Row{"\x28\xB5\x2F\xFD"sv, "", "", "a file compressed with zstd", "unpack it with unzstd"},
    Row{"7z\xBC\xAF\x27\x1C"sv, "", "", "a 7z archive", kUnpack},
    Row{"ustar"sv, "", "", "a tar archive", kUnpack, 257},
    Row{"\x89HDF"sv, "", "", "an HDF5 file", ""},
    Row{"MATLAB 5.0"sv, "", "", "a MATLAB file", "a table in it: writetable(t, 'table.csv') in MATLAB"},
    Row{"\x93NUMPY"sv, "", "", "a NumPy array", ""},
    Row{"%PDF"sv, "", "", "a PDF file", ""},
    Row{"\xFF\xFE"sv, "", "", "a text file in UTF-16", "save it as UTF-8", 0, Reader::kTable},
    Row{"\xFE\xFF"sv, "", "", "a text file in UTF-16", "save it as UTF-8", 0, Reader::kTable},
};

// Texts, in lower case, behind a byte order mark and blanks.
constexpr std::array kTexts{
    Row{"version https://git-lfs"sv, "", "", "a pointer of Git LFS, not the data", "fetch them with 'git lfs pull'"},
    Row{"<!doctype html"sv, "", "", "a web page (HTML), such as a login or error page", kAgain},
    Row{"<html"sv, "", "", "a web page (HTML), such as a login or error page", kAgain},
    Row{"<?xml"sv, "", "", "an XML document, such as the error message of a server", kAgain},
    Row{"<error>"sv, "", "", "an XML document, such as the error message of a server", kAgain},
};

bool fits(const Row& row, std::string_view name, std::string_view start) {
  return start.size() >= row.offset && start.substr(row.offset).starts_with(row.bytes) && name.ends_with(row.ending) &&
         start.find(row.mark) != start.npos;
}

ForeignKind annex(std::string_view thing) {
  return {std::string(thing) + " of " + std::string(kAnnex), std::string(kFetch)};
}

}  // namespace

std::optional<ForeignKind> foreign_kind(const std::filesystem::path& path, std::string_view start, Reader reader) {
  const std::string name = lower_case(path.filename().string());
  for (const Row& row : kRows) {
    if (!fits(row, name, start)) continue;
    if (row.reads != Reader::kAny && row.reads == reader) return std::nullopt;
    return ForeignKind{std::string(row.what), std::string(row.remedy)};
  }
  std::string text(start.substr(0, 512));
  if (text.starts_with("\xef\xbb\xbf")) text.erase(0, 3);
  text = lower_case(text.substr(std::min(text.find_first_not_of(" \t\r\n"), text.size())));
  const std::string_view line = std::string_view(text).substr(0, text.find('\n'));
  const bool is_path = line.starts_with("/annex/") || line.starts_with("../") || line.starts_with(".git/");
  if (is_path && line.find(kAnnexStore) != line.npos) return annex("a pointer");
  const auto found = std::ranges::find_if(kTexts, [&](const Row& row) { return fits(row, name, text); });
  if (found == kTexts.end()) return std::nullopt;
  return ForeignKind{std::string(found->what), std::string(found->remedy)};
}

std::string start_of_file(const std::filesystem::path& path) {
  std::string start(kStart, '\0');
  std::ifstream file(path, std::ios::binary);
  file.read(start.data(), static_cast<std::streamsize>(start.size()));
  start.resize(static_cast<std::size_t>(std::max<std::streamsize>(file.gcount(), 0)));
  return start;
}

std::string foreign_file(const std::filesystem::path& path) {
  std::error_code unknown;
  if (!std::filesystem::is_regular_file(path, unknown)) return {};
  const std::string start = start_of_file(path);
  if (start.empty()) return std::filesystem::file_size(path, unknown) == 0 ? "is empty: copy it again" : "";
  const auto kind = foreign_kind(path, start, Reader::kScan);
  return kind ? "is " + kind->text() : "";
}

std::string foreign_link(const std::filesystem::path& path) {
  std::error_code error;
  const std::filesystem::path target = std::filesystem::read_symlink(path, error);
  if (error || std::filesystem::exists(path, error)) return {};
  return target.string().find(kAnnexStore) == std::string::npos ? "" : "is " + annex("a link").text();
}

}  // namespace brainmt::io
