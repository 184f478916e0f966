#include "config/schema.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <stdexcept>

#include "base/error.hpp"
#include "base/nearest.hpp"

namespace brainmt::config {
namespace {

Key make(std::string name, Type type, Value fallback, std::string help) {
  return Key{.name = std::move(name), .type = type, .default_value = std::move(fallback), .help = std::move(help)};
}

template <class Change>
Key changed(Key key, const Change& change) {
  change(key);
  return key;
}

std::string_view type_name(Type type) {
  switch (type) {
    case Type::kBool:
      return "true|false";
    case Type::kInt:
      return "integer";
    case Type::kFloat:
      return "number";
    case Type::kInts:
      return "integers";
    case Type::kFloats:
      return "numbers";
    case Type::kTexts:
      return "texts";
    case Type::kString:
    case Type::kChoice:
      break;
  }
  return "text";
}

// " > 0", " >= 1", " in [0, 1]" or nothing.
std::string range_text(const Key& key) {
  const double infinity = std::numeric_limits<double>::infinity();
  const bool has_low = key.low > -infinity, has_high = key.high < infinity;
  if (has_low && has_high) return fmt::format(" in {}{}, {}]", key.low_excluded ? '(' : '[', key.low, key.high);
  if (has_low) return fmt::format(" {} {}", key.low_excluded ? ">" : ">=", key.low);
  if (has_high) return fmt::format(" <= {}", key.high);
  return {};
}

}  // namespace

Key Key::at_least(double bound) const {
  return changed(*this, [=](Key& k) { k.low = bound; });
}
Key Key::at_most(double bound) const {
  return changed(*this, [=](Key& k) { k.high = bound; });
}
Key Key::of_length(std::size_t count) const {
  return changed(*this, [=](Key& k) { k.length = count; });
}
Key Key::or_word(std::string text) const {
  return changed(*this, [&](Key& k) { k.word = std::move(text); });
}
Key Key::required() const {
  return changed(*this, [](Key& k) { k.is_required = true; });
}
Key Key::free_to_change() const {
  return changed(*this, [](Key& k) { k.defines_result = false; });
}
Key Key::unsaid_default() const {
  return changed(*this, [](Key& k) { k.default_is_unsaid = true; });
}
Key Key::above(double bound) const {
  return changed(*this, [=](Key& k) {
    k.low = bound;
    k.low_excluded = true;
  });
}

void Key::check(const Value& value) const {
  const auto fail = [this] { throw std::invalid_argument(describe_type()); };
  const auto check_number = [&](double x) {
    if (x < low || x > high || (low_excluded && x == low)) fail();
  };
  const auto check_length = [&](const auto& list) {
    if (length != 0 && list.size() != length) fail();
  };
  const auto check_list = [&](const auto& list) {
    check_length(list);
    for (const auto x : list) check_number(static_cast<double>(x));
  };
  switch (type) {
    case Type::kBool:
    case Type::kString:
      break;
    case Type::kInt:
      check_number(static_cast<double>(std::get<std::int64_t>(value)));
      break;
    case Type::kFloat:
      check_number(std::get<double>(value));
      break;
    case Type::kInts:
      check_list(std::get<std::vector<std::int64_t>>(value));
      break;
    case Type::kFloats:
      check_list(std::get<std::vector<double>>(value));
      break;
    case Type::kTexts:
      check_length(std::get<std::vector<std::string>>(value));
      break;
    case Type::kChoice: {
      const auto& chosen = std::get<std::string>(value);
      // An empty text means "not given"; a required key refuses it later with its own message.
      const bool not_given = is_required && chosen.empty();
      if (!not_given && std::find(choices.begin(), choices.end(), chosen) == choices.end()) fail();
    }
  }
}

std::string Key::describe_type() const {
  if (type == Type::kChoice) return fmt::format("one of {}", fmt::join(choices, "|"));
  if (is_path && !is_list(type)) return "path";
  const std::string instead = word.empty() ? "" : fmt::format(", or {}", word);
  const std::string count = length == 0 ? "" : fmt::format("{} ", length);
  return fmt::format("{}{}{}{}{}", is_list(type) ? "list of " : "", count, type_name(type), range_text(*this), instead);
}

Key boolean(std::string name, bool fallback, std::string help) {
  return make(std::move(name), Type::kBool, fallback, std::move(help));
}
Key integer(std::string name, std::int64_t fallback, std::string help) {
  return make(std::move(name), Type::kInt, fallback, std::move(help));
}
Key real(std::string name, double fallback, std::string help) {
  return make(std::move(name), Type::kFloat, fallback, std::move(help));
}
Key text(std::string name, std::string fallback, std::string help) {
  return make(std::move(name), Type::kString, std::move(fallback), std::move(help));
}
Key file_path(std::string name, std::string fallback, std::string help) {
  Key key = text(std::move(name), std::move(fallback), std::move(help));
  key.is_path = true;
  return key;
}
Key choice(std::string name, std::string fallback, std::vector<std::string> choices, std::string help) {
  Key key = make(std::move(name), Type::kChoice, std::move(fallback), std::move(help));
  key.choices = std::move(choices);
  return key;
}
Key integers(std::string name, std::vector<std::int64_t> fallback, std::string help) {
  return make(std::move(name), Type::kInts, std::move(fallback), std::move(help));
}
Key reals(std::string name, std::vector<double> fallback, std::string help) {
  return make(std::move(name), Type::kFloats, std::move(fallback), std::move(help));
}

Key texts(std::string name, std::vector<std::string> fallback, std::string help) {
  return make(std::move(name), Type::kTexts, std::move(fallback), std::move(help));
}

Schema::Schema(std::string command, std::vector<Key> keys, std::vector<std::string> groups, std::vector<Rule> rules,
               Usage usage)
    : command_(std::move(command)),
      keys_(std::move(keys)),
      groups_(std::move(groups)),
      rules_(std::move(rules)),
      usage_(std::move(usage)) {
  for (const Key& key : keys_) {
    BRAINMT_CHECK(std::count(key.name.begin(), key.name.end(), '.') <= 1, "key {} has more than one dot", key.name);
    const auto same = [&](const Key& other) { return other.name == key.name; };
    BRAINMT_CHECK(std::count_if(keys_.begin(), keys_.end(), same) == 1, "key {} is listed twice", key.name);
    key.check(key.default_value);
  }
}

Schema::Schema(std::vector<Schema> by_family) : Schema(std::move(by_family.at(0))) {
  families_.assign(std::make_move_iterator(by_family.begin() + 1), std::make_move_iterator(by_family.end()));
}

const Schema& Schema::for_family(const std::string& family, std::string_view where) const {
  const auto key = find(kFamilyKey);
  if (!key) return *this;
  const auto& known = keys_[*key].choices;
  const auto found = std::ranges::find(known, family);
  if (found == known.end())
    throw UsageError(
        fmt::format("{}: {}: expected one of {}, found {}", where, kFamilyKey, fmt::join(known, "|"), family));
  const auto index = static_cast<std::size_t>(found - known.begin());
  return index == 0 ? *this : families_.at(index - 1);
}

bool Schema::is_group(std::string_view name) const {
  return std::find(groups_.begin(), groups_.end(), name) != groups_.end();
}

bool Schema::is_section(std::string_view name) const {
  return std::any_of(keys_.begin(), keys_.end(), [&](const Key& key) {
    return key.name.size() > name.size() && key.name.starts_with(name) && key.name[name.size()] == '.';
  });
}

std::optional<std::size_t> Schema::find(std::string_view name) const {
  const auto position = [this](std::string_view wanted) -> std::optional<std::size_t> {
    for (std::size_t i = 0; i < keys_.size(); ++i) {
      if (keys_[i].name == wanted) return i;
    }
    return std::nullopt;
  };
  if (const auto found = position(name)) return found;
  const bool prefixed = name.size() > command_.size() && name.starts_with(command_) && name[command_.size()] == '.';
  return prefixed ? position(name.substr(command_.size() + 1)) : std::nullopt;
}

std::size_t Schema::find_or_throw(std::string_view name, std::string_view origin) const {
  if (const auto found = find(name)) return *found;
  if (is_section(name)) {
    throw UsageError(
        fmt::format("{}: '{}' is a section, expected one of its keys, such as {}.KEY=VALUE; see "
                    "'brainmt {} --help'",
                    origin, name, name, command_));
  }
  std::vector<std::string> known = groups_;
  for (const Key& key : keys_) known.push_back(key.name);
  const std::string nearest = nearest_name(name, known);
  throw UsageError(fmt::format("{}: unknown key '{}' for '{}'{}; 'brainmt {} --help' lists every key", origin, name,
                               command_, nearest.empty() ? "" : fmt::format(", did you mean '{}'?", nearest),
                               command_));
}

}  // namespace brainmt::config
