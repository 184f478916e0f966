#pragma once
// Uploads packed windows and scatters them to dense model input; copies overlap with the model's compute.
//
// Double buffering: while the model computes on window n, window n + 1 is copied into the other device buffer on a
// second stream, if the loader has read it. Before scatter n is launched, the host waits for
//
//   the copy stream      copy n is complete (it began a whole step ago)
//   the model's stream   scatter n - 1 is complete, so its buffer is free for copy n + 1, which starts next
//
// The second wait costs one launch latency: scatter n could not start sooner anyway. No device-wide synchronisation.
#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>

#include "io/window_loader.hpp"
#include "kernels/types.hpp"
#include "tensor/tensor.hpp"

namespace brainmt::task {

class WindowUpload {
 public:
  /// `loader` gives packed windows of `frames` frames of `cohort`, in memory that the device can copy from; both
  /// outlive this.
  WindowUpload(const io::Cohort& cohort, io::WindowLoader& loader, std::int64_t frames);
  /// Waits for a copy in progress.
  ~WindowUpload();
  WindowUpload(const WindowUpload&) = delete;
  WindowUpload& operator=(const WindowUpload&) = delete;

  /// Writes the next window to `dense` [1, T, Y, X, Z], on the model's stream. Throws what the loader throws.
  void next(const Tensor& dense);

 private:
  using Map = std::shared_ptr<void>;  // uint32 [grid], on the device

  void begin_copy(io::Window window);
  void scatter(const Tensor& dense) const;
  std::uint16_t* buffer() const { return static_cast<std::uint16_t*>(buffers_[turn_].get()); }

  const io::Cohort& cohort_;
  io::WindowLoader& loader_;
  std::map<const io::GridScatter*, Map> maps_;    // of every mask; equal masks share one
  std::array<std::shared_ptr<void>, 2> buffers_;  // float16 bits [T, voxels of the largest mask]
  std::size_t turn_ = 0;                          // the buffer of `window_`
  std::optional<io::Window> window_;              // being copied, or copied and not yet scattered
  kernels::Exec copies_;
};

}  // namespace brainmt::task
