#pragma once
// Packed windows to dense model input, with the copies to the device hidden behind the model.
//
// Two packed buffers on the device take turns. While the model computes on window n, window n + 1 is copied into the
// other buffer by a second stream, if the loader has read it by then. What orders the two streams:
//
//   the copies' stream is waited for before scatter n is launched      n has arrived; it began a whole step ago
//   the model's stream is waited for before scatter n is launched      scatter n - 1 is over, so its buffer is free for
//                                                                      copy n + 1, which begins right after
//
// The second wait costs a launch, not more: scatter n is queued behind everything that it waits for (the rest of the
// last step, or within a batch a scatter that ended while n was being copied), and could not begin sooner.
// Nothing waits for the whole device.
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
  /// Waits for a copy that goes on.
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
