#pragma once
// Metrics as text: one JSON object per line (metrics.jsonl) and a table (metrics.csv). Each line is appended with one
// write, so a killed run leaves at most one incomplete line; a resumed run appends.
#include <filesystem>
#include <initializer_list>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "io/file_descriptor.hpp"

namespace brainmt::io {

/// Appends lines to a file. An incomplete last line of an earlier run is ended first.
class LineAppender {
 public:
  /// Throws OutputError.
  explicit LineAppender(std::filesystem::path path);
  /// `line` without its newline. Throws OutputError.
  void append(const std::string& line);
  bool was_empty() const { return was_empty_; }

 private:
  std::filesystem::path path_;
  FileDescriptor fd_;
  bool was_empty_ = true;
};

/// One object a line. Numbers that JSON does not know (NaN, infinities) become null.
class JsonLines {
 public:
  explicit JsonLines(std::filesystem::path path) : lines_(std::move(path)) {}
  void append(const nlohmann::ordered_json& object);

 private:
  LineAppender lines_;
};

/// Rows under a fixed header; the header is written when the file is new.
class CsvTable {
 public:
  CsvTable(std::filesystem::path path, std::vector<std::string> columns);
  /// One row: the members of `object` named as the columns, empty where there is none. Text is quoted when it must be.
  void append(const nlohmann::ordered_json& object);

 private:
  LineAppender lines_;
  std::vector<std::string> columns_;
};

}  // namespace brainmt::io
