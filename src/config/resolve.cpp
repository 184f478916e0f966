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
  Resolver(const Schema& schema, const Sources& sources) : sources_(sources), config_(schema) {}

  Config run() {
    if (!sources_.file.empty())
      apply_file(find_file(home_expanded(sources_.file, "--config"), sources_.directories, "--config"));
    std::vector<Override> overrides;
    for (const std::string& text : sources_.overrides) overrides.push_back(parse_override(text));
    for (const Override& item : overrides) {
      if (is_group(item.key)) apply_group(item.key, item.value, "command line");
    }
    for (const Override& item : overrides) {
      if (!is_group(item.key)) config_.set(item.key, item.value, Origin::kOverride, "command line");
    }
    return std::move(config_);
  }

 private:
  bool is_group(const std::string& key) const { return config_.schema().is_group(key); }

  void apply_file(const fs::path& path) {
    const FlatYaml entries = read_yaml(path);
    for (const auto& [key, value] : entries) {
      if (is_group(key)) apply_group(key, value, path.string());
    }
    std::set<std::size_t> seen;  // `max_bad` and `prepare.max_bad` are one key
    for (const auto& [key, value] : entries) {
      if (is_group(key)) continue;
      if (!seen.insert(config_.schema().find_or_throw(key, path.string())).second) {
        throw UsageError(fmt::format("{}: {}: expected once, found under two names", path.string(), key));
      }
      config_.set(key, value, Origin::kFile, path.string());
    }
  }

  void apply_group(const std::string& group, const RawValue& value, const std::string& where) {
    if (value.is_list)
      throw UsageError(fmt::format("{}: {}: expected one name, found {}", where, group, to_text(value)));
    const fs::path path = find_group(group, home_expanded(value.items.front(), where), where);
    for (const auto& [key, item] : read_yaml(path)) {
      config_.set(group + "." + key, item, Origin::kGroup, path.string());
    }
  }

  // `name` is a path to a YAML file, or <directory>/<group>/<name>.yaml.
  fs::path find_group(const std::string& group, const std::string& name, const std::string& where) const {
    if (name.ends_with(".yaml")) return name;
    std::vector<std::string> known;
    std::error_code ignored;
    for (const fs::path& directory : sources_.directories) {
      for (const auto& file : fs::directory_iterator(directory / group, ignored)) {
        if (file.path().extension() != ".yaml") continue;
        if (file.path().stem() == name) return file.path();
        known.push_back(file.path().stem().string());
      }
    }
    std::ranges::sort(known);
    known.erase(std::unique(known.begin(), known.end()), known.end());
    const std::string nearest = nearest_name(name, known);
    throw UsageError(fmt::format("{}: {}={}: no such configuration{}; there are: {}{}", where, group, name,
                                 nearest.empty() ? "" : fmt::format(", did you mean '{}'?", nearest),
                                 known.empty() ? "none" : fmt::format("{}", fmt::join(known, ", ")),
                                 known.empty() ? listed(sources_.directories) : ""));
  }

  const Sources& sources_;
  Config config_;
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
  throw UsageError(fmt::format("{} {}: no such file, neither here nor in the configuration directories{}", shown, name,
                               listed(directories)));
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
