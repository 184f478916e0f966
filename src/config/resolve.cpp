// Where values come from: files, groups and overrides, applied to a Config in the order that config.hpp states.
#include <fmt/ranges.h>

#include <algorithm>
#include <cstdlib>
#include <set>
#include <stdexcept>
#include <utility>

#include "base/nearest.hpp"
#include "config/config.hpp"
#include "config/yaml.hpp"

namespace brainmt::config {
namespace {

namespace fs = std::filesystem;

struct Override {
  std::string key;
  RawValue value;
};

Override parse_override(const std::string& text) {
  const std::size_t equals = text.find('=');
  if (equals == std::string::npos || equals == 0) {
    throw UsageError(fmt::format("'{}': expected key=value, such as optimizer.lr=1e-4", text));
  }
  try {
    return {text.substr(0, equals), parse_raw(std::string_view(text).substr(equals + 1))};
  } catch (const std::invalid_argument& expected) {
    throw UsageError(fmt::format("'{}': expected {}", text, expected.what()));
  }
}

std::string listed(const std::vector<fs::path>& directories) {
  if (directories.empty()) return "; set BRAINMT_CONFIG_DIR to the configs folder";
  std::string text = "; looked in";
  for (const fs::path& directory : directories) text += fmt::format(" {}", directory.string());
  return text;
}

std::string home_expanded(const std::string& path, const std::string& where) {
  try {
    return expand_home(path);
  } catch (const std::invalid_argument& expected) {
    throw UsageError(fmt::format("{}: expected {}, found '{}'", where, expected.what(), path));
  }
}

class Resolver {
 public:
  Resolver(const Schema& schema, const Sources& sources) : schema_(schema), sources_(sources) {}

  Config run() {
    if (!sources_.file.empty())
      read_file(find_file(home_expanded(sources_.file, "--config"), sources_.directories, "--config"));
    std::vector<Override> overrides;
    for (const std::string& text : sources_.overrides) overrides.push_back(parse_override(text));
    for (const Override& item : overrides) {
      if (schema_.is_group(item.key)) read_group(item.key, item.value, "command line");
    }
    for (const Override& item : overrides) {
      if (!schema_.is_group(item.key)) settings_.push_back({item.key, item.value, Origin::kOverride, "command line"});
    }
    return applied();
  }

 private:
  struct Setting {
    std::string key;
    RawValue value;
    Origin origin;
    std::string where;
    std::string group = {};  // "model=small", where a group gave it
  };

  // The last one holds; which keys there are depends on the model's family.
  Config applied() const {
    const Schema* schema = &schema_;
    const Setting* family = nullptr;
    for (const Setting& s : settings_) {
      if (s.key != kFamilyKey || s.value.is_list) continue;
      schema = &schema_.for_family(s.value.items.front(), s.where);
      family = &s;
    }
    Config config(*schema);
    std::set<std::size_t> seen;  // `max_bad` and `prepare.max_bad` are one key
    for (const Setting& s : settings_) {
      if (!schema->find(s.key)) refuse_key_of_other_family(s, family);
      if (s.origin == Origin::kFile && !seen.insert(schema->find_or_throw(s.key, s.where)).second)
        throw UsageError(fmt::format("{}: {}: expected once, found under two names", s.where, s.key));
      config.set(s.key, s.value, s.origin, s.where);
    }
    return config;
  }

  // Returns where no family has the key.
  void refuse_key_of_other_family(const Setting& s, const Setting* family) const {
    const auto key = schema_.find(kFamilyKey);
    if (!key) return;
    for (const std::string& name : schema_.keys()[*key].choices) {
      if (!schema_.for_family(name, s.where).find(s.key)) continue;
      const std::string chosen = family == nullptr        ? "the default"
                                 : !family->group.empty() ? family->group
                                                          : fmt::format("{}: {}", family->where, kFamilyKey);
      const auto& defaults = std::get<std::string>(schema_.keys()[*key].default_value);
      throw UsageError(fmt::format(
          "{}: {}: expected a key of the model's family {} ({}), found one of {}: leave {} out, or choose that family",
          s.where, s.group.empty() ? s.key : fmt::format("{} (of {})", s.key, s.group),
          family == nullptr ? defaults : family->value.items.front(), chosen, name, s.group.empty() ? s.key : s.group));
    }
  }

