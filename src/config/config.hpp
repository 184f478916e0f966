#pragma once
// A resolved configuration: every key of one schema with its value and where that value came from.
// Sources, each one overruling those before it: defaults of the schema; the file given with --config (first the groups
// that it chooses, then its keys); groups chosen on the command line (`model=small`); `key=value` overrides, from left
// to right. Nothing here depends on the rank: every rank resolves the same configuration by itself.
#include <filesystem>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "base/error.hpp"
#include "config/schema.hpp"

namespace brainmt::config {

enum class Origin { kDefault, kGroup, kFile, kOverride };

class Config {
 public:
  /// All defaults. The schema must outlive the configuration (the schemas of keys.hpp live for the whole program).
  explicit Config(const Schema& schema);

  const Schema& schema() const { return *schema_; }

  /// Value of a key as bool, int, std::int64_t, double, std::string, or std::vector of std::int64_t, double or
  /// std::string. Asking for an unknown key or another type than the schema's is a bug; an integer too large for int a
  /// UsageError.
  template <class T>
  T get(std::string_view name) const;

  /// The value as a variant, for comparisons.
  const Value& value(std::string_view name) const { return entry(name).value; }
  Origin origin(std::string_view name) const { return entry(name).origin; }
  /// True if the user gave the key, in a file or on the command line.
  bool is_set(std::string_view name) const { return origin(name) != Origin::kDefault; }

  /// True if the key has its word (Key::or_word) instead of numbers.
  bool is_word(std::string_view name) const;

  /// Sets a key from text. Throws UsageError naming `where`, the key, what was expected and what was found.
  void set(std::string_view name, const RawValue& raw, Origin origin, std::string_view where);

  /// Keys that were not given here take value and origin from `other`, where that has them with the same type.
  void fill_from(const Config& other);

  /// Throws UsageError when a required key has no value or a rule between keys is broken.
  void validate() const;

  /// YAML that `--config` reads back to the same values; with `comments` each line that is not a default says its
  /// origin.
  std::string to_yaml(bool comments = false) const;
  /// The same, of the keys only that decide the numbers of a run: a run continues when this text is unchanged. Keys
  /// that came later are in it only with another value than their default, so that earlier runs continue too.
  std::string identity() const;

 private:
  struct Entry {
    Value value;
    Origin origin = Origin::kDefault;
    std::string where;
  };
  const Entry& entry(std::string_view name) const;
  [[noreturn]] void refuse_missing(const std::vector<std::size_t>& missing) const;
  std::string emit(bool comments, bool identity_only) const;

  const Schema* schema_;
  std::vector<Entry> entries_;  // in the order of schema().keys()
};

/// The command line's part of the configuration.
struct Sources {
  std::string file;                                // --config, may be empty
  std::vector<std::string> overrides;              // key=value
  std::vector<std::filesystem::path> directories;  // where groups and named files are looked for
};

/// Resolves without validate(), so that an incomplete configuration can be printed. Throws UsageError.
Config resolve(const Schema& schema, const Sources& sources);

/// A path as given, or the name of a file (with or without .yaml) in one of the directories. `shown` is what the user
/// set to choose it, for the message. Throws UsageError.
std::filesystem::path find_file(const std::string& name, const std::vector<std::filesystem::path>& directories,
                                std::string_view shown);

/// Names of the files <directory>/<group>/<name>.yaml, sorted.
std::vector<std::string> group_names(const std::string& group, const std::vector<std::filesystem::path>& directories);

/// BRAINMT_CONFIG_DIR when set, the checkout of a built binary, the share folder of an installed one.
std::vector<std::filesystem::path> default_directories();

template <class T>
T Config::get(std::string_view name) const {
  const Value& value = entry(name).value;
  if constexpr (std::is_same_v<T, int>) {
    const auto wide = get<std::int64_t>(name);
    if (wide != static_cast<int>(wide))
      throw UsageError(fmt::format("{}={}: expected an integer below 2^31", name, wide));
    return static_cast<int>(wide);
  } else {
    const T* typed = std::get_if<T>(&value);
    BRAINMT_CHECK(typed != nullptr, "key {} is asked for as another type than its schema says", name);
    return *typed;
  }
}

}  // namespace brainmt::config
