// split.json.
#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>

#include "base/error.hpp"
#include "io/atomic_file.hpp"
#include "io/checksum.hpp"
#include "task/split.hpp"
#include "task/split_text.hpp"

namespace brainmt::task {
namespace {

constexpr const char* kFormat = "brainmt-split";
constexpr int kVersion = 2;

std::string hash_of_ids(const Split& split) {
  std::vector<std::string> all;
  for (const auto& part : split.ids) all.insert(all.end(), part.begin(), part.end());
  std::ranges::sort(all);
  std::string text;
  for (const std::string& id : all) text += id + '\n';
  return io::sha256(std::as_bytes(std::span(text)));
}

void check_disjoint(const Split& split, const std::filesystem::path& path) {
  std::map<std::string_view, Part> seen;
  for (const Part part : kParts) {
    for (const std::string& id : split.of(part)) {
      const auto [known, is_new] = seen.try_emplace(id, part);
      if (!is_new) {
        throw DataError(fmt::format("{}: participant {} is in {} and again in {}: expected every participant once",
                                    path.string(), id, name_of(known->second), name_of(part)));
      }
    }
  }
}

}  // namespace

std::string split_text(const Split& split) {
  const SplitPlan& plan = split.plan;
  nlohmann::ordered_json json{
      {"format", kFormat},   {"version", kVersion}, {"seed", plan.seed}, {"fractions", plan.fractions},
      {"group", plan.group}, {"folds", plan.folds}, {"fold", plan.fold}, {"ids_sha256", hash_of_ids(split)}};
  for (const Part part : kParts) json[std::string(name_of(part))] = split.of(part);
  return json.dump(1) + "\n";
}

void save_split(const Split& split, const std::filesystem::path& path) {
  io::write_atomically(path, split_text(split));
}

Split load_split(const std::filesystem::path& path) {
  std::ifstream file(path);
  if (!file) throw DataError(fmt::format("{}: the split file cannot be read", path.string()));
  Split split;
  std::string hash;
  try {
    const auto json = nlohmann::json::parse(file);
    if (json.at("format") != kFormat || (json.at("version") != 1 && json.at("version") != kVersion)) {
      throw DataError(fmt::format("{}: expected format {} version 1 or {}, found {} version {}", path.string(), kFormat,
                                  kVersion, json.at("format").dump(), json.at("version").dump()));
    }
    json.at("seed").get_to(split.plan.seed);
    json.at("fractions").get_to(split.plan.fractions);
    if (json.at("version") == kVersion) {
      json.at("group").get_to(split.plan.group);
      json.at("folds").get_to(split.plan.folds);
      json.at("fold").get_to(split.plan.fold);
    }
    json.at("ids_sha256").get_to(hash);
    for (const Part part : kParts) {
      auto& ids = split.ids[static_cast<std::size_t>(part)];
      json.at(std::string(name_of(part))).get_to(ids);
      std::ranges::sort(ids);
    }
  } catch (const nlohmann::json::exception& error) {
    throw DataError(fmt::format("{}: not a split file: {}", path.string(), error.what()));
  }
  check_disjoint(split, path);
  if (hash != hash_of_ids(split)) {
    throw DataError(
        fmt::format("{}: the participants do not fit ids_sha256: the file was changed after it was made; make "
                    "a new split or use the original file",
                    path.string()));
  }
  return split;
}

}  // namespace brainmt::task
