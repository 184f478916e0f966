#include "io/metrics_log.hpp"

#include <fmt/ranges.h>
#include <unistd.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "base/error.hpp"

namespace brainmt::io {
namespace {

std::string csv_cell(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string quoted = "\"";
  for (const char c : text) quoted += c == '"' ? std::string("\"\"") : std::string(1, c);
  return quoted + '"';
}

std::string csv_cell(const nlohmann::ordered_json& value) {
  if (value.is_null()) return "";
  if (value.is_string()) return csv_cell(value.get<std::string>());
  if (value.is_number_float() && !std::isfinite(value.get<double>())) return fmt::format("{}", value.get<double>());
  return csv_cell(value.dump());
}

std::string joined(const std::vector<std::string>& cells) { return fmt::format("{}", fmt::join(cells, ",")); }

}  // namespace

LineAppender::LineAppender(std::filesystem::path path) : path_(std::move(path)), fd_(open_for_appending(path_)) {
  const off_t size = ::lseek(fd_.get(), 0, SEEK_END);
  was_empty_ = size == 0;
  char last = '\n';
  if (size > 0 && ::pread(fd_.get(), &last, 1, size - 1) == 1 && last != '\n') append("");
}

void LineAppender::append(const std::string& line) { write_all(fd_, path_, line + '\n'); }

void JsonLines::append(const nlohmann::ordered_json& object) {
  lines_.append(object.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace));
}

CsvTable::CsvTable(std::filesystem::path path, std::vector<std::string> columns)
    : lines_(std::move(path)), columns_(std::move(columns)) {
  if (!lines_.was_empty()) return;
  std::vector<std::string> cells;
  for (const std::string& column : columns_) cells.push_back(csv_cell(column));
  lines_.append(joined(cells));
}

void CsvTable::append(const nlohmann::ordered_json& object) {
  std::vector<std::string> cells;
  for (const std::string& column : columns_) {
    const auto found = object.find(column);
    cells.push_back(found == object.end() ? "" : csv_cell(*found));
  }
  lines_.append(joined(cells));
}

}  // namespace brainmt::io
