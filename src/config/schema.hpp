#pragma once
// The schema of a command: a table of its keys with type, default, allowed values and meaning. The table is the single
// source of `--help`, validation and defaults; keys_train.cpp and keys_tools.cpp hold the tables.
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/value.hpp"

namespace brainmt::config {

class Config;

/// One configuration key. Build it with the functions below and narrow it: `integer("run.epochs", 20,
/// "...").at_least(1)`.
struct Key {
  std::string name;  // at most one dot: "section.key" or "key"
  Type type;
  Value default_value;
  std::string help;
  std::vector<std::string> choices{};  // of a kChoice
  double low = -std::numeric_limits<double>::infinity();
  double high = std::numeric_limits<double>::infinity();
  bool low_excluded = false;
  std::size_t length = 0;  // exact length of a list; 0 leaves it free
  std::string word{};      // a list of numbers may be this word instead; its value is then { NaN }
  bool is_required = false;
  bool is_path = false;            // a leading ~ is the user's home, as shells have it at the start of a word only
  bool default_is_unsaid = false;  // key of a later version: left out of a run's identity while it has its default
  bool defines_result = true;      // false: a run may continue with another value (limits, logging, timeouts)

  Key at_least(double bound) const;
  Key above(double bound) const;
  Key at_most(double bound) const;
  Key of_length(std::size_t count) const;
  Key or_word(std::string word) const;
  Key required() const;
  Key free_to_change() const;
  Key unsaid_default() const;

  /// Throws std::invalid_argument naming what was expected when `value` is outside of the range, length or choices.
  void check(const Value& value) const;
  /// "float > 0", "one of fp32|bf16", "list of 3 integers >= 1".
  std::string describe_type() const;
};

Key boolean(std::string name, bool fallback, std::string help);
Key integer(std::string name, std::int64_t fallback, std::string help);
Key real(std::string name, double fallback, std::string help);
Key text(std::string name, std::string fallback, std::string help);
/// A text that is the path of a file or folder, or may be one.
Key file_path(std::string name, std::string fallback, std::string help);
Key choice(std::string name, std::string fallback, std::vector<std::string> choices, std::string help);
Key integers(std::string name, std::vector<std::int64_t> fallback, std::string help);
Key reals(std::string name, std::vector<double> fallback, std::string help);
Key texts(std::string name, std::vector<std::string> fallback, std::string help);

/// A condition between keys; throws UsageError naming the keys that conflict.
using Rule = void (*)(const Config&);

inline constexpr std::string_view kFamilyKey = "model.family";

/// The keys of one family of models (models/registry.hpp).
struct ModelKeys {
  std::string family;     // value of model.family
  std::vector<Key> keys;  // model.*
  std::vector<Rule> rules{};
};

/// How a command is called: for `--help` and for messages about what is missing.
struct Usage {
  std::vector<std::string> examples{};    // whole command lines
  std::vector<std::string> first_keys{};  // shown before the others in the help, as required ones are
  std::vector<std::string> positional{};  // keys that people give without their name, in that order
  /// Keys that are missing beside required ones, because of what others say.
  std::vector<std::string> (*further_required)(const Config&) = nullptr;
};

class Schema {
 public:
  /// `groups`: sections that can be loaded from a file by name (`model=small`).
  Schema(std::string command, std::vector<Key> keys, std::vector<std::string> groups = {}, std::vector<Rule> rules = {},
         Usage usage = {});

  /// One schema for each family of models, of which the first is the default. All are of one command and differ in
  /// their model.* keys; the key model.family tells which one holds.
  explicit Schema(std::vector<Schema> by_family);
  /// The schema for this model.family: of this command, or this one where it has no families. Throws UsageError listing
  /// the families; `where` says where the value was read.
  const Schema& for_family(const std::string& family, std::string_view where) const;

  const std::string& command() const { return command_; }
  const std::vector<Key>& keys() const { return keys_; }
  const std::vector<Rule>& rules() const { return rules_; }
  const std::vector<std::string>& groups() const { return groups_; }
  const Usage& usage() const { return usage_; }
  bool is_group(std::string_view name) const;
  /// True when keys "name.…" exist.
  bool is_section(std::string_view name) const;
  /// Position of a key. The command's own name is accepted as a section in front of it: `prepare.max_bad` is `max_bad`.
  std::optional<std::size_t> find(std::string_view name) const;
  /// The key; throws UsageError that names the nearest known key. `origin` says where the name was read.
  std::size_t find_or_throw(std::string_view name, std::string_view origin) const;

 private:
  std::string command_;
  std::vector<Key> keys_;
  std::vector<std::string> groups_;
  std::vector<Rule> rules_;
  Usage usage_;
  std::vector<Schema> families_;  // those but this one
};

}  // namespace brainmt::config
