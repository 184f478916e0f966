#pragma once
// The frames of a scan, cropped, censored and resampled one by one; normalisation follows in the second pass. Memory:
// two frames, plus the frames within the resampler's support (prepare/resampler.hpp); independent of the scan's length.
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "io/nifti.hpp"
#include "prepare/frame_plan.hpp"
#include "prepare/quality.hpp"
#include "prepare/resampler.hpp"

namespace brainmt::prepare {

class FrameStream {
 public:
  /// `plan` is that of this scan and must outlive the stream. `on_frame` is called after each frame of the file.
  /// `mask`: one flag per voxel of the file, X fastest; voxels outside become zero. Empty: all are inside.
  FrameStream(const std::filesystem::path& path, const std::optional<Crop>& crop, const FramePlan& plan,
              std::function<void()> on_frame = {}, const std::vector<std::uint8_t>& mask = {});

  const io::NiftiHeader& header() const { return reader_.header(); }
  /// Voxels of a frame as it comes out.
  std::size_t voxels() const;
  /// Fills `frame` (voxels() values, X fastest) with the next one; false after the last, once the end of the file has
  /// been checked. A voxel that is NaN in every used frame becomes zero: it is background, as SPM writes it. Throws
  /// DataError: damaged file, other NaN or infinite voxels in a frame that is used.
  bool next(std::span<float> frame);

  /// Voxels that were NaN in every frame, and what was found in the frames so far, before they are resampled.
  std::size_t nan_voxels() const { return nan_.size(); }
  io::ScanQuality findings() const { return watch_.findings(); }

 private:
  void clean(std::span<float> frame, std::int64_t index);

  bool read_used(std::span<float> frame);
  template <class T>
  void crop_into(const T* whole, T* to) const;

  io::NiftiReader reader_;
  std::optional<Crop> crop_;
  const FramePlan& plan_;
  std::function<void()> on_frame_;
  std::int64_t read_ = 0;           // frames of the file
  bool ended_ = false;              // and the resampler knows
  std::unique_ptr<float[]> whole_;  // a frame before it is cropped
  std::optional<Resampler> resampler_;
  std::unique_ptr<float[]> used_;   // a frame on its way to the resampler
  std::vector<std::uint8_t> mask_;  // of the cropped frame; empty: everything
  bool any_used_ = false;           // frame
  std::vector<std::uint32_t> nan_;  // voxels that are NaN in every frame used so far
  FrameWatch watch_;
};

}  // namespace brainmt::prepare
