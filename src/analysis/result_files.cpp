#include "analysis/result_files.hpp"

#include <algorithm>
#include <array>

namespace brainmt::analysis {
namespace {

constexpr std::array<const char*, 4> kParts{"test", "all", "val", "train"};

}  // namespace

std::string result_file(const std::string& name, const std::string& part) {
  if (part == "test") return name;
  const std::size_t dot = name.rfind('.');
  return name.substr(0, dot) + "." + part + name.substr(dot);
}

bool is_plot_file(const std::string& name, const std::string& part) {
  if (!name.starts_with("roc") && !name.starts_with("scatter")) return false;
  if (part != "test") return name.ends_with("." + part + ".svg");
  const bool of_other =
      std::ranges::any_of(kParts, [&](const char* other) { return name.ends_with(std::string(".") + other + ".svg"); });
  return name.ends_with(".svg") && !of_other;
}

std::string evaluated_part(const std::filesystem::path& directory) {
  std::error_code unknown;
  for (const char* part : kParts)
    if (std::filesystem::exists(directory / result_file("metrics.json", part), unknown)) return part;
  return {};
}

}  // namespace brainmt::analysis
