// Reading a sweep file.
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <charconv>
#include <functional>
#include <map>
#include <set>

#include "base/error.hpp"
#include "base/nearest.hpp"
#include "jobs/sweep.hpp"

namespace brainmt::jobs {
namespace {

constexpr std::size_t kMaxNameBytes = 64;

// Names of sweeps, grids, axes and cases become columns and parts of file names.
bool is_plain_name(const std::string& name) {
  const auto fits = [](unsigned char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' ||
           c == '.';
  };
  return !name.empty() && name.size() <= kMaxNameBytes && name.front() != '.' && name.front() != '-' &&
         std::ranges::all_of(name, fits);
}

class Reader {
 public:
  explicit Reader(const std::filesystem::path& path) : path_(path) {}

  Sweep read() {
    const YAML::Node root = load();
    const auto entries = map_of(
        root, "the sweep", {"name", "config", "set", "grids", "axes", "repeats", "evaluate", "baselines", "resources"});
    Sweep sweep;
    sweep.name = entries.contains("name") ? name(entries.at("name")) : path_.stem().string();
    if (entries.contains("config")) sweep.config = scalar(entries.at("config"), "a configuration's name or path");
    if (entries.contains("set")) sweep.settings = settings(entries.at("set"));
    sweep.grids = grids(root, entries);
    sweep.seeds = {42};
    if (entries.contains("repeats")) read_repeats(entries.at("repeats"), sweep);
    if (entries.contains("evaluate")) sweep.evaluate = settings(entries.at("evaluate"));
    if (entries.contains("baselines")) sweep.confounds = confounds(entries.at("baselines"));
    if (entries.contains("resources")) sweep.resources = resources(entries.at("resources"));
    return sweep;
  }

 private:
  using Entries = std::map<std::string, YAML::Node>;

  [[noreturn]] void fail(const YAML::Node& node, const std::string& what) const {
    throw UsageError(fmt::format("{}:{}: {}", path_.string(), node.Mark().line + 1, what));
  }

  YAML::Node load() const {
    try {
      return YAML::LoadFile(path_.string());
    } catch (const YAML::BadFile&) {
      throw UsageError(fmt::format("{}: cannot be read as a sweep file; check the path", path_.string()));
    } catch (const YAML::ParserException& error) {
      throw UsageError(fmt::format("{}:{}: not YAML: {}", path_.string(), error.mark.line + 1, error.msg));
    }
  }

  // The entries of a map whose keys must be among `known`.
  Entries map_of(const YAML::Node& node, const std::string& what, const std::vector<std::string>& known) const {
    if (!node.IsMap()) fail(node, fmt::format("expected a map for {}", what));
    Entries entries;
    for (const auto& item : node) {
      const std::string key = scalar(item.first, "a plain text as key");
      if (std::ranges::find(known, key) == known.end()) {
        const std::string nearest = nearest_name(key, known);
        fail(item.first, fmt::format("{} has no '{}'{}", what, key,
                                     nearest.empty() ? "" : fmt::format("; did you mean '{}'?", nearest)));
      }
      if (!entries.emplace(key, item.second).second) fail(item.first, fmt::format("'{}' occurs twice", key));
    }
    return entries;
  }

  std::string scalar(const YAML::Node& node, const std::string& expected) const {
    if (!node.IsScalar()) fail(node, "expected " + expected);
    return node.Scalar();
  }

  std::string name(const YAML::Node& node) const {
    const std::string text = scalar(node, "a name");
    if (!is_plain_name(text))
      fail(node,
           fmt::format("'{}': expected a name of at most {} letters, digits, '_', '-' or '.'", text, kMaxNameBytes));
    return text;
  }

  std::int64_t integer(const YAML::Node& node, std::int64_t min) const {
    const std::string text = scalar(node, "an integer");
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size() || value < min)
      fail(node, fmt::format("'{}': expected an integer of at least {}", text, min));
    return value;
  }
  int small_integer(const YAML::Node& node, int min) const {
    constexpr std::int64_t kMax = 1'000'000;
    const std::int64_t value = integer(node, min);
    if (value > kMax) fail(node, fmt::format("{}: expected at most {}", value, kMax));
    return static_cast<int>(value);
  }

