#include "analysis/report_provenance.hpp"

#include <fmt/ranges.h>

#include <algorithm>

namespace brainmt::analysis {
namespace {

using Json = nlohmann::ordered_json;

// Not repeated here: settings, targets and split ids, which have their own sections.
constexpr std::array<std::string_view, 3> kElsewhere{"configuration", "task", "split_sha256"};

struct Name {
  std::string_view key, label;
};
constexpr std::array kNames{
    Name{"first_step", "from step"}, Name{"hosts", "ranks on hosts"}, Name{"data_sha256", "SHA-256 of the data"},
    Name{"overrides", "given as"},   Name{"version", "brainmt"},      Name{"revision", "revision"}};

std::string label_of(const std::string& key) {
  const auto found = std::ranges::find(kNames, key, &Name::key);
  return found == kNames.end() ? key : std::string(found->label);
}

// Objects as "Kokkos 3.4.1, MPI ...", lists as their entries.
std::string text_of(const Json& value) {
  if (value.is_string()) return value.get<std::string>();
  std::vector<std::string> parts;
  if (value.is_object()) {
    if (value.contains("host") && value.contains("ranks"))
      return fmt::format("{} on {}", text_of(value["ranks"]), text_of(value["host"]));
    for (const auto& [key, entry] : value.items()) parts.push_back(fmt::format("{} {}", key, text_of(entry)));
  } else if (value.is_array()) {
    for (const Json& entry : value) parts.push_back(text_of(entry));
  } else {
    return value.dump();
  }
  return fmt::format("{}", fmt::join(parts, ", "));
}

std::string split_text(const RunRecord& run) {
  std::vector<std::string> parts;
  for (const char* part : {"train", "val", "test"})
    if (run.split.contains(part)) parts.push_back(fmt::format("{} {}", part, run.split.at(part)));
  for (const char* key : {"seed", "fold", "folds", "group"})
    if (run.split.contains(key)) parts.push_back(fmt::format("{} {}", key, run.split.at(key)));
  return fmt::format("{}", fmt::join(parts, ", "));
}

Table table_of(const RunRecord& run) {
  Table table{.columns = {{"what"}, {"value"}}, .rows = {}};
  table.rows.push_back({"cohort", std::filesystem::path(run.setting("data.cohort")).filename().string()});
  if (!run.split.empty()) table.rows.push_back({"split", split_text(run)});
  if (run.split.contains("ids_sha256"))
    table.rows.push_back({"SHA-256 of the split's ids", run.split.at("ids_sha256")});
  if (run.unreadable_lines > 0)
    table.rows.push_back({"unreadable lines of metrics.jsonl", std::to_string(run.unreadable_lines)});
  if (!run.provenance.is_array()) return table;
  std::size_t number = 0;
  for (const Json& start : run.provenance) {
    ++number;
    if (!start.is_object()) continue;
    for (const auto& [key, value] : start.items()) {
      if (std::ranges::find(kElsewhere, key) != kElsewhere.end()) continue;
      const std::string label = label_of(key);
      table.rows.push_back(
          {run.provenance.size() > 1 ? fmt::format("start {}: {}", number, label) : label, text_of(value)});
    }
  }
  return table;
}

}  // namespace

void add_provenance(HtmlPage& page, std::span<const RunRecord> runs) {
  page.section("Provenance");
  for (const RunRecord& run : runs) {
    if (runs.size() > 1) page.subsection(run.name);
    page.table(table_of(run));
  }
}

}  // namespace brainmt::analysis
