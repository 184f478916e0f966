#include "io/foreign_file.hpp"

#include <algorithm>
#include <array>
#include <fstream>
#include <string_view>

namespace brainmt::io {
namespace {

constexpr std::string_view kAnnexStore = "annex/objects/";
constexpr std::string_view kAnnex =
    "git-annex, not the data: fetch them with 'datalad get' (or 'git annex get') in their folder";

struct Kind {
  std::string_view start, description;  // the start in lower case
};

constexpr std::array kKinds{
    Kind{"version https://git-lfs", "is a pointer of Git LFS, not the data: fetch them with 'git lfs pull'"},
    Kind{"<!doctype html", "is a web page (HTML), such as a login or error page: download the data again"},
    Kind{"<html", "is a web page (HTML), such as a login or error page: download the data again"},
    Kind{"<?xml", "is an XML document, such as the error message of a server: download the data again"},
    Kind{"<error>", "is an XML document, such as the error message of a server: download the data again"},
    Kind{"pk\3\4", "is a zip archive: unpack it"},
};

// The start of the file in lower case, without the byte order mark and blanks before it.
std::string start_of(const std::filesystem::path& path) {
  constexpr std::size_t kBytes = 512;
  std::string start(kBytes, '\0');
  std::ifstream file(path, std::ios::binary);
  file.read(start.data(), kBytes);
  start.resize(static_cast<std::size_t>(std::max<std::streamsize>(file.gcount(), 0)));
  if (start.starts_with("\xef\xbb\xbf")) start.erase(0, 3);
  start.erase(0, start.find_first_not_of(" \t\r\n"));
  std::ranges::transform(start, start.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? char(c - 'A' + 'a') : c; });
  return start;
}

}  // namespace

std::string foreign_file(const std::filesystem::path& path) {
  std::error_code unknown;
  if (!std::filesystem::is_regular_file(path, unknown)) return {};
  const std::string start = start_of(path), line = start.substr(0, start.find('\n'));
  if (start.empty()) return std::filesystem::file_size(path, unknown) == 0 ? "is empty: copy it again" : "";
  const bool is_path = line.starts_with("/annex/") || line.starts_with("../") || line.starts_with(".git/");
  if (is_path && line.find(kAnnexStore) != std::string::npos) return "is a pointer of " + std::string(kAnnex);
  const auto kind = std::ranges::find_if(kKinds, [&](const Kind& k) { return start.starts_with(k.start); });
  return kind == kKinds.end() ? "" : std::string(kind->description);
}

std::string foreign_link(const std::filesystem::path& path) {
  std::error_code error;
  const std::filesystem::path target = std::filesystem::read_symlink(path, error);
  if (error || std::filesystem::exists(path, error)) return {};
  return target.string().find(kAnnexStore) == std::string::npos ? "" : "is a link of " + std::string(kAnnex);
}

}  // namespace brainmt::io