  // One value as an override spells it.
  std::string value(const YAML::Node& node) const {
    if (node.IsScalar()) return node.Scalar();
    if (!node.IsSequence()) fail(node, "expected a value or a list of values");
    std::string text = "[";
    for (const auto& item : node)
      text += (text.size() > 1 ? "," : "") + scalar(item, "one value for each item of the list");
    return text + "]";
  }

  // Calls `use(dotted key, node)` for every leaf of a map.
  void for_leaves(const YAML::Node& map, const std::string& prefix,
                  const std::function<void(const std::string&, const YAML::Node&)>& use) const {
    if (!map.IsMap()) fail(map, "expected a map of keys to values");
    for (const auto& item : map) {
      const std::string key = prefix + scalar(item.first, "a plain text as key");
      if (item.second.IsMap()) {
        for_leaves(item.second, key + ".", use);
      } else {
        use(key, item.second);
      }
    }
  }

  std::vector<Setting> settings(const YAML::Node& map) const {
    std::vector<Setting> all;
    for_leaves(map, "", [&](const std::string& key, const YAML::Node& node) {
      if (std::ranges::find(all, key, &Setting::key) != all.end()) fail(node, fmt::format("'{}' occurs twice", key));
      all.push_back({key, value(node)});
    });
    return all;
  }

  // A list of cases, each a map with a label and the keys that it sets.
  std::vector<Case> named_cases(const YAML::Node& list) const {
    std::vector<Case> cases;
    for (const auto& item : list) {
      Case& one = cases.emplace_back();
      for (const Setting& setting : settings(item)) {
        if (setting.key == "label") {
          one.label = setting.value;
        } else {
          one.settings.push_back(setting);
        }
      }
      if (!is_plain_name(one.label)) fail(item, "expected 'label: NAME' in every case of an axis");
    }
    return cases;
  }

  // A map of keys to lists of equal length: case i takes the i-th value of each; the first key's value is the label.
  std::vector<Case> zipped_cases(const YAML::Node& map) const {
    std::vector<Case> cases;
    for_leaves(map, "", [&](const std::string& key, const YAML::Node& values) {
      if (!values.IsSequence() || values.size() == 0)
        fail(values, fmt::format("expected a list of values for {}", key));
      const bool first = cases.empty();
      if (first) cases.resize(values.size());
      if (values.size() != cases.size())
        fail(values,
             fmt::format("{} has {} values, the first key of its axis has {}", key, values.size(), cases.size()));
      for (std::size_t i = 0; i < cases.size(); ++i) {
        const std::string text = value(values[i]);
        if (first) cases[i].label = label_of(text);
        cases[i].settings.push_back({key, text});
      }
    });
    return cases;
  }

  // [12,8] -> 12-8: labels go into file names.
  static std::string label_of(const std::string& text) {
    std::string label;
    for (const char c : text)
      if (c != '[' && c != ']' && c != ' ' && c != '"' && c != '\'') label += c == ',' || c == '/' ? '-' : c;
    return label;
  }

  Axis axis(const std::string& axis_name, const YAML::Node& node) const {
    Axis result{axis_name, node.IsSequence() ? named_cases(node) : zipped_cases(node)};
    if (result.cases.empty()) fail(node, fmt::format("axis {} has no values", axis_name));
    std::set<std::string> labels;
    for (const Case& one : result.cases)
      if (!labels.insert(one.label).second)
        fail(node, fmt::format("axis {} has two cases '{}'; give its cases labels of their own", axis_name, one.label));
    return result;
  }

  std::vector<Axis> axes(const YAML::Node& map) const {
    if (!map.IsMap()) fail(map, "expected a map of axis names to values");
    std::vector<Axis> all;
    for (const auto& item : map) {
      const std::string axis_name = name(item.first);
      static const std::set<std::string> taken{"index", "grid",   "seed",     "fold",  "run_dir",
                                               "task",  "status", "settings", "target"};
      if (taken.contains(axis_name)) fail(item.first, fmt::format("an axis cannot be called '{}'", axis_name));
      if (std::ranges::find(all, axis_name, &Axis::name) != all.end())
        fail(item.first, fmt::format("axis '{}' occurs twice", axis_name));
      all.push_back(axis(axis_name, item.second));
    }
    return all;
  }

