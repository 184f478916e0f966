#include "prepare/series_file.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>
#include <set>

#include "base/error.hpp"
#include "io/cifti.hpp"
#include "io/lower_case.hpp"
#include "io/printable.hpp"
#include "io/table.hpp"
#include "io/table_text.hpp"

namespace brainmt::prepare {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMaxColumns = 65536;
constexpr std::array<std::string_view, 6> kEndings{".ptseries.nii.gz", ".ptseries.nii", ".tsv", ".csv", ".txt", ".1d"};

std::size_t ending_bytes(std::string_view file) {
  const std::string name = io::lower_case(file);
  for (const std::string_view ending : kEndings)
    if (name.ends_with(ending) && name.size() > ending.size()) return ending.size();
  return 0;
}

bool is_cifti(const fs::path& path) {
  return io::lower_case(path.filename().string()).find(".ptseries.nii") != std::string::npos;
}

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kBlanks = " \t\r";
  const std::size_t first = text.find_first_not_of(kBlanks);
  if (first == text.npos) return {};
  text = text.substr(first, text.find_last_not_of(kBlanks) + 1 - first);
  if (text.size() >= 2 && text.front() == '"' && text.back() == '"') text = text.substr(1, text.size() - 2);
  return text;
}

class TextSeries {
 public:
  TextSeries(const fs::path& path, bool columns_only) : path_(path), text_(io::read_table_text(path).text) {
    std::vector<std::string_view> row;
    bool any = false;
    while (next_line()) {
      if (!any) choose_separator();
      split(row);
      if (!any && !take_header(row)) add(row);
      if (any) add(row);
      any = true;
      if (columns_only && (series_.frames > 0 || !series_.names.empty())) break;
    }
    if (!any) fail_file("is empty, expected the series of parcels: a row a frame, a column a parcel");
    if (!columns_only && series_.frames == 0) fail_file("has a row of names and no frame");
    if (!columns_only) check_first_column();
  }

  SeriesFile take() { return std::move(series_); }

 private:
  [[noreturn]] void fail_file(const std::string& why) const {
    throw DataError(fmt::format("'{}' {}", path_.string(), why));
  }
  [[noreturn]] void fail(const std::string& why) const {
    throw DataError(fmt::format("'{}' line {}: {}", path_.string(), line_number_, why));
  }

  // The next line that is neither blank nor a comment.
  bool next_line() {
    while (at_ < text_.size()) {
      const std::size_t end = std::min(text_.find('\n', at_), text_.size());
      line_ = std::string_view(text_).substr(at_, end - at_);
      at_ = std::min(end + 1, text_.size());
      ++line_number_;
      if (line_.ends_with('\r')) line_.remove_suffix(1);
      const std::size_t first = line_.find_first_not_of(" \t");
      if (first != line_.npos && line_[first] != '#') return true;
    }
    return false;
  }

  void choose_separator() {
    for (const char c : {'\t', ',', ';'})
      if (line_.find(c) != line_.npos) {
        separator_ = c;
        return;
      }
    separator_ = ' ';
  }

  void split(std::vector<std::string_view>& row) const {
    row.clear();
    std::string_view rest = line_;
    if (separator_ == ' ') {
      while (!(rest = rest.substr(std::min(rest.find_first_not_of(" \t"), rest.size()))).empty()) {
        row.push_back(trimmed(rest.substr(0, rest.find_first_of(" \t"))));
        rest.remove_prefix(std::min(rest.find_first_of(" \t"), rest.size()));
      }
    } else {
      for (std::size_t end = 0; end != rest.npos; rest.remove_prefix(end == rest.npos ? 0 : end + 1)) {
        end = rest.find(separator_);
        row.push_back(trimmed(rest.substr(0, end)));
      }
    }
    if (row.size() > kMaxColumns) fail(fmt::format("more than {} columns", kMaxColumns));
  }

