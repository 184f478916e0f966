#pragma once
// Resamples a series of frames in time and interpolates over gaps, streaming. Lanczos window with 5 lobes; the cut-off
// is the lower of the two Nyquist rates.
//   d = position of the output frame - index of the input frame        in input frames
//   h = max(1, step)
//   w(d) = sinc(d / h) sinc(d / (5 h))   for |d| < 5 h, else 0
//   out  = sum_i w(d_i) in_i / sum_i w(d_i)                            over input frames that exist
// If sum_i w(d_i) < h / 2 (too few frames: a gap), out is interpolated linearly between the nearest frame on each side,
// or is the nearest frame at an end. With step <= 1 an output frame that coincides with an input frame is a copy of it.
#include <cstdint>
#include <deque>
#include <span>
#include <vector>

namespace brainmt::prepare {

class Resampler {
 public:
  /// `frames`: number of output frames; frame j is at position j * step.
  Resampler(double step, std::int64_t frames, std::size_t voxels);

  /// Frame `index` of the file; indices ascend. A gap is an index that is skipped.
  void push(std::int64_t index, std::span<const float> frame);
  /// No further frame will come; at least one has.
  void finish() { ended_ = true; }

  /// The next frame, or false while it depends on frames that are still to come, and after the last.
  bool next(std::span<float> out);

 private:
  struct Kept {
    std::int64_t index;
    std::vector<float> frame;
  };
  struct Term {
    double weight;
    const float* frame;
  };
  std::vector<Term> terms(double position) const;
  std::vector<Term> between(double position) const;
  void forget(double position);

  double step_, support_;
  std::int64_t left_, done_ = 0, last_ = -1;
  std::size_t voxels_;
  bool ended_ = false;
  std::deque<Kept> kept_;
  std::vector<std::vector<float>> spare_;
};

}  // namespace brainmt::prepare
