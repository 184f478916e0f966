#include "jobs/manifest.hpp"

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>

#include "base/error.hpp"

namespace brainmt::jobs {
namespace {

constexpr std::size_t kBeforeAxes = 4, kBehindAxes = 3;
constexpr const char* kNone = "-";

std::vector<std::string> split(std::string_view line, char separator) {
  std::vector<std::string> fields;
  for (std::size_t begin = 0;;) {
    const std::size_t end = line.find(separator, begin);
    fields.emplace_back(line.substr(begin, end - begin));
    if (end == std::string_view::npos) return fields;
    begin = end + 1;
  }
}

std::string joined(const std::vector<std::string>& fields) {
  std::string line;
  for (const std::string& field : fields) line += (line.empty() ? "" : "\t") + field;
  return line + "\n";
}

std::vector<std::string> header(const std::vector<std::string>& axes) {
  std::vector<std::string> fields{"index", "task", "run_dir", "grid"};
  fields.insert(fields.end(), axes.begin(), axes.end());
  fields.insert(fields.end(), {"seed", "fold", "settings"});
  return fields;
}

// What a run directory may be called: it is made below the manifest's folder.
bool stays_inside(const std::string& path) {
  if (path.empty() || path.front() == '/') return false;
  const auto parts = split(path, '/');
  return std::ranges::none_of(parts, [](const std::string& part) { return part.empty() || part.front() == '.'; });
}

class Parser {
 public:
  Parser(std::string_view text, const std::string& shown) : rest_(text), shown_(shown) {}

  Manifest parse() {
    Manifest manifest;
    const auto names = next();
    if (names.size() < kBeforeAxes + kBehindAxes) fail("expected the header of a sweep.tsv");
    manifest.axes.assign(names.begin() + kBeforeAxes, names.end() - kBehindAxes);
    if (names != header(manifest.axes)) fail("expected the header of a sweep.tsv");
    while (!rest_.empty()) manifest.rows.push_back(row(next(), manifest.rows.size(), manifest.axes.size()));
    return manifest;
  }

 private:
  [[noreturn]] void fail(const std::string& what) const {
    throw DataError(fmt::format("'{}' line {}: {}; plan the sweep again", shown_, line_, what));
  }

  std::vector<std::string> next() {
    const std::size_t end = rest_.find('\n');
    const std::string_view line = rest_.substr(0, end);
    rest_.remove_prefix(end == std::string_view::npos ? rest_.size() : end + 1);
    ++line_;
    return split(line, '\t');
  }

  template <class Integer>
  Integer number(const std::string& text) const {
    Integer value{};
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size()) fail(fmt::format("'{}' is no number", text));
    return value;
  }

  ManifestRow row(const std::vector<std::string>& fields, std::size_t expected, std::size_t axes) const {
    if (fields.size() != kBeforeAxes + axes + kBehindAxes)
      fail(fmt::format("{} fields, expected {}", fields.size(), kBeforeAxes + axes + kBehindAxes));
    ManifestRow row;
    row.index = number<std::size_t>(fields[0]);
    if (row.index != expected) fail(fmt::format("index {}, expected {}", row.index, expected));
    row.task = fields[1];
    row.run_dir = fields[2];
    if (!stays_inside(row.run_dir)) fail(fmt::format("run_dir '{}' is not inside the sweep's folder", row.run_dir));
    row.grid = fields[3];
    row.labels.assign(fields.begin() + kBeforeAxes, fields.end() - kBehindAxes);
    row.seed = number<std::int64_t>(fields[kBeforeAxes + axes]);
    const std::string& fold = fields[kBeforeAxes + axes + 1];
    if (fold != kNone) row.fold = number<int>(fold);
    const auto settings = nlohmann::json::parse(fields.back(), nullptr, /*allow_exceptions=*/false);
    if (!settings.is_array()) fail("expected a JSON list of settings");
    for (const auto& item : settings) {
      if (!item.is_string()) fail("expected texts in the list of settings");
      row.settings.push_back(item.get<std::string>());
    }
    return row;
  }

  std::string_view rest_;
  const std::string& shown_;
  std::size_t line_ = 0;
};

}  // namespace

std::string to_tsv(const Manifest& manifest) {
  std::string text = joined(header(manifest.axes));
  for (const ManifestRow& row : manifest.rows) {
    std::vector<std::string> fields{fmt::format("{}", row.index), row.task, row.run_dir, row.grid};
    fields.insert(fields.end(), row.labels.begin(), row.labels.end());
    fields.push_back(fmt::format("{}", row.seed));
    fields.push_back(row.fold < 0 ? kNone : fmt::format("{}", row.fold));
    fields.push_back(nlohmann::json(row.settings).dump());
    text += joined(fields);
  }
  return text;
}

Manifest parse_manifest(std::string_view tsv, const std::string& shown) { return Parser(tsv, shown).parse(); }

}  // namespace brainmt::jobs