  // True if the row holds names: a word that is no number, or the columns' numbers from 0 or 1 on.
  bool take_header(std::vector<std::string_view>& row) {
    const bool words = std::ranges::any_of(
        row, [](std::string_view field) { return !io::is_missing_word(field) && !io::parse_number(field); });
    if (!words && !counts(row)) {
      series_.parcels = row.size();
      return false;
    }
    has_counter_ = row.size() > 1 && (row.front().empty() || io::lower_case(row.front()) == "unnamed: 0");
    if (has_counter_) row.erase(row.begin());
    std::set<std::string_view> seen;
    for (const std::string_view name : row) {
      if (name.empty()) fail(fmt::format("column {} has no name", series_.names.size() + 1));
      if (!seen.insert(name).second) fail(fmt::format("two columns are named {}", io::printable(name)));
      series_.names.emplace_back(name);
    }
    series_.parcels = series_.names.size();
    return true;
  }

  static bool counts(const std::vector<std::string_view>& row) {
    if (row.size() < 3) return false;
    const std::optional<double> first = io::parse_number(row.front());
    if (!first || (*first != 0 && *first != 1)) return false;
    for (std::size_t c = 0; c < row.size(); ++c)
      if (row[c] != std::to_string(static_cast<std::size_t>(*first) + c)) return false;
    return true;
  }

  void add(const std::vector<std::string_view>& row) {
    const std::size_t skipped = has_counter_ ? 1 : 0;
    if (row.size() != series_.parcels + skipped)
      fail(fmt::format("{} fields, expected {}", row.size(), series_.parcels + skipped));
    if (has_counter_) check_counter(row.front());
    for (std::size_t c = skipped; c < row.size(); ++c) {
      if (io::is_missing_word(row[c])) {
        series_.values.push_back(std::numeric_limits<float>::quiet_NaN());
        continue;
      }
      const std::optional<double> value = io::parse_number(row[c]);
      if (!value || std::abs(*value) > std::numeric_limits<float>::max())
        fail(fmt::format("column {}: {} is no number that a float holds (n/a where there is none)", c + 1,
                         io::printable(row[c])));
      series_.values.push_back(static_cast<float>(*value));
    }
    ++series_.frames;
  }

  void check_counter(std::string_view field) const {
    const std::optional<double> value = io::parse_number(field);
    const auto frame = static_cast<double>(series_.frames);
    if (value && (*value == frame || *value == frame + 1)) return;
    fail(fmt::format("the first column has no name and is {}, not the number of the frame", io::printable(field)));
  }

  // No parcel runs from 0, or from the first step, on in equal steps: numbers of frames, or times.
  void check_first_column() const {
    constexpr std::int64_t kFewest = 8;
    const auto value = [&](std::int64_t frame) {
      return static_cast<double>(series_.values[static_cast<std::size_t>(frame) * series_.parcels]);
    };
    if (series_.frames < kFewest) return;
    const double first = value(0), step = (value(series_.frames - 1) - first) / static_cast<double>(series_.frames - 1);
    if (!(step > 0) || first < 0 || first > step * (1 + 1e-3)) return;
    for (std::int64_t t = 1; t < series_.frames; ++t)
      if (!(std::abs(value(t) - first - static_cast<double>(t) * step) <= 1e-3 * step)) return;
    fail_file(fmt::format("has frames {}, {}, {}, ... in its first column{}, which is no parcel: take the column out{}",
                          value(0), value(1), value(2),
                          series_.names.empty() ? "" : fmt::format(" {}", io::printable(series_.names.front())),
                          series_.names.empty() ? ", or give it a header without a name" : ""));
  }

  const fs::path& path_;
  std::string text_;
  std::size_t at_ = 0, line_number_ = 0;
  std::string_view line_;
  char separator_ = '\t';
  bool has_counter_ = false;
  SeriesFile series_;
};

SeriesFile of_cifti(io::CiftiSeries&& cifti) {
  const std::size_t parcels = cifti.names.size();
  return {.names = std::move(cifti.names),
          .parcels = parcels,
          .frames = cifti.frames,
          .repetition_time = cifti.repetition_time,
          .values = std::move(cifti.values)};
}

}  // namespace

SeriesFile read_series(const fs::path& path) {
  return is_cifti(path) ? of_cifti(io::read_cifti_series(path)) : TextSeries(path, false).take();
}

SeriesFile read_series_columns(const fs::path& path) {
  return is_cifti(path) ? of_cifti(io::read_cifti_axes(path)) : TextSeries(path, true).take();
}

bool is_series_name(std::string_view file) { return ending_bytes(file) > 0; }

std::string without_series_ending(std::string_view file) {
  return std::string(file.substr(0, file.size() - ending_bytes(file)));
}

}  // namespace brainmt::prepare
