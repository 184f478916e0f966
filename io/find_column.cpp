#include "io/find_column.hpp"

#include <algorithm>
#include <array>
#include <vector>

#include "base/error.hpp"
#include "base/nearest.hpp"
#include "io/lower_case.hpp"
#include "io/printable.hpp"
#include "io/ukb_field.hpp"

namespace brainmt::io {
namespace {

constexpr int kSexField = 31, kImagingInstance = 2;

// A known quantity: names a user may give, and names of columns that hold it. Lower case; empty strings end the lists.
struct Alias {
  std::array<std::string_view, 2> asked;
  std::array<std::string_view, 3> columns;
  int ukb_field;  // 0: none
  std::string_view last_resort;
};
constexpr std::array kAliases{
    Alias{{"sex", "gender"}, {"sex", "gender"}, kSexField, ""},
    Alias{{"age"}, {"age", "age_in_yrs"}, 21003, ""},
    Alias{{"site"}, {"site", "site_id"}, 54, ""},
    Alias{{"mean_fd"}, {"mean_fd"}, 25741, ""},
    Alias{{"cognition", "fluid_intelligence"}, {"cognition", "cogtotalcomp_ageadj"}, 20016, ""},
    Alias{{"family", "family_id"}, {"family", "family_id"}, 0, "mother_id"},
};

int default_instance(int field) { return field == kSexField ? 0 : kImagingInstance; }

// Does a column hold what is wanted?
bool same_measure(const UkbField& column, const UkbField& wanted) {
  const int instance = wanted.instance.value_or(default_instance(wanted.field));
  return column.field == wanted.field && column.instance.value_or(0) == instance &&
         column.array.value_or(0) == wanted.array.value_or(0);
}

// "31" is a field when it is asked for, but no column name of UK Biobank.
std::optional<UkbField> wanted_field(std::string_view wanted) {
  if (const auto field = parse_ukb_field(wanted)) return field;
  const bool digits = std::ranges::all_of(wanted, [](char c) { return c >= '0' && c <= '9'; });
  return digits ? parse_ukb_field("p" + std::string(wanted)) : std::nullopt;
}

template <class Matches>
std::vector<std::size_t> columns_where(std::span<const std::string> names, const Matches& matches) {
  std::vector<std::size_t> found;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (matches(names[i])) found.push_back(i);
  }
  return found;
}

std::string listed(std::span<const std::string> names, const std::vector<std::size_t>& columns) {
  constexpr std::size_t kMaxShown = 6;
  std::string text;
  for (std::size_t i = 0; i < std::min(columns.size(), kMaxShown); ++i) {
    text += (i == 0 ? "" : ", ") + printable(names[columns[i]]);
  }
  return text + (columns.size() > kMaxShown ? ", ..." : "");
}

// The only one, nothing, or an error that names them all.
std::optional<std::size_t> only_one(std::span<const std::string> names, const std::vector<std::size_t>& found,
                                    std::string_view wanted) {
  if (found.size() > 1) {
    throw DataError(fmt::format("column {} may be any of {}: give the one that is meant by its full name",
                                printable(wanted), listed(names, found)));
  }
  return found.empty() ? std::nullopt : std::optional(found.front());
}

std::vector<std::size_t> columns_of_field(std::span<const std::string> names, const UkbField& wanted) {
  return columns_where(names, [&](const std::string& name) {
    const auto field = parse_ukb_field(name);
    return field && same_measure(*field, wanted);
  });
}

const Alias* alias_of(std::string_view lower_name) {
  if (lower_name.empty()) return nullptr;
  const auto found =
      std::ranges::find_if(kAliases, [&](const Alias& a) { return std::ranges::count(a.asked, lower_name) > 0; });
  return found == kAliases.end() ? nullptr : &*found;
}

std::vector<std::size_t> columns_of_alias(std::span<const std::string> names, const Alias& alias) {
  auto found = columns_where(names, [&](const std::string& name) {
    if (std::ranges::count(alias.columns, lower_case(name)) > 0) return true;
    const auto field = parse_ukb_field(name);
    return alias.ukb_field != 0 && field && same_measure(*field, {alias.ukb_field, {}, {}});
  });
  if (found.empty() && !alias.last_resort.empty()) {
    found = columns_where(names, [&](const std::string& name) { return lower_case(name) == alias.last_resort; });
  }
  return found;
}

// Suggestion for a missing column.
std::string hint(std::span<const std::string> names, std::string_view wanted) {
  const Alias* alias = alias_of(lower_case(wanted));
  const auto field = alias != nullptr && alias->ukb_field != 0 ? UkbField{alias->ukb_field, {}, {}}
                                                               : wanted_field(wanted).value_or(UkbField{});
  const auto related = columns_where(names, [&](const std::string& name) {
    const auto other = parse_ukb_field(name);
    return field.field != 0 && other && other->field == field.field;
  });
  if (!related.empty()) {
    return fmt::format("instance {} of field {} is meant, found {}; name one of these if it will do",
                       field.instance.value_or(default_instance(field.field)), field.field, listed(names, related));
  }
  const std::string nearest = nearest_name(wanted, {names.begin(), names.end()});
  if (!nearest.empty()) return fmt::format("did you mean {}?", printable(nearest));
  if (names.empty()) return "it has no columns";
  return fmt::format("it has {} columns, the first is {}", names.size(), printable(names[0]));
}

}  // namespace

std::optional<std::size_t> find_column(std::span<const std::string> names, std::string_view wanted) {
  const auto exact = std::ranges::find(names, wanted);
  if (exact != names.end()) return static_cast<std::size_t>(exact - names.begin());
  if (const auto field = wanted_field(wanted)) return only_one(names, columns_of_field(names, *field), wanted);
  const std::string lower = lower_case(wanted);
  if (const Alias* alias = alias_of(lower)) return only_one(names, columns_of_alias(names, *alias), wanted);
  return only_one(names, columns_where(names, [&](const std::string& name) { return lower_case(name) == lower; }),
                  wanted);
}

std::size_t require_column(std::span<const std::string> names, std::string_view wanted, std::string_view where) {
  try {
    if (const auto found = find_column(names, wanted)) return *found;
  } catch (const DataError& error) {
    throw DataError(fmt::format("{}: {}", where, error.what()));
  }
  throw DataError(fmt::format("{} has no column {}; {}", where, printable(wanted), hint(names, wanted)));
}

}  // namespace brainmt::io
