#include "config/yaml.hpp"

#include <yaml-cpp/yaml.h>

#include <algorithm>

#include "base/error.hpp"

namespace brainmt::config {
namespace {

class Reader {
 public:
  explicit Reader(const std::filesystem::path& path) : path_(path) {}

  FlatYaml read() {
    YAML::Node root;
    try {
      root = YAML::LoadFile(path_.string());
    } catch (const YAML::BadFile&) {
      throw UsageError(fmt::format("{}: cannot be read as a configuration file; check the path", path_.string()));
    } catch (const YAML::ParserException& error) {
      throw UsageError(fmt::format("{}:{}: not YAML: {}", path_.string(), error.mark.line + 1, error.msg));
    }
    if (root.IsNull()) return {};
    if (!root.IsMap()) fail(root, "a map of keys to values");
    add_map(root, "");
    return std::move(flat_);
  }

 private:
  [[noreturn]] void fail(const YAML::Node& node, const std::string& expected) const {
    throw UsageError(fmt::format("{}:{}: expected {}", path_.string(), node.Mark().line + 1, expected));
  }

  void add_map(const YAML::Node& map, const std::string& prefix) {
    for (const auto& item : map) {
      if (!item.first.IsScalar()) fail(item.first, "a plain text as key");
      add(item.second, prefix + item.first.Scalar());
    }
  }

  void add(const YAML::Node& node, const std::string& name) {
    if (node.IsMap()) return add_map(node, name + ".");
    RawValue raw;
    if (node.IsScalar()) {
      raw.items = {node.Scalar()};
    } else if (node.IsSequence()) {
      raw.is_list = true;
      for (const auto& item : node) {
        if (!item.IsScalar()) fail(item, fmt::format("one value for each item of the list {}", name));
        raw.items.push_back(item.Scalar());
      }
    } else {
      fail(node, fmt::format("a value for {} (an empty text is '')", name));
    }
    const auto same = [&](const auto& entry) { return entry.first == name; };
    if (std::any_of(flat_.begin(), flat_.end(), same)) fail(node, fmt::format("{} once, found it twice", name));
    flat_.emplace_back(name, std::move(raw));
  }

  std::filesystem::path path_;
  FlatYaml flat_;
};

}  // namespace

FlatYaml read_yaml(const std::filesystem::path& path) { return Reader(path).read(); }

}  // namespace brainmt::config
