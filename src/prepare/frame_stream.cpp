#include "prepare/frame_stream.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/error.hpp"
#include "prepare/frame_values.hpp"
#include "prepare/space.hpp"

namespace brainmt::prepare {

// Buffers are not initialised: a damaged file must not cost more memory than it really holds frames for.
FrameStream::FrameStream(const std::filesystem::path& path, const std::optional<Crop>& crop, const FramePlan& plan,
                         std::function<void()> on_frame, const std::vector<std::uint8_t>& mask)
    : reader_(path),
      crop_(crop),
      plan_(plan),
      on_frame_(std::move(on_frame)),
      mask_(mask),
      watch_(crop ? crop->grid() : HeaderRow::of(reader_.header()).grid()) {
  if (header().frames() != plan.input) throw DataError(fmt::format("'{}' changed while it was read", path.string()));
  if (crop_ && !mask.empty()) {
    mask_.resize(voxels());
    crop_into(mask.data(), mask_.data());
  }
  if (crop_) whole_ = std::make_unique_for_overwrite<float[]>(header().frame_voxels());
  if (plan.step > 0) {
    resampler_.emplace(plan.step, plan.frames, voxels());
    used_ = std::make_unique_for_overwrite<float[]>(voxels());
  }
}

std::size_t FrameStream::voxels() const { return crop_ ? crop_->grid().voxels() : header().frame_voxels(); }

template <class T>
void FrameStream::crop_into(const T* whole, T* to) const {
  const auto width = static_cast<std::size_t>(header().shape[0]), height = static_cast<std::size_t>(header().shape[1]);
  const std::size_t kept = crop_->grid().x;
  for (std::size_t z = crop_->first[2]; z < crop_->last[2]; ++z) {
    for (std::size_t y = crop_->first[1]; y < crop_->last[1]; ++y, to += kept) {
      std::copy_n(whole + (z * height + y) * width + crop_->first[0], kept, to);
    }
  }
}

// Voxels that are NaN in the first used frame are background if they are NaN in every used frame.
void FrameStream::clean(std::span<float> frame, std::int64_t index) {
  for (std::size_t v = 0; v < mask_.size(); ++v) frame[v] = mask_[v] ? frame[v] : 0.0f;
  std::size_t bad = check_frame(frame).nonfinite;
  if (!any_used_ && bad > 0) {
    for (std::size_t v = 0; v < frame.size(); ++v)
      if (std::isnan(frame[v])) nan_.push_back(static_cast<std::uint32_t>(v));
  }
  any_used_ = true;
  if (bad == 0 && nan_.empty()) return;
  std::size_t back = 0;  // voxels that were NaN until now
  for (const std::uint32_t v : nan_) {
    back += std::isnan(frame[v]) ? 0 : 1;
    bad -= std::isnan(frame[v]) ? 1 : 0;
    frame[v] = 0;
  }
  if (bad > 0) throw DataError(fmt::format("{} voxels of frame {} are NaN or infinite", bad, index));
  if (back > 0)
    throw DataError(fmt::format("{} voxels are NaN in the frames before frame {} and numbers in it", back, index));
  if (nan_.size() == frame.size()) throw DataError("every voxel is NaN");
}

// The next frame of the file that is not censored.
bool FrameStream::read_used(std::span<float> frame) {
  for (;;) {
    const std::span<float> target = crop_ ? std::span(whole_.get(), header().frame_voxels()) : frame;
    if (!reader_.next_frame(target)) return false;
    const std::int64_t index = read_++;
    if (on_frame_) on_frame_();
    if (!plan_.dropped.empty() && plan_.dropped[static_cast<std::size_t>(index)]) continue;
    if (crop_) crop_into(whole_.get(), frame.data());
    clean(frame, index);
    watch_.add(frame);
    return true;
  }
}

bool FrameStream::next(std::span<float> frame) {
  if (!resampler_) return read_used(frame);
  while (!resampler_->next(frame)) {
    const std::span<float> used(used_.get(), voxels());
    if (ended_) return false;
    if (read_used(used)) {
      resampler_->push(read_ - 1, used);
    } else {
      ended_ = true;
      resampler_->finish();
    }
  }
  return true;
}

}  // namespace brainmt::prepare
