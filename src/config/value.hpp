#pragma once
// Values of configuration keys: the types a key may have, and the locale-free conversion between text and value.
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace brainmt::config {

enum class Type { kBool, kInt, kFloat, kString, kChoice, kInts, kFloats, kTexts };

using Value = std::variant<bool, std::int64_t, double, std::string, std::vector<std::int64_t>, std::vector<double>,
                           std::vector<std::string>>;

bool is_list(Type type);

/// A value before the type of its key is known: one scalar, or a flat list of scalars.
struct RawValue {
  std::vector<std::string> items;
  bool is_list = false;
};

/// Text after the '=' of an override: `3`, `1e-4`, `[12,8]`, `"quoted, with comma"`, `plain text`. Throws
/// std::invalid_argument with a reason: an open bracket or quote, an empty list item.
RawValue parse_raw(std::string_view text);

/// `raw` as a value of `type`. Throws std::invalid_argument with what was expected ("an integer such as 3").
Value to_value(const RawValue& raw, Type type);

/// `path` with a leading `~` or `~name` replaced by a home directory; `./~` is a file of that name. Throws
/// std::invalid_argument when there is no such home.
std::string expand_home(const std::string& path);

/// Numbers with the fewest digits that read back the same; lists as [a, b]; strings quoted where YAML needs it.
std::string to_yaml(const Value& value);

/// `raw` as a user would type it, for messages.
std::string to_text(const RawValue& raw);

}  // namespace brainmt::config
