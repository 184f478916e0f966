#include "parcels/find_atlas.hpp"

#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <optional>
#include <set>

#include "base/error.hpp"
#include "io/bids_name.hpp"
#include "io/lower_case.hpp"
#include "io/printable.hpp"

namespace brainmt::parcels {
namespace {

namespace fs = std::filesystem;

bool is_image(const std::string& name) { return name.ends_with(".nii.gz") || name.ends_with(".nii"); }

std::string stem_of(const fs::path& image) {
  const std::string name = image.filename().string();
  return name.substr(0, name.find(".nii"));
}

std::vector<std::string> parts_of(const std::string& name) {
  std::vector<std::string> parts(1);
  for (const char c : name) {
    if (c == '_')
      parts.emplace_back();
    else
      parts.back() += c;
  }
  return parts;
}

// Does `part` of a wanted name stand in a file's name, other than as its atlas?
bool has_part(const io::BidsName& file, const std::string& part) {
  return std::ranges::any_of(file.entities, [&](const auto& entity) {
    const auto& [key, value] = entity;
    if (io::lower_case(key + "-" + value) == part) return true;
    return key != "atlas" && key != "res" && io::lower_case(value).starts_with(part);
  });
}

bool matches(const fs::path& file, const std::string& wanted) {
  const std::string lower = io::lower_case(wanted);
  if (io::lower_case(stem_of(file)) == lower) return true;
  const auto name = io::parse_bids_name(file.filename().string());
  if (!name || (name->suffix != "dseg" && !name->suffix.empty())) return false;
  const std::vector<std::string> parts = parts_of(lower);
  const std::string atlas = io::lower_case(std::string(name->value("atlas")));
  if (atlas.empty() || atlas != parts.front()) return false;
  return std::all_of(parts.begin() + 1, parts.end(), [&](const std::string& part) { return has_part(*name, part); });
}

void add_matches(const fs::path& folder, const std::string& wanted, std::vector<fs::path>& found) {
  std::error_code failed;
  for (fs::directory_iterator at(folder, failed), end; !failed && at != end; at.increment(failed))
    if (is_image(at->path().filename().string()) && matches(at->path(), wanted)) found.push_back(at->path());
}

std::vector<fs::path> candidates(const AtlasSettings& settings) {
  std::vector<fs::path> found;
  if (!settings.directory.empty()) add_matches(settings.directory, settings.atlas, found);
  const char* home = std::getenv("TEMPLATEFLOW_HOME");
  if (found.empty() && home != nullptr) {
    std::error_code failed;
    for (fs::directory_iterator at(home, failed), end; !failed && at != end; at.increment(failed))
      if (at->path().filename().string().starts_with("tpl-")) add_matches(at->path(), settings.atlas, found);
  }
  std::ranges::sort(found);
  return found;
}

// Millimetres of res-01 and res-02, as TemplateFlow numbers them; nothing elsewhere.
std::optional<double> resolution_of(const fs::path& file) {
  const auto name = io::parse_bids_name(file.filename().string());
  const std::string_view res = name ? name->value("res") : std::string_view();
  double number = 0;
  const auto [end, error] = std::from_chars(res.data(), res.data() + res.size(), number);
  if (res.empty() || error != std::errc{} || end != res.data() + res.size()) return std::nullopt;
  return number;
}

std::string without_resolution(const fs::path& file) {
  const auto name = io::parse_bids_name(file.filename().string());
  return file.parent_path().string() + "/" + (name ? name->without({"res"}) : stem_of(file));
}

fs::path choose(const AtlasSettings& settings, std::vector<fs::path> found, const DataSpace& data) {
  const auto keep = [&](const auto& wanted) {
    std::vector<fs::path> kept;
    std::ranges::copy_if(found, std::back_inserter(kept), wanted);
    if (!kept.empty()) found = std::move(kept);
  };
  keep([&](const fs::path& file) { return !data.name.empty() && space_in_name(file) == data.name; });
  std::set<std::string> different;
  for (const fs::path& file : found) different.insert(without_resolution(file));
  if (different.size() > 1) {
    std::vector<std::string> names;
    for (const fs::path& file : found) names.push_back(file.filename().string());
    throw UsageError(
        fmt::format("atlas={}: {} files fit: {}; say more of the name (such as its desc- or tpl- part), or "
                    "give a path",
                    settings.atlas, found.size(), fmt::join(names, ", ")));
  }
  return *std::ranges::min_element(found, {}, [&](const fs::path& file) {
    return std::abs(resolution_of(file).value_or(data.voxel_size) - data.voxel_size);
  });
}

fs::path image_of(const AtlasSettings& settings, const DataSpace& data) {
  std::error_code ignored;
  if (is_image(settings.atlas) || fs::exists(settings.atlas, ignored)) return settings.atlas;
  const std::vector<fs::path> found = candidates(settings);
  if (!found.empty()) return choose(settings, found, data);
  const char* home = std::getenv("TEMPLATEFLOW_HOME");
  throw UsageError(fmt::format(
      "atlas={}: no such file, and no image of that name in atlas.dir ({}) or $TEMPLATEFLOW_HOME ({}): give the path of "
      "a label image; docs/parcels.md says where atlases come from",
      settings.atlas, settings.directory.empty() ? "not given" : settings.directory.string(),
      home == nullptr ? "not set" : home));
}

// The table beside the image: of its name, or of the same without res-, which TemplateFlow leaves out.
fs::path table_beside(const fs::path& image) {
  std::vector<std::string> stems{stem_of(image)};
  if (const auto name = io::parse_bids_name(image.filename().string()); name && !name->value("res").empty())
    stems.push_back(name->without({"res"}) + "_" + name->suffix);
  std::error_code ignored;
  for (const std::string& stem : stems)
    for (const char* ending : {".tsv", ".csv", ".txt"})
      if (const fs::path table = image.parent_path() / (stem + ending); fs::exists(table, ignored)) return table;
  return {};
}

bool is_mni152(std::string_view space) { return space.starts_with("MNI152"); }

}  // namespace

std::string space_in_name(const fs::path& file) {
  const auto name = io::parse_bids_name(file.filename().string());
  if (!name) return {};
  const std::string_view space = name->value("tpl").empty() ? name->value("space") : name->value("tpl");
  return std::string(space);
}

AtlasFiles find_atlas(const AtlasSettings& settings, const DataSpace& data) {
  AtlasFiles files{.image = image_of(settings, data), .table = settings.labels};
  if (files.table.empty()) files.table = table_beside(files.image);
  return files;
}

Atlas open_atlas(const AtlasSettings& settings, const DataSpace& data) {
  const AtlasFiles files = find_atlas(settings, data);
  Atlas atlas = read_atlas(files.image, files.table, settings.trust);
  atlas.parcels.space = space_in_name(files.image);
  const std::string& space = atlas.parcels.space;
  if (files.table.empty())
    atlas.notes.push_back(
        fmt::format("'{}': no table of labels beside it: parcels are named by their numbers; "
                    "atlas.labels=FILE names them",
                    files.image.string()));
  if (settings.any_space || space.empty() || data.name.empty() || space == data.name) return atlas;
  const std::string found = fmt::format("'{}' is of {}, the data are in {}", files.image.string(), io::printable(space),
                                        io::printable(data.name));
  if (!is_mni152(space) || !is_mni152(data.name))
    throw DataError(found + ": take the atlas of that space, or give atlas.any_space=true");
  atlas.warnings.push_back(found +
                           ": parcels lie about 2 mm apart in the two; take the atlas of the same template, or "
                           "atlas.any_space=true says that this is meant");
  return atlas;
}

}  // namespace brainmt::parcels