  std::vector<Grid> grids(const YAML::Node& root, const Entries& entries) const {
    if (entries.contains("grids") == entries.contains("axes"))
      fail(root, "expected 'axes' for one grid or 'grids' for several, one of the two");
    if (entries.contains("axes")) return {{"all", {}, axes(entries.at("axes"))}};
    const YAML::Node& list = entries.at("grids");
    if (!list.IsSequence() || list.size() == 0) fail(list, "expected a list of grids");
    std::vector<Grid> all;
    for (const auto& node : list) {
      const Entries parts = map_of(node, "a grid", {"name", "set", "axes"});
      if (!parts.contains("name") || !parts.contains("axes")) fail(node, "expected 'name' and 'axes' in every grid");
      Grid& grid = all.emplace_back();
      grid.name = name(parts.at("name"));
      if (std::ranges::count(all, grid.name, &Grid::name) > 1)
        fail(node, fmt::format("grid '{}' occurs twice", grid.name));
      if (parts.contains("set")) grid.settings = settings(parts.at("set"));
      grid.axes = axes(parts.at("axes"));
    }
    return all;
  }

  void read_repeats(const YAML::Node& node, Sweep& sweep) const {
    const Entries parts = map_of(node, "repeats", {"seeds", "folds"});
    if (parts.contains("seeds")) {
      const YAML::Node& list = parts.at("seeds");
      if (!list.IsSequence() || list.size() == 0) fail(list, "expected a list of seeds");
      sweep.seeds.clear();
      for (const auto& item : list) {
        const std::int64_t seed = integer(item, 0);
        if (std::ranges::find(sweep.seeds, seed) != sweep.seeds.end())
          fail(item, fmt::format("seed {} occurs twice", seed));
        sweep.seeds.push_back(seed);
      }
    }
    if (parts.contains("folds")) {
      sweep.folds = small_integer(parts.at("folds"), 2);
    }
  }

  std::vector<std::string> confounds(const YAML::Node& node) const {
    const Entries parts = map_of(node, "baselines", {"confounds"});
    std::vector<std::string> columns;
    if (!parts.contains("confounds")) return columns;
    const YAML::Node& list = parts.at("confounds");
    if (!list.IsSequence() || list.size() == 0) fail(list, "expected a list of columns");
    for (const auto& item : list) {
      columns.push_back(scalar(item, "the name of a column"));
      if (std::ranges::count(columns, columns.back()) > 1)
        fail(item, fmt::format("column '{}' occurs twice", columns.back()));
    }
    return columns;
  }

  Resources resources(const YAML::Node& node) const {
    const Entries parts = map_of(node, "resources", {"nodes", "ranks", "cpus", "gpus", "memory", "time", "throttle"});
    Resources r;
    const auto take = [&](const char* key, int& value, int min) {
      if (parts.contains(key)) value = small_integer(parts.at(key), min);
    };
    take("nodes", r.nodes, 1);
    take("ranks", r.ranks, 1);
    take("cpus", r.cpus, 1);
    take("gpus", r.gpus, 0);
    take("throttle", r.throttle, 0);
    if (parts.contains("memory")) r.memory = word(parts.at("memory"), "0123456789KMGT", "a size such as 16G");
    if (parts.contains("time")) r.time = word(parts.at("time"), "0123456789:-", "a time such as 1:00:00");
    if (r.ranks % r.nodes != 0)
      fail(node, fmt::format("{} ranks cannot be spread evenly over {} nodes", r.ranks, r.nodes));
    return r;
  }

  std::string word(const YAML::Node& node, std::string_view allowed, const std::string& expected) const {
    const std::string text = scalar(node, expected);
    if (text.empty() || text.find_first_not_of(allowed) != std::string::npos || text.front() == '-')
      fail(node, fmt::format("'{}': expected {}", text, expected));
    return text;
  }

  const std::filesystem::path& path_;
};

}  // namespace

Sweep read_sweep(const std::filesystem::path& path) { return Reader(path).read(); }

}  // namespace brainmt::jobs