  void read_file(const fs::path& path) {
    const FlatYaml entries = read_yaml(path);
    for (const auto& [key, value] : entries) {
      if (schema_.is_group(key)) read_group(key, value, path.string());
    }
    for (const auto& [key, value] : entries) {
      if (!schema_.is_group(key)) settings_.push_back({key, value, Origin::kFile, path.string()});
    }
  }

  void read_group(const std::string& group, const RawValue& value, const std::string& where) {
    if (value.is_list)
      throw UsageError(fmt::format("{}: {}: expected one name, found {}", where, group, to_text(value)));
    const fs::path path = find_group(group, home_expanded(value.items.front(), where), where);
    for (const auto& [key, item] : read_yaml(path))
      settings_.push_back(
          {group + "." + key, item, Origin::kGroup, path.string(), fmt::format("{}={}", group, value.items.front())});
  }

  // `name` is a path to a YAML file, or <directory>/<group>/<name>.yaml.
  fs::path find_group(const std::string& group, const std::string& name, const std::string& where) const {
    if (name.ends_with(".yaml")) return name;
    std::error_code ignored;
    for (const fs::path& directory : sources_.directories) {
      fs::path path = directory / group / (name + ".yaml");
      if (fs::is_regular_file(path, ignored)) return path;
    }
    const std::vector<std::string> known = group_names(group, sources_.directories);
    const std::string nearest = nearest_name(name, known);
    throw UsageError(fmt::format("{}: {}={}: no such configuration{}; there are: {}{}", where, group, name,
                                 nearest.empty() ? "" : fmt::format(", did you mean '{}'?", nearest),
                                 known.empty() ? "none" : fmt::format("{}", fmt::join(known, ", ")),
                                 known.empty() ? listed(sources_.directories) : ""));
  }

  const Schema& schema_;
  const Sources& sources_;
  std::vector<Setting> settings_;  // in the order in which they hold
};

}  // namespace

fs::path find_file(const std::string& name, const std::vector<fs::path>& directories, std::string_view shown) {
  std::error_code ignored;
  if (fs::is_regular_file(name, ignored)) return name;
  for (const fs::path& directory : directories) {
    for (const std::string& candidate : {name, name + ".yaml"}) {
      if (fs::is_regular_file(directory / candidate, ignored)) return directory / candidate;
    }
  }
  std::set<std::string> known;
  for (const fs::path& directory : directories)
    for (const auto& file : fs::directory_iterator(directory, ignored))
      if (file.path().extension() == ".yaml") known.insert(file.path().stem().string());
  const std::string nearest = nearest_name(name, {known.begin(), known.end()});
  throw UsageError(fmt::format("{} {}: no such file, neither here nor in the configuration directories{}{}", shown,
                               name, nearest.empty() ? "" : fmt::format(", did you mean '{}'?", nearest),
                               listed(directories)));
}

std::vector<std::string> group_names(const std::string& group, const std::vector<fs::path>& directories) {
  std::set<std::string> names;
  std::error_code ignored;
  for (const fs::path& directory : directories)
    for (const auto& file : fs::directory_iterator(directory / group, ignored))
      if (file.path().extension() == ".yaml") names.insert(file.path().stem().string());
  return {names.begin(), names.end()};
}

Config resolve(const Schema& schema, const Sources& sources) { return Resolver(schema, sources).run(); }

std::vector<fs::path> default_directories() {
  std::vector<fs::path> directories;
  std::error_code failed;
  const auto add = [&](const fs::path& path) {
    if (fs::is_directory(path, failed)) directories.push_back(path.lexically_normal());
  };
  if (const char* chosen = std::getenv("BRAINMT_CONFIG_DIR")) {
    add(chosen);
    if (directories.empty()) throw UsageError(fmt::format("BRAINMT_CONFIG_DIR={}: expected a directory", chosen));
  }
  const fs::path program = fs::read_symlink("/proc/self/exe", failed);
  if (!program.empty()) {
    add(program.parent_path() / "../../../configs");
    add(program.parent_path() / "../share/brainmt/configs");
  }
  return directories;
}

}  // namespace brainmt::config
