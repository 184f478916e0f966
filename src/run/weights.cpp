#include "run/weights.hpp"

#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "base/log.hpp"
#include "run/tensor_file.hpp"
#include "task/objective.hpp"

namespace brainmt::run {
namespace {

struct Mismatch {
  struct Shape {
    std::string name, text;  // "a.weight is [1, 2], expected [1, 3]"
  };
  std::vector<std::string> missing, extra;
  std::vector<Shape> misshapen;

  bool empty() const { return missing.empty() && extra.empty() && misshapen.empty(); }
  template <class Member>
  std::vector<std::string> misshapen_as(Member member) const {
    std::vector<std::string> all;
    for (const Shape& shape : misshapen) all.push_back(shape.*member);
    return all;
  }
};

// For each name that the file's tensors have without what wrappers put into it, the name in the file.
using StoredNames = std::map<std::string, std::string>;

// torch.compile, DistributedDataParallel, FSDP and activation checkpoints put parts of a name, wherever they wrap.
std::string without_wrappers(const std::string& name) {
  constexpr std::array<std::string_view, 4> kWrappers{"module.", "_orig_mod.", "_fsdp_wrapped_module.",
                                                      "_checkpoint_wrapped_module."};
  std::string bare;
  for (std::size_t at = 0; at < name.size();) {
    const std::size_t dot = name.find('.', at);
    const std::string part = name.substr(at, dot == std::string::npos ? dot : dot + 1 - at);
    if (std::ranges::find(kWrappers, part) == kWrappers.end()) bare += part;
    at += part.size();
  }
  return bare;
}

// Common prefix of the names in a file, as `model.` in a PyTorch Lightning checkpoint: found with a parameter whose
// name is the suffix of exactly one of `names`.
std::string common_prefix(const std::vector<std::string>& names, const nn::ParameterStore& store) {
  for (const nn::Parameter& p : store.all()) {
    const auto is_it = [&](const std::string& name) { return name == p.name || name.ends_with("." + p.name); };
    if (std::ranges::count_if(names, is_it) != 1) continue;
    const std::string& name = *std::ranges::find_if(names, is_it);
    return name.substr(0, name.size() - p.name.size());
  }
  return "";
}

std::size_t known_names(const StoredNames& stored, nn::ParameterStore& store) {
  return static_cast<std::size_t>(
      std::ranges::count_if(stored, [&](const auto& entry) { return store.find(entry.first) != nullptr; }));
}

StoredNames names_without_prefixes(const io::SafetensorsFile& file, const nn::ParameterStore& store) {
  std::vector<std::string> bare;
  for (const std::string& name : file.names()) bare.push_back(without_wrappers(name));
  const std::string front = common_prefix(bare, store);
  StoredNames stored;
  for (std::size_t i = 0; const std::string& name : file.names()) {
    const std::string& whole = bare[i++];
    const std::string inner = whole.starts_with(front) ? whole.substr(front.size()) : whole;
    if (!stored.try_emplace(inner, name).second)
      throw DataError(fmt::format("{}: without the prefixes of wrappers, {} and {} have one name, {}",
                                  file.path().string(), stored[inner], name, inner));
  }
  return stored;
}

// Names as they are, or without wrappers and common prefix where that makes more of them known; then with a note.
StoredNames stored_names(const io::SafetensorsFile& file, nn::ParameterStore& store, const std::string& prefix) {
  StoredNames stored;
  for (const std::string& name : file.names())
    if (name.starts_with(prefix)) stored[name.substr(prefix.size())] = name;
  const std::size_t known = known_names(stored, store);
  if (!prefix.empty() || known == store.all().size()) return stored;
  StoredNames taken_off = names_without_prefixes(file, store);
  if (known_names(taken_off, store) <= known) return stored;
  const auto changed = std::ranges::find_if(
      taken_off, [&](const auto& entry) { return entry.first != entry.second && store.find(entry.first); });
  log::info("{}: a prefix is taken off the names of its tensors: {} is read as {}", file.path().string(),
            changed->second, changed->first);
  return taken_off;
}

Mismatch compare(const io::SafetensorsFile& file, const StoredNames& stored, nn::ParameterStore& store,
                 const LoadOptions& options) {
  Mismatch found;
  for (const nn::Parameter& p : store.all()) {
    const auto name = stored.find(p.name);
    if (name == stored.end()) {
      if (!options.allow_missing) found.missing.push_back(p.name);
    } else if (const io::StoredTensor& info = file.info(name->second); !same_shape(info, p.shape)) {
      found.misshapen.push_back(
          {p.name, fmt::format("{} is [{}], expected {}", p.name, fmt::join(info.shape, ", "), p.shape.str())});
    }
  }
  for (const auto& [bare, name] : stored)
    if (!options.allow_extra && !store.find(bare) && !bare.starts_with(task::kObjectivePrefix))
      found.extra.push_back(bare);
  return found;
}

bool is_floating(io::StoredType type) { return io::name_of(type).starts_with("F") || type == io::StoredType::kBF16; }

constexpr const char* kFramesKey = "model.num_frames";

// Keys in which the file's model is another, but for those: "model.embed_dim=16 (here 32)".
std::vector<std::string> differing_keys(const models::Description& of_file, const models::Description& here,
                                        const std::vector<std::string>& but) {
  std::vector<std::string> differing;
  for (const auto& [key, value] : of_file.keys) {
    const auto mine = here.keys.find(key);
    if (mine == here.keys.end() || mine->second == value || std::ranges::find(but, key) != but.end()) continue;
    differing.push_back(fmt::format("{}={} (here {})", key, config::to_yaml(value), config::to_yaml(mine->second)));
  }
  return differing;
}

// What to try, from what the file says of its model and from what its family knows.
std::string hint_of(const io::SafetensorsFile& file, const models::Model& model, const Mismatch& found) {
  const auto here = models::read_description(describe_model(model), "the model");
  std::vector<std::string> sizes;
  if (file.metadata().contains(kModelKey)) {
    const auto of_file = described_model(file);
    if (of_file.family != here.family)
      return fmt::format("the file is of a model of the family {}, this one is of {}: model.family chooses",
                         of_file.family->name, here.family->name);
    models::TransferRules rules = model.transfer_rules();
    const bool frames = std::ranges::any_of(found.misshapen, [&](const Mismatch::Shape& shape) {
      return std::ranges::count(rules.by_frame, shape.name) > 0;
    });
    if (!frames) rules.free_keys.push_back(kFramesKey);
    sizes = differing_keys(of_file, here, rules.free_keys);
    const auto &its = of_file.data.grid, &mine = here.data.grid;
    if (sizes.empty() && its != mine)
      return fmt::format(
          "the file's model was made for a grid of {}x{}x{} voxels, this one for {}x{}x{}: prepare the cohort on the "
          "file's grid",
          its[0], its[1], its[2], mine[0], mine[1], mine[2]);
  }
  const auto of_family = here.family->hint;
  const std::string hint = of_family == nullptr
                               ? std::string()
                               : of_family(found.missing, found.extra, found.misshapen_as(&Mismatch::Shape::name));
  if (!hint.empty() || sizes.empty()) return hint;
  return fmt::format("the file's model has {}", fmt::join(sizes, ", "));
}

using Hint = std::function<std::string(const Mismatch&)>;

[[noreturn]] void refuse(const io::SafetensorsFile& file, const Mismatch& found, const Hint& hint) {
  std::string line = file.path().string() + ": the weights do not fit the model:";
  const auto list = [&](const char* what, const std::vector<std::string>& names) {
    if (names.empty()) return;
    constexpr std::size_t kShown = 8;
    const std::span shown(names.data(), std::min(names.size(), kShown));
    line += fmt::format(" {} {}: {}", names.size(), what, fmt::join(shown, ", "));
    line += names.size() > kShown ? fmt::format(" and {} more;", names.size() - kShown) : ";";
  };
  list("missing", found.missing);
  list("not in the model", found.extra);
  list("of another shape", found.misshapen_as(&Mismatch::Shape::text));
  const std::string advice = hint(found);
  line += " " + (advice.empty() ? "check the model.* sizes against the file (brainmt inspect)" : advice);
  throw DataError(line);
}

constexpr float kTableTolerance = 1e-3f;  // published tables are float32 sines of large angles

// Tables that the model computes are in published files too: compared, with a note where they differ, and not read.
void pass_over_tables(const io::SafetensorsFile& file, const StoredNames& stored, const models::Model* model,
                      std::vector<std::string>& extra) {
  if (model == nullptr || extra.empty()) return;
  for (const models::FixedTable& table : model->fixed_tables()) {
    if (std::erase(extra, table.name) == 0) continue;
    const std::string& name = stored.at(table.name);
    std::vector<float> values(file.info(name).elements());
    file.read_f32(name, values);
    const bool same =
        values.size() == table.values.size() &&
        std::ranges::equal(values, table.values, [](float a, float b) { return std::abs(a - b) <= kTableTolerance; });
    if (!same) log::warn("{}: {} is not the table that the model computes, which is used", file.path().string(), name);
  }
}

void load(const io::SafetensorsFile& file, nn::ParameterStore& store, const LoadOptions& options, const Hint& hint,
          const models::Model* model = nullptr) {
  const StoredNames stored = stored_names(file, store, options.prefix);
  Mismatch found = compare(file, stored, store, options);
  pass_over_tables(file, stored, model, found.extra);
  if (!found.empty()) refuse(file, found, hint);
  check_finite(file);
  for (nn::Parameter& p : store.all())
    if (const auto name = stored.find(p.name); name != stored.end()) read_tensor(file, name->second, p.value);
  store.refresh_compute();
}

// Linear interpolation of rows, [1, from, C] -> [1, to, C]; first and last row are kept.
std::vector<float> interpolated(const std::vector<float>& table, std::int64_t from, std::int64_t to) {
  const auto width = static_cast<std::int64_t>(table.size()) / from;
  std::vector<float> result;
  for (std::int64_t t = 0; t < to; ++t) {
    const double at = to < 2 ? 0 : static_cast<double>(t * (from - 1)) / static_cast<double>(to - 1);
    const auto low = std::min(static_cast<std::int64_t>(at), std::max<std::int64_t>(from - 2, 0));
    const std::int64_t high = std::min(low + 1, from - 1);
    const double share = at - static_cast<double>(low);
    for (std::int64_t c = 0; c < width; ++c)
      result.push_back(static_cast<float>((1 - share) * table[static_cast<std::size_t>(low * width + c)] +
                                          share * table[static_cast<std::size_t>(high * width + c)]));
  }
  return result;
}

bool differs_in_frames_only(const io::StoredTensor& info, const Shape& shape) {
  return shape.rank() == 3 && info.shape.size() == 3 && info.shape[0] == 1 && info.shape[1] > 0 &&
         info.shape[2] == static_cast<std::size_t>(shape[2]);
}

// Keys that no shape shows, such as the number of heads: other ones would compute something else with these weights.
void check_unseen_keys(const io::SafetensorsFile& file, const models::Model& model, models::TransferRules rules) {
  if (!file.metadata().contains(kModelKey)) return;
  rules.free_keys.push_back(kFramesKey);
  const auto differing = differing_keys(described_model(file),
                                        models::read_description(describe_model(model), "the model"), rules.free_keys);
  if (differing.empty()) return;
  throw DataError(fmt::format("{}: the weights fit in shape, but the file's model has {}: give what the file has",
                              file.path().string(), fmt::join(differing, ", ")));
}

}  // namespace

void check_finite(const io::SafetensorsFile& file) {
  std::string first;
  std::size_t tensors = 0;
  std::vector<float> values;
  for (const std::string& name : file.names()) {
    const io::StoredTensor& tensor = file.info(name);
    if (!is_floating(tensor.type)) continue;
    values.resize(tensor.elements());
    file.read_f32(name, values);
    const auto is_bad = [](float x) { return !std::isfinite(x); };
    const auto bad = std::ranges::find_if(values, is_bad);
    if (bad == values.end()) continue;
    if (tensors++ == 0)
      first = fmt::format("tensor {}: {} of {} values are not finite, the first is {} at element {}", name,
                          std::ranges::count_if(values, is_bad), values.size(), *bad, bad - values.begin());
  }
  if (tensors == 0) return;
  throw NonFiniteError(
      fmt::format("{}: {}{}; such weights predict nothing: take an earlier checkpoint", file.path().string(), first,
                  tensors > 1 ? fmt::format("; {} more tensor{} like it", tensors - 1, tensors > 2 ? "s" : "") : ""));
}

void load_weights(const io::SafetensorsFile& file, models::Model& model, const LoadOptions& options) {
  load(
      file, model.parameters(), options, [&](const Mismatch& found) { return hint_of(file, model, found); }, &model);
}

void load_weights(const io::SafetensorsFile& file, nn::ParameterStore& store, const LoadOptions& options) {
  load(file, store, options, [](const Mismatch&) { return std::string(); });
}

Transfer start_from(const io::SafetensorsFile& file, models::Model& model, bool other_targets) {
  nn::ParameterStore& store = model.parameters();
  const models::TransferRules rules = model.transfer_rules();
  const auto is_in = [](const std::vector<std::string>& names, const std::string& name) {
    return std::ranges::find(names, name) != names.end();
  };
  const StoredNames stored = stored_names(file, store, "");
  Mismatch unfit = compare(file, stored, store, {});
  pass_over_tables(file, stored, &model, unfit.extra);
  Transfer result;
  for (const nn::Parameter& p : store.all()) {
    const auto name = stored.find(p.name);
    const bool fits = name != stored.end() && same_shape(file.info(name->second), p.shape);
    const bool is_of_targets = is_in(rules.head, p.name) || p.name.starts_with(task::kObjectivePrefix);
    if (fits && !(is_of_targets && other_targets))
      result.taken.push_back(p.name);
    else if (is_of_targets)
      result.left_out.push_back(p.name);
    else if (name != stored.end() && is_in(rules.by_frame, p.name) &&
             differs_in_frames_only(file.info(name->second), p.shape))
      result.interpolated.push_back(p.name);
    else
      continue;
    std::erase(unfit.missing, p.name);
    std::erase_if(unfit.misshapen, [&](const Mismatch::Shape& shape) { return shape.name == p.name; });
  }
  std::erase_if(unfit.extra, [&](const std::string& name) { return is_in(rules.head, name); });
  if (!unfit.empty()) refuse(file, unfit, [&](const Mismatch& found) { return hint_of(file, model, found); });
  check_unseen_keys(file, model, rules);
  check_finite(file);
  for (nn::Parameter& p : store.all()) {
    if (is_in(result.taken, p.name)) read_tensor(file, stored.at(p.name), p.value);
    if (!is_in(result.interpolated, p.name)) continue;
    const io::StoredTensor& info = file.info(stored.at(p.name));
    std::vector<float> table(info.elements());
    file.read_f32(stored.at(p.name), table);
    const auto moved = interpolated(table, static_cast<std::int64_t>(info.shape[1]), p.shape[1]);
    p.value.copy_from(Tensor::from_host(moved, p.shape, store.master_dtype()));
  }
  store.refresh_compute();
  return result;
}

void save_weights(const std::filesystem::path& path, const nn::ParameterStore& store, const Metadata& metadata) {
  std::vector<NamedTensor> tensors;
  for (const nn::Parameter& p : store.all()) tensors.push_back({p.name, p.shape, p.value});
  write_tensors(path, tensors, metadata);
}

std::string describe_model(const models::Model& model) { return model.describe().dump(); }

models::Description described_model(const io::SafetensorsFile& file) {
  const auto found = file.metadata().find(kModelKey);
  if (found == file.metadata().end())
    throw DataError(
        fmt::format("{}: no '{}' in its metadata, so the model's sizes are unknown: give them as model.* keys",
                    file.path().string(), kModelKey));
  return models::read_description(found->second,
                                  fmt::format("{}: '{}' in its metadata", file.path().string(), kModelKey));
}

}  // namespace brainmt::run
