#include "task/window_stream.hpp"

#include <algorithm>
#include <utility>

#include "kernels/detail/loops.hpp"
#include "memory/pinned.hpp"
#include "profile/region.hpp"
#include "profile/stage_label.hpp"
#include "task/series.hpp"
#include "task/window_upload.hpp"

namespace brainmt::task {
namespace {

using Unpack = WindowStream::Unpack;
constexpr Unpack kDefault = kernels::detail::kPortable ? Unpack::kDevice : Unpack::kLoader;

std::size_t depth_of(std::int64_t prefetch) { return static_cast<std::size_t>(std::max<std::int64_t>(prefetch, 1)); }

// Pinned host buffers, into which the loader writes packed windows: the copy to the device needs no host staging.
// prefetch + 2 buffers, as many as the loader uses.
std::unique_ptr<PinnedBlocks> blocks_for(const io::Cohort& cohort, std::int64_t frames, std::size_t depth) {
  const std::size_t bytes = static_cast<std::size_t>(frames) * cohort.max_voxels() * sizeof(std::uint16_t);
  return std::make_unique<PinnedBlocks>(bytes, depth + 2);
}

}  // namespace

models::InputSpec windows_of(const io::Cohort& cohort, std::int64_t frames) {
  const io::CohortGrid& grid = cohort.layout().grid;
  return {models::InputKind::kVolumes, {frames, grid.y, grid.x, grid.z}, frames};
}

void check_input(std::string_view family, models::InputKind wanted, const io::Cohort& cohort) {
  const bool volumes = cohort.parcels() == nullptr;
  if (wanted == (volumes ? models::InputKind::kVolumes : models::InputKind::kParcels)) return;
  const auto fits = std::ranges::find(models::families(), models::InputKind::kVolumes, &models::Family::input);
  throw UsageError(fmt::format(
      "model.family={} takes {}, '{}' holds {}: {}", family, name_of(wanted), cohort.path().string(),
      name_of(volumes ? models::InputKind::kVolumes : models::InputKind::kParcels),
      volumes
          ? fmt::format("choose a family that takes those, such as model={}", fits->name)
          : "choose a family that takes those, such as model=brainlm_13m, or give the cohort of voxels that 'brainmt prepare' "
            "makes"));
}

models::DataSpec data_spec(const models::ModelPlan& plan, const io::Cohort& cohort, std::size_t targets) {
  check_input(plan.family, plan.input, cohort);
  if (const io::ParcelTable* parcels = cohort.parcels())
    return {.parcels = static_cast<std::int64_t>(parcels->size()),
            .xyz = parcels->centroid,
            .outputs = static_cast<std::int64_t>(targets)};
  const io::CohortGrid& grid = cohort.layout().grid;
  return {.grid = {grid.x, grid.y, grid.z}, .outputs = static_cast<std::int64_t>(targets)};
}

WindowStream::WindowStream(const io::Cohort& cohort, io::WindowLoader::Source source, const models::InputSpec& input,
                           std::int64_t prefetch, DType activation, std::optional<Unpack> unpack)
    : pinned_(unpack.value_or(kDefault) == Unpack::kDevice && input.kind == models::InputKind::kVolumes
                  ? blocks_for(cohort, input.frames, depth_of(prefetch))
                  : nullptr),
      loader_(input.kind == models::InputKind::kParcels
                  ? io::WindowLoader(cohort, std::move(source), depth_of(prefetch),
                                     series_windows(cohort, input.normalization))
                  : io::WindowLoader(cohort, std::move(source), depth_of(prefetch), pinned_.get())),
      window_(input.sample),
      activation_(activation),
      upload_(pinned_ ? std::make_unique<WindowUpload>(cohort, loader_, input.frames) : nullptr) {}

WindowStream::~WindowStream() = default;

Tensor WindowStream::take(std::int64_t count, const Tensor& out) {
  const profile::Region region("brainmt::input");
  const profile::StageLabel stage("input windows");
  Shape shape{count};
  for (const std::int64_t extent : window_) shape.push_back(extent);
  const bool fits = out && out.shape() == shape && out.dtype() == activation_;
  const Tensor batch = fits ? out : Tensor(shape, activation_);
  for (std::int64_t i = 0; i < count; ++i) {
    const Tensor window = batch.slice(i, i + 1);
    if (upload_)
      upload_->next(window);
    else
      take_dense(window);
  }
  return batch;
}

void WindowStream::take_dense(const Tensor& out) {
  std::optional<io::Window> window = loader_.next();
  BRAINMT_CHECK(window.has_value(), "the source of windows ended early");
  out.copy_from(Tensor::from_host(window->values, window_, DType::kF32));
  loader_.recycle(std::move(*window));
}

}  // namespace brainmt::task
