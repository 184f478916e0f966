#include "config/value.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <pwd.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <iterator>
#include <stdexcept>

namespace brainmt::config {
namespace {

std::string_view trim(std::string_view text) {
  const auto first = text.find_first_not_of(" \t\r");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r") - first + 1);
}

bool is_quote(char c) { return c == '"' || c == '\''; }

// `text` without its quotes; a quoted text must end with the quote it began with.
std::string unquote(std::string_view text) {
  if (text.empty() || !is_quote(text.front())) return std::string(text);
  if (text.size() < 2 || text.back() != text.front()) throw std::invalid_argument("a closing quote");
  return std::string(text.substr(1, text.size() - 2));
}

RawValue parse_list(std::string_view text) {
  if (text.back() != ']') throw std::invalid_argument("a closing bracket ']'");
  RawValue raw{.items = {}, .is_list = true};
  std::string_view body = trim(text.substr(1, text.size() - 2));
  while (!body.empty()) {
    std::size_t end = 0;
    for (char quote = 0; end < body.size() && (quote != 0 || body[end] != ','); ++end) {
      if (quote == 0 && is_quote(body[end]))
        quote = body[end];
      else if (body[end] == quote)
        quote = 0;
    }
    const std::string_view item = trim(body.substr(0, end));
    if (item.empty() || end + 1 == body.size()) throw std::invalid_argument("a value between each two commas");
    raw.items.push_back(unquote(item));
    body = end < body.size() ? body.substr(end + 1) : std::string_view{};
  }
  return raw;
}

std::int64_t to_int(const std::string& text) {
  std::int64_t value = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error == std::errc::result_out_of_range) throw std::invalid_argument("an integer that fits into 64 bits");
  if (error != std::errc{} || stop != end) throw std::invalid_argument("an integer such as 3");
  return value;
}

double to_float(const std::string& text) {
  double value = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc{} || stop != end || !std::isfinite(value)) {
    throw std::invalid_argument("a finite number such as 0.05 or 1e-4");
  }
  return value;
}

bool to_bool(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  if (text == "true") return true;
  if (text == "false") return false;
  throw std::invalid_argument("true or false");
}

template <class T, class Convert>
std::vector<T> to_list(const RawValue& raw, const Convert& convert) {
  std::vector<T> values;
  for (const std::string& item : raw.items) values.push_back(convert(item));
  return values;
}

std::string to_plain_text(const std::string& text) {
  const auto is_control = [](char c) { return static_cast<unsigned char>(c) < 0x20; };
  if (std::any_of(text.begin(), text.end(), is_control)) throw std::invalid_argument("text without control characters");
  return text;
}

std::string quote_for_yaml(const std::string& text) {
  const auto plain = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '.' ||
           c == '/' || c == '-';
  };
  if (!text.empty() && text.front() != '-' && std::all_of(text.begin(), text.end(), plain)) return text;
  std::string quoted = "'";
  for (const char c : text) quoted += c == '\'' ? std::string("''") : std::string(1, c);
  return quoted + "'";
}

}  // namespace

bool is_list(Type type) { return type == Type::kInts || type == Type::kFloats || type == Type::kTexts; }

RawValue parse_raw(std::string_view text) {
  text = trim(text);
  if (!text.empty() && text.front() == '[') return parse_list(text);
  return {.items = {unquote(text)}, .is_list = false};
}

Value to_value(const RawValue& raw, Type type) {
  // One text is a list of one, and an empty text a list of none.
  if (type == Type::kTexts && !raw.is_list) {
    return raw.items.front().empty() ? std::vector<std::string>{} : std::vector{to_plain_text(raw.items.front())};
  }
  const bool wants_list = is_list(type);
  if (raw.is_list != wants_list)
    throw std::invalid_argument(wants_list ? "a list such as [1,2]" : "one value, not a list");
  switch (type) {
    case Type::kBool:
      return to_bool(raw.items.front());
    case Type::kInt:
      return to_int(raw.items.front());
    case Type::kFloat:
      return to_float(raw.items.front());
    case Type::kInts:
      return to_list<std::int64_t>(raw, to_int);
    case Type::kFloats:
      return to_list<double>(raw, to_float);
    case Type::kTexts:
      return to_list<std::string>(raw, to_plain_text);
    case Type::kString:
    case Type::kChoice:
      break;
  }
  return to_plain_text(raw.items.front());
}

std::string expand_home(const std::string& path) {
  if (!path.starts_with('~')) return path;
  const std::string name = path.substr(1, path.find('/') - 1);
  std::string home;
  if (name.empty()) {
    const char* own = std::getenv("HOME");
    if (own != nullptr) home = own;
  } else if (const passwd* entry = ::getpwnam(name.c_str())) {
    home = entry->pw_dir;
  }
  if (home.empty())
    throw std::invalid_argument(name.empty()
                                    ? "a path without ~, as HOME is not set"
                                    : fmt::format("a path: there is no user '{}' (./~{} is a file)", name, name));
  return home + path.substr(1 + name.size());
}

std::string to_yaml(const Value& value) {
  struct Visitor {
    std::string operator()(bool v) const { return v ? "true" : "false"; }
    std::string operator()(std::int64_t v) const { return fmt::format("{}", v); }
    std::string operator()(double v) const { return fmt::format("{}", v); }
    std::string operator()(const std::string& v) const { return quote_for_yaml(v); }
    std::string operator()(const std::vector<std::int64_t>& v) const { return fmt::format("[{}]", fmt::join(v, ", ")); }
    std::string operator()(const std::vector<double>& v) const { return fmt::format("[{}]", fmt::join(v, ", ")); }
    std::string operator()(const std::vector<std::string>& v) const {
      std::vector<std::string> quoted;
      std::transform(v.begin(), v.end(), std::back_inserter(quoted), quote_for_yaml);
      return fmt::format("[{}]", fmt::join(quoted, ", "));
    }
  };
  return std::visit(Visitor{}, value);
}

std::string to_text(const RawValue& raw) {
  if (raw.is_list) return fmt::format("[{}]", fmt::join(raw.items, ","));
  return "'" + raw.items.front() + "'";
}

}  // namespace brainmt::config
