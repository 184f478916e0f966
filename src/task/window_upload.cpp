#include "task/window_upload.hpp"

#include <algorithm>
#include <utility>
#include <vector>

#include "base/capture.hpp"
#include "kernels/grid_scatter.hpp"
#include "memory/pinned.hpp"
#include "memory/pool.hpp"

namespace brainmt::task {
namespace {

template <class T, class Space>
using Flat = Kokkos::View<T*, Space, Kokkos::MemoryTraits<Kokkos::Unmanaged>>;
using DeviceSpace = kernels::Exec::memory_space;

// Dense index -> packed index, or kOutsideMask.
std::shared_ptr<void> upload_map(const io::GridScatter& mask) {
  std::vector<std::uint32_t> map(mask.grid_voxels(), kernels::kOutsideMask);
  std::uint32_t packed = 0;
  for (const std::uint32_t voxel : mask.voxel_list()) map[voxel] = packed++;
  std::shared_ptr<void> memory = pool::allocate(map.size() * sizeof(std::uint32_t));
  const kernels::Exec exec;
  Kokkos::deep_copy(exec, Flat<std::uint32_t, DeviceSpace>(static_cast<std::uint32_t*>(memory.get()), map.size()),
                    Flat<const std::uint32_t, Kokkos::HostSpace>(map.data(), map.size()));
  exec.fence();  // `map` ends here
  return memory;
}

}  // namespace

WindowUpload::WindowUpload(const io::Cohort& cohort, io::WindowLoader& loader, std::int64_t frames)
    : cohort_(cohort), loader_(loader), copies_(second_instance()) {
  for (const io::CohortFile& file : cohort.files()) {
    const auto same = std::ranges::find_if(maps_, [&](const auto& made) { return *made.first == file.scatter; });
    maps_.emplace(&file.scatter, same == maps_.end() ? upload_map(file.scatter) : same->second);
  }
  for (auto& memory : buffers_)
    memory = pool::allocate(static_cast<std::size_t>(frames) * cohort.max_voxels() * sizeof(std::uint16_t));
  // Memory from the pool may still be used by kernels of its last owner. They precede all later work on the default
  // instance, but not the copies' own instance: fence first.
  kernels::Exec().fence();
}

WindowUpload::~WindowUpload() {
  copies_.fence();  // the window's memory is freed here, and the pool does not order this instance
}

void WindowUpload::next(const Tensor& dense) {
  refuse_while_capturing("an upload of a window");
  if (!window_) {
    std::optional<io::Window> window = loader_.next();
    BRAINMT_CHECK(window.has_value(), "the source of windows ended early");
    begin_copy(std::move(*window));
  }
  copies_.fence();
  kernels::Exec().fence();
  scatter(dense);
  loader_.recycle(std::move(*window_));
  window_.reset();
  if (std::optional<io::Window> following = loader_.next_if_ready()) begin_copy(std::move(*following));
}

// Into the buffer whose scatter is over.
void WindowUpload::begin_copy(io::Window window) {
  turn_ = 1 - turn_;
  window_.emplace(std::move(window));
  const std::size_t count = window_->packed.size();
  Kokkos::deep_copy(copies_, Flat<std::uint16_t, DeviceSpace>(buffer(), count),
                    Flat<const std::uint16_t, PinnedSpace>(window_->packed.data(), count));
}

void WindowUpload::scatter(const Tensor& dense) const {
  const std::size_t scan = window_->request.scan, frames = window_->request.frames;
  const io::GridScatter& mask = cohort_.scatter_of(scan);
  const kernels::View1<const std::uint32_t> map(static_cast<const std::uint32_t*>(maps_.at(&mask).get()),
                                                mask.grid_voxels());
  BRAINMT_CHECK(static_cast<std::size_t>(dense.count()) == frames * mask.grid_voxels(), "{} frames for {}", frames,
                dense.shape().str());
  const kernels::View2<const std::uint16_t> packed(buffer(), frames, mask.voxels());
  dispatch(dense.dtype(), [&]<class T>() {
    kernels::grid_scatter<T>(kernels::Exec{}, kernels::View2<T>(dense.data<T>(), frames, mask.grid_voxels()), packed,
                             map, cohort_.scans()[scan].statistics.fill);
  });
}

}  // namespace brainmt::task
