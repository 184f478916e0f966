#include "run/load_model.hpp"

#include <fmt/ranges.h>

#include "base/log.hpp"
#include "run/data_origin.hpp"
#include "run/weights.hpp"
#include "task/window_stream.hpp"

namespace brainmt::run {
namespace {

std::unique_ptr<models::Model> model_of(const io::SafetensorsFile& file, const std::optional<models::ModelPlan>& plan,
                                        std::size_t targets, const io::Cohort& cohort, DType activation) {
  constexpr auto kAllocate = models::Model::Memory::kAllocate;
  if (!file.metadata().contains(kModelKey) && plan)
    return plan->make(task::data_spec(*plan, cohort, targets), activation, kAllocate);
  const models::Description described = described_model(file);
  task::check_input(described.family->name, described.family->input, cohort);
  const auto& grid = cohort.layout().grid;
  const std::array<std::int64_t, 3> extents{grid.x, grid.y, grid.z};
  const auto& made_for = described.data.grid;
  if (described.family->input == models::InputKind::kVolumes && made_for != extents)
    throw DataError(fmt::format(
        "{}: the model was made for a grid of {}x{}x{} voxels, {} has {}x{}x{}: prepare the cohort "
        "on the model's grid",
        file.path().string(), made_for[0], made_for[1], made_for[2], cohort.path().string(), grid.x, grid.y, grid.z));
  if (const io::ParcelTable* parcels = cohort.parcels();
      parcels != nullptr && parcels->size() != static_cast<std::size_t>(described.data.parcels))
    throw DataError(fmt::format("{}: the model was made for {} parcels, {} has {}: parcellate with the model's atlas",
                                file.path().string(), described.data.parcels, cohort.path().string(), parcels->size()));
  auto model = models::make_model(described, activation);
  if (plan) plan->tune(*model);
  return model;
}

}  // namespace

void DataCheck::log() const {
  for (const std::string& text : mismatches)
    log::warn("data.allow_mismatch: the model was trained on other data: {}", text);
  for (const std::string& text : warnings) log::warn("the model was trained on other data: {}", text);
}

DataCheck check_data(const io::SafetensorsFile& file, const io::Cohort& cohort, bool allow) {
  const auto text = file.metadata().find(kDataKey);
  const auto trained = text == file.metadata().end() ? std::nullopt : described_origin(text->second);
  if (!trained) {
    log::info("{}: its metadata do not say what it was trained on: space and normalisation of '{}' are not compared",
              file.path().string(), cohort.path().string());
    return {};
  }
  const OriginDifferences found = compare(*trained, origin_of(cohort));
  if (!found.decisive.empty() && !allow)
    throw DataError(fmt::format(
        "{}: the model was trained on other data than '{}': {}: prepare the scans as it was trained, or give "
        "data.allow_mismatch=true",
        file.path().string(), cohort.path().string(), fmt::join(found.decisive, "; ")));
  DataCheck check{.mismatches = found.decisive, .warnings = {}};
  for (const std::string& before : trained->mismatches) check.mismatches.push_back("while it was trained: " + before);
  for (const std::string& other : {found.repetition_time, found.processing})
    if (!other.empty()) check.warnings.push_back(other);
  return check;
}

std::unique_ptr<models::Model> load_model(const io::SafetensorsFile& file, const std::optional<models::ModelPlan>& plan,
                                          std::size_t targets, const io::Cohort& cohort, DType activation) {
  auto model = model_of(file, plan, targets, cohort, activation);
  load_weights(file, *model);
  return model;
}

}  // namespace brainmt::run
