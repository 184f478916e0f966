#include "io/ukb_field.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace brainmt::io {
namespace {

// Takes the parts of a name off its front, one after the other. Copies are cheap: a spelling that does not fit is
// given up and the next one tried from the start.
class Parts {
 public:
  explicit Parts(std::string_view rest) : rest_(rest) {}

  bool skip(std::string_view literal) {
    const auto same = [](char a, char b) { return (a >= 'A' && a <= 'Z' ? a - 'A' + 'a' : a) == b; };
    if (rest_.size() < literal.size() || !std::equal(literal.begin(), literal.end(), rest_.begin(),
                                                     [&](char wanted, char found) { return same(found, wanted); })) {
      return false;
    }
    rest_.remove_prefix(literal.size());
    return true;
  }
  std::optional<int> number() {
    constexpr std::ptrdiff_t kMaxDigits = 6;  // fields have five, instances and repeats fewer
    int value = 0;
    const auto [end, error] = std::from_chars(rest_.data(), rest_.data() + rest_.size(), value);
    const std::ptrdiff_t digits = end - rest_.data();
    if (error != std::errc{} || value < 0 || rest_.front() == '-' || digits > kMaxDigits) return std::nullopt;
    rest_.remove_prefix(static_cast<std::size_t>(digits));
    return value;
  }
  bool empty() const { return rest_.empty(); }

 private:
  std::string_view rest_;
};

// <lead>FIELD, then instance and array index, each behind its separator and only with what stands before it.
struct Spelling {
  std::string_view lead, before_instance, before_array;
  bool needs_instance;
};

constexpr Spelling kSpellings[] = {
    {"", "-", ".", true},   {"p", "_i", "_a", false}, {"participant.p", "_i", "_a", false},
    {"f.", ".", ".", true}, {"x", "_", "_", true},    {"n_", "_", "_", true}};

std::optional<UkbField> read_as(const Spelling& spelling, std::string_view name) {
  Parts parts(name);
  if (!parts.skip(spelling.lead)) return std::nullopt;
  const auto field = parts.number();
  if (!field || *field == 0) return std::nullopt;
  UkbField out{.field = *field, .instance = {}, .array = {}};
  const auto read = [&](std::string_view separator, std::optional<int>& value) {
    return !parts.skip(separator) || (value = parts.number()).has_value();
  };
  if (!read(spelling.before_instance, out.instance)) return std::nullopt;
  // p26_a0: a field with repeats and a single instance has no _i
  if ((out.instance || !spelling.needs_instance) && !read(spelling.before_array, out.array)) return std::nullopt;
  if (!parts.empty() || (spelling.needs_instance && !out.instance)) return std::nullopt;
  return out;
}

}  // namespace

std::optional<UkbField> parse_ukb_field(std::string_view name) {
  for (const Spelling& spelling : kSpellings) {
    if (const auto field = read_as(spelling, name)) return field;
  }
  return std::nullopt;
}

std::string to_text(const UkbField& field) {
  std::string text = fmt::format("{}", field.field);
  if (field.instance) text += fmt::format("-{}", *field.instance);
  if (field.array) text += fmt::format(".{}", *field.array);
  return text;
}

}  // namespace brainmt::io
