#include "train/weights.hpp"

#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <string_view>
#include <utility>
#include <vector>

#include "train/tensor_file.hpp"

namespace brainmt::train {
namespace {

struct Mismatch {
  std::vector<std::string> missing, extra, misshapen;
};

// Parameters of the second direction of a two-way mixer.
bool is_second_direction(const std::string& name) {
  constexpr std::array<std::string_view, 5> kParts{".conv1d_b.", ".x_proj_b.", ".dt_proj_b.", ".A_b_log", ".D_b"};
  return std::any_of(kParts.begin(), kParts.end(), [&](auto part) { return name.find(part) != std::string::npos; });
}

bool only_second_direction(const std::vector<std::string>& names) {
  return !names.empty() && std::all_of(names.begin(), names.end(), is_second_direction);
}

// Do both lists name the stems of two models that differ in model.stem?
bool other_stem(const std::vector<std::string>& missing, const std::vector<std::string>& extra) {
  const auto is_projection = [](const std::string& name) { return name.starts_with("patch_embed.proj."); };
  const auto is_convolution = [](const std::string& name) { return name.starts_with("patch_embed.conv_down."); };
  return std::ranges::any_of(missing, is_projection) && std::ranges::any_of(extra, is_convolution);
}

Mismatch compare(const io::SafetensorsFile& file, nn::ParameterStore& store, const LoadOptions& options) {
  Mismatch found;
  for (const nn::Parameter& p : store.all()) {
    const std::string stored = options.prefix + p.name;
    if (!file.contains(stored)) {
      if (!options.allow_missing) found.missing.push_back(p.name);
    } else if (const io::StoredTensor& info = file.info(stored); !same_shape(info, p.shape)) {
      found.misshapen.push_back(
          fmt::format("{} is [{}], expected {}", p.name, fmt::join(info.shape, ", "), p.shape.str()));
    }
  }
  for (const std::string& name : file.names()) {
    if (options.allow_extra || !name.starts_with(options.prefix)) continue;
    const std::string bare = name.substr(options.prefix.size());
    if (!store.find(bare)) found.extra.push_back(bare);
  }
  return found;
}

[[noreturn]] void refuse(const io::SafetensorsFile& file, const Mismatch& found) {
  std::string line = file.path().string() + ": the weights do not fit the model:";
  const auto list = [&](const char* what, const std::vector<std::string>& names) {
    if (!names.empty()) line += fmt::format(" {} {}: {};", names.size(), what, fmt::join(names, ", "));
  };
  list("missing", found.missing);
  list("not in the model", found.extra);
  list("of another shape", found.misshapen);
  if (only_second_direction(found.missing))
    line +=
        " the file is of a one-way model: use model=brainmt_released, or allow missing tensors to keep their initial "
        "values";
  else if (only_second_direction(found.extra))
    line += " the file is of a two-way model: use model=brainmt, or allow extra tensors to drop the second direction";
  else if (other_stem(found.missing, found.extra))
    line += " the file is of a model with the convolution stage: use model.stem=conv";
  else if (other_stem(found.extra, found.missing))
    line += " the file is of a model without convolutions: use model.stem=patch";
  else
    line += " check the model.* sizes against the file (brainmt inspect)";
  throw DataError(line);
}

}  // namespace

void load_weights(const io::SafetensorsFile& file, nn::ParameterStore& store, const LoadOptions& options) {
  const Mismatch found = compare(file, store, options);
  if (!found.missing.empty() || !found.extra.empty() || !found.misshapen.empty()) refuse(file, found);
  for (nn::Parameter& p : store.all())
    if (const std::string stored = options.prefix + p.name; file.contains(stored)) read_tensor(file, stored, p.value);
  store.refresh_compute();
}

void save_weights(const std::filesystem::path& path, const nn::ParameterStore& store, const Metadata& metadata) {
  std::vector<NamedTensor> tensors;
  for (const nn::Parameter& p : store.all()) tensors.push_back({p.name, p.shape, p.value});
  write_tensors(path, tensors, metadata);
}

std::string describe_model(const models::BrainMTConfig& c) {
  return nlohmann::json{{"grid", c.grid},
                        {"frames", c.frames},
                        {"stem", models::name_of(c.stem)},
                        {"embed_dim", c.embed_dim},
                        {"depth", c.depth},
                        {"num_heads", c.num_heads},
                        {"bidirectional", c.bidirectional},
                        {"outputs", c.outputs},
                        {"drop_path", c.drop_path},
                        {"state_dim", c.state_dim},
                        {"conv_kernel", c.conv_kernel},
                        {"expand", c.expand}}
      .dump();
}

models::BrainMTConfig described_model(const io::SafetensorsFile& file) {
  const auto found = file.metadata().find(kModelKey);
  if (found == file.metadata().end())
    throw DataError(
        fmt::format("{}: no '{}' in its metadata, so the model's sizes are unknown: give them as model.* keys",
                    file.path().string(), kModelKey));
  models::BrainMTConfig c;
  try {
    const auto json = nlohmann::json::parse(found->second);
    json.at("grid").get_to(c.grid);
    json.at("frames").get_to(c.frames);
    const std::string stem = json.value("stem", "conv");  // files from before the key have none
    const auto named = models::stem_named(stem);
    if (!named)
      throw DataError(fmt::format("{}: '{}' in its metadata names the stem '{}': expected conv or patch",
                                  file.path().string(), kModelKey, stem));
    c.stem = *named;
    json.at("embed_dim").get_to(c.embed_dim);
    json.at("depth").get_to(c.depth);
    json.at("num_heads").get_to(c.num_heads);
    json.at("bidirectional").get_to(c.bidirectional);
    json.at("outputs").get_to(c.outputs);
    json.at("drop_path").get_to(c.drop_path);
    json.at("state_dim").get_to(c.state_dim);
    json.at("conv_kernel").get_to(c.conv_kernel);
    json.at("expand").get_to(c.expand);
  } catch (const nlohmann::json::exception& error) {
    throw DataError(
        fmt::format("{}: '{}' in its metadata cannot be read: {}", file.path().string(), kModelKey, error.what()));
  }
  return c;
}

}  // namespace brainmt::train
