#include "prepare/column_values.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <optional>
#include <string_view>

#include "io/printable.hpp"
#include "io/ukb_codes.hpp"
#include "prepare/age_band.hpp"

namespace brainmt::prepare {
namespace {

constexpr double kMissing = std::numeric_limits<double>::quiet_NaN();

// One column while it is read: its fields, and what was found in them.
class Column {
 public:
  Column(const io::Table& table, std::size_t column, bool keep_codes, ColumnNotes& notes)
      : table_(table),
        column_(column),
        field_(keep_codes ? std::nullopt : io::parse_ukb_field(table.names()[column])),
        notes_(notes) {}

  Values read() {
    for (std::size_t row = 0; row < table_.rows(); ++row) look(row);
    const std::size_t others = given_ - numbers_ - less_;
    note_excel();
    if (given_ > 0 && others == 0 && numbers_ > 0) return as_numbers();
    if (auto bands = age_bands()) return *std::move(bands);
    if (numbers_ + decimal_commas_ > given_ / 2) note_odd();
    note_codes();
    return as_texts();
  }

 private:
  bool is_non_answer(const std::string& text) const { return field_ && io::is_ukb_non_answer(text); }
  bool is_less_than_one(const std::string& text) const { return field_ && io::is_ukb_less_than_one(text); }
  bool missing(std::size_t row) const { return table_.missing(row, column_) || is_non_answer(text(row)); }
  const std::string& text(std::size_t row) const { return table_.text(row, column_); }
  std::string name() const { return io::printable(table_.names()[column_]); }

  void look(std::size_t row) {
    const std::string& field = text(row);
    if (io::is_excel_error(field) && excel_++ == 0) first_excel_ = row;
    if (table_.missing(row, column_)) return;
    if (is_non_answer(field)) {
      ++codes_[field];
      return;
    }
    ++given_;
    if (io::parse_number(field)) {
      ++numbers_;
    } else if (is_less_than_one(field)) {
      ++less_;
    } else {
      decimal_commas_ += std::ranges::count(field, ',') == 1 && is_decimal_comma(field) ? 1 : 0;
      if (odd_++ == 0) first_odd_ = row;
    }
  }

  static bool is_decimal_comma(std::string field) {
    field[field.find(',')] = '.';
    return io::parse_number(field).has_value();
  }

  Values as_numbers() {
    std::vector<double> values;
    std::size_t small = less_;
    for (std::size_t row = 0; row < table_.rows(); ++row) {
      double value = missing(row) ? kMissing : io::parse_number(text(row)).value_or(io::kLessThanOne);
      const io::UkbCode code = field_ ? io::ukb_code(field_->field, value) : io::UkbCode::kNone;
      if (code == io::UkbCode::kMissing) {
        ++codes_[fmt::format("{}", value)];
        value = kMissing;
      } else if (code == io::UkbCode::kLessThanOne) {
        ++small;
        value = io::kLessThanOne;
      }
      values.push_back(value);
    }
    note_codes();
    if (small > 0) notes_.less.push_back(fmt::format("{} ({} values)", name(), small));
    if (field_) {
      const std::vector<int> suspects = io::ukb_suspects(field_->field, values);
      if (!suspects.empty()) notes_.suspects.push_back(fmt::format("{} ({})", name(), fmt::join(suspects, ", ")));
    }
    return values;
  }

  // The column's bands as numbers, if it holds bands and missing values only.
  std::optional<Values> age_bands() {
    std::vector<double> years;
    for (std::size_t row = 0; row < table_.rows(); ++row) {
      const auto band = missing(row) ? std::optional(kMissing) : parse_age_band(text(row));
      if (!band) return std::nullopt;
      years.push_back(*band);
    }
    if (given_ == 0) return std::nullopt;
    notes_.bands.push_back(name());
    return years;
  }

  Values as_texts() const {
    std::vector<std::string> values;
    for (std::size_t row = 0; row < table_.rows(); ++row) values.push_back(missing(row) ? std::string() : text(row));
    return values;
  }

  void note_excel() {
    if (excel_ == 0) return;
    notes_.excel.push_back(fmt::format("{}: {} on line {}{}", name(), text(first_excel_), table_.line(first_excel_),
                                       excel_ > 1 ? fmt::format(" and {} more", excel_ - 1) : ""));
  }

  void note_odd() {
    std::string more = odd_ > 1 ? fmt::format(", and {} more", odd_ - 1) : "";
    notes_.odd.push_back(
        fmt::format("{}: {}{}", table_.where(first_odd_, column_), io::printable(text(first_odd_)), more));
  }

  void note_codes() {
    std::string counts;
    for (const auto& [code, count] : codes_) counts += fmt::format("{}{}: {}", counts.empty() ? "" : ", ", code, count);
    if (!counts.empty()) notes_.codes.push_back(fmt::format("{} ({})", name(), counts));
  }

  const io::Table& table_;
  std::size_t column_;
  std::optional<io::UkbField> field_;
  ColumnNotes& notes_;
  std::size_t given_ = 0, numbers_ = 0, less_ = 0, decimal_commas_ = 0, odd_ = 0, excel_ = 0;
  std::size_t first_odd_ = 0, first_excel_ = 0;
  std::map<std::string, std::size_t> codes_;  // answers that are no amounts, with their counts
};

std::string listed(const std::vector<std::string>& entries) {
  constexpr std::size_t kMax = 8;
  const std::size_t shown = std::min(entries.size(), kMax);
  return fmt::format("{}{}", fmt::join(entries.begin(), entries.begin() + static_cast<std::ptrdiff_t>(shown), "; "),
                     entries.size() > shown ? fmt::format("; and {} more columns", entries.size() - shown) : "");
}

}  // namespace

std::vector<std::string> ColumnNotes::information() const {
  if (bands.empty()) return {};
  return {fmt::format("age bands are kept as the middle of each band, an open band as its lower edge: column {}",
                      listed(bands))};
}

std::vector<std::string> ColumnNotes::warnings() const {
  std::vector<std::string> lines;
  if (!odd.empty())
    lines.push_back(
        fmt::format("kept as text because of a field that is no number, though most are (correct it, or "
                    "leave it empty, where numbers are meant): {}",
                    listed(odd)));
  if (!excel.empty()) lines.push_back(fmt::format("Excel's errors count as missing: column {}", listed(excel)));
  if (!codes.empty())
    lines.push_back(
        fmt::format("UK Biobank's answers that are no amounts count as missing (ukb_codes=keep keeps them): "
                    "column {}",
                    listed(codes)));
  if (!less.empty())
    lines.push_back(fmt::format("UK Biobank's -10, less than one, is taken for {} (ukb_codes=keep keeps it): column {}",
                                io::kLessThanOne, listed(less)));
  if (!suspects.empty())
    lines.push_back(
        fmt::format("these values look like UK Biobank's codes for no answer, and are kept as numbers: "
                    "column {}; leave them empty in the table if they are",
                    listed(suspects)));
  return lines;
}

Values column_values(const io::Table& table, std::size_t column, bool keep_ukb_codes, ColumnNotes& notes) {
  return Column(table, column, keep_ukb_codes, notes).read();
}

}  // namespace brainmt::prepare
