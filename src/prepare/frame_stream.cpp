#include "prepare/frame_stream.hpp"

#include <algorithm>
#include <utility>

#include "base/error.hpp"
#include "prepare/frame_values.hpp"

namespace brainmt::prepare {

// Buffers are not initialised: a damaged file must not cost more memory than it really holds frames for.
FrameStream::FrameStream(const std::filesystem::path& path, const std::optional<Crop>& crop, const FramePlan& plan,
                         std::function<void()> on_frame)
    : reader_(path), crop_(crop), plan_(plan), on_frame_(std::move(on_frame)) {
  if (header().frames() != plan.input) throw DataError(fmt::format("'{}' changed while it was read", path.string()));
  if (crop_) whole_ = std::make_unique_for_overwrite<float[]>(header().frame_voxels());
  if (plan.step > 0) {
    resampler_.emplace(plan.step, plan.frames, voxels());
    used_ = std::make_unique_for_overwrite<float[]>(voxels());
  }
}

std::size_t FrameStream::voxels() const { return crop_ ? crop_->grid().voxels() : header().frame_voxels(); }

void FrameStream::crop_into(std::span<float> frame) const {
  const auto width = static_cast<std::size_t>(header().shape[0]), height = static_cast<std::size_t>(header().shape[1]);
  const std::size_t kept = crop_->grid().x;
  std::size_t to = 0;
  for (std::size_t z = crop_->first[2]; z < crop_->last[2]; ++z) {
    for (std::size_t y = crop_->first[1]; y < crop_->last[1]; ++y, to += kept) {
      std::copy_n(whole_.get() + (z * height + y) * width + crop_->first[0], kept, frame.data() + to);
    }
  }
}

// The next frame of the file that is not censored.
bool FrameStream::read_used(std::span<float> frame) {
  for (;;) {
    const std::span<float> target = crop_ ? std::span(whole_.get(), header().frame_voxels()) : frame;
    if (!reader_.next_frame(target)) return false;
    const std::int64_t index = read_++;
    if (on_frame_) on_frame_();
    if (!plan_.dropped.empty() && plan_.dropped[static_cast<std::size_t>(index)]) continue;
    if (crop_) crop_into(frame);
    if (const std::size_t bad = check_frame(frame).nonfinite; bad > 0) {
      throw DataError(fmt::format("{} voxels of frame {} are NaN or infinite", bad, index));
    }
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
