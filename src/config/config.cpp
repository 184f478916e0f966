#include "config/config.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>
#include <stdexcept>

namespace brainmt::config {
namespace {

// The value of a key set to its Key::word.
constexpr double kWord = std::numeric_limits<double>::quiet_NaN();

bool holds_word(const Value& value) {
  const auto* numbers = std::get_if<std::vector<double>>(&value);
  return numbers != nullptr && numbers->size() == 1 && std::isnan(numbers->front());
}

std::string section_of(const std::string& name) { return name.substr(0, name.find('.')); }

// Of a path, or of each path in a list.
void expand_homes(Value& value) {
  if (auto* path = std::get_if<std::string>(&value)) *path = expand_home(*path);
  if (auto* paths = std::get_if<std::vector<std::string>>(&value))
    std::ranges::transform(*paths, paths->begin(), expand_home);
}

}  // namespace

Config::Config(const Schema& schema) : schema_(&schema) {
  for (const Key& key : schema.keys()) entries_.push_back({.value = key.default_value, .where = {}});
}

const Config::Entry& Config::entry(std::string_view name) const {
  const auto found = schema_->find(name);
  BRAINMT_CHECK(found.has_value(), "command {} has no key {}", schema_->command(), name);
  return entries_[*found];
}

bool Config::is_word(std::string_view name) const { return holds_word(entry(name).value); }

void Config::set(std::string_view name, const RawValue& raw, Origin origin, std::string_view where) {
  const std::size_t position = schema_->find_or_throw(name, where);
  const Key& key = schema_->keys()[position];
  try {
    const bool word = !key.word.empty() && !raw.is_list && raw.items.front() == key.word;
    if (word) {
      entries_[position] = {.value = std::vector{kWord}, .origin = origin, .where = std::string(where)};
      return;
    }
    Value value = to_value(raw, key.type);
    if (key.is_path) expand_homes(value);
    key.check(value);
    entries_[position] = {.value = std::move(value), .origin = origin, .where = std::string(where)};
  } catch (const std::invalid_argument& expected) {
    // A range of numbers may name the word already.
    const std::string what = expected.what();
    const std::string word = key.word.empty() || what.find(key.word) != what.npos
                                 ? ""
                                 : fmt::format(", or {} alone ({}={})", key.word, key.name, key.word);
    throw UsageError(fmt::format("{}: {}: expected {}{}, found {}", where, key.name, what, word, to_text(raw)));
  }
}

void Config::fill_from(const Config& other) {
  for (std::size_t k = 0; k < entries_.size(); ++k) {
    const Key& key = schema_->keys()[k];
    if (entries_[k].origin != Origin::kDefault) continue;
    const auto found = std::ranges::find(other.schema_->keys(), key.name, &Key::name);
    if (found == other.schema_->keys().end() || found->type != key.type) continue;
    entries_[k] = other.entries_[static_cast<std::size_t>(found - other.schema_->keys().begin())];
  }
}

void Config::validate() const {
  std::vector<std::size_t> missing;
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    const auto* value = std::get_if<std::string>(&entries_[i].value);
    if (schema_->keys()[i].is_required && value != nullptr && value->empty()) missing.push_back(i);
  }
  if (schema_->usage().further_required)
    for (const std::string& name : schema_->usage().further_required(*this)) missing.push_back(*schema_->find(name));
  if (!missing.empty()) refuse_missing(missing);
  for (const Rule rule : schema_->rules()) rule(*this);
}

// All missing keys in one message, with an example command line.
void Config::refuse_missing(const std::vector<std::size_t>& missing) const {
  std::string names;
  for (const std::size_t i : missing)
    names += fmt::format("{}{}=...", names.empty() ? "" : ", ", schema_->keys()[i].name);
  const Key& first = schema_->keys()[missing.front()];
  const std::string meaning = missing.size() == 1 ? fmt::format(" ({}; {})", first.describe_type(), first.help) : "";
  const auto& examples = schema_->usage().examples;
  const std::string example = examples.empty() ? "" : fmt::format("; for example: {}", examples.front());
  throw UsageError(fmt::format("'{}' needs {}{}{}", schema_->command(), names, meaning, example));
}

std::string Config::to_yaml(bool comments) const { return emit(comments, /*identity_only=*/false); }
std::string Config::identity() const { return emit(/*comments=*/false, /*identity_only=*/true); }

std::string Config::emit(bool comments, bool identity_only) const {
  const auto& keys = schema_->keys();
  const auto line = [&](std::size_t i, std::string_view shown) {
    const Entry& e = entries_[i];
    const bool remark = comments && e.origin != Origin::kDefault;
    return fmt::format("{}: {}{}\n", shown, holds_word(e.value) ? keys[i].word : brainmt::config::to_yaml(e.value),
                       remark ? "  # " + e.where : "");
  };
  const auto skipped = [&](std::size_t i) {
    const bool unsaid = keys[i].default_is_unsaid && entries_[i].value == keys[i].default_value;
    return identity_only && (!keys[i].defines_result || unsaid);
  };
  std::string out;
  std::set<std::string> done;
  for (std::size_t i = 0; i < keys.size(); ++i) {
    const std::string section = section_of(keys[i].name);
    if (keys[i].name == section) {
      if (!skipped(i)) out += line(i, section);
      continue;
    }
    if (!done.insert(section).second) continue;
    // `task` and `task.target` are both keys: such a section cannot be a map, its keys are written with their dot.
    const bool flat = schema_->find(section).has_value();
    std::string body;
    for (std::size_t j = i; j < keys.size(); ++j) {
      const std::string& name = keys[j].name;
      if (section_of(name) != section || name == section || skipped(j)) continue;
      body += flat ? line(j, name) : "  " + line(j, name.substr(section.size() + 1));
    }
    if (!body.empty()) out += flat ? body : section + ":\n" + body;
  }
  return out;
}

}  // namespace brainmt::config
