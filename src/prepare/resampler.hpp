#pragma once
// A series of frames brought to another repetition time, and over gaps, as the frames arrive.
//
// With d the distance between a stored frame and a frame of the file, counted in frames of the file, and
// h = max(1, step): weight(d) = sinc(d / h) sinc(d / (5 h)) for |d| < 5 h, a windowed sinc (Lanczos) whose cut-off is
// the lower of both Nyquist rates. The weights of the frames that exist are divided by their sum, at the ends and
// around gaps too. Where that sum is below half of what it is with all frames (h), the value is interpolated linearly
// between the nearest frames on both sides (the nearest one at an end). A stored frame that coincides with one of the
// file is that frame, bit for bit, where step <= 1.
#include <cstdint>
#include <deque>
#include <span>
#include <vector>

namespace brainmt::prepare {

class Resampler {
 public:
  /// `frames`: how many come out; frame j lies at j * step.
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
  std::vector<Term> terms(double place) const;
  std::vector<Term> between(double place) const;
  void forget(double place);

  double step_, support_;
  std::int64_t left_, done_ = 0, last_ = -1;
  std::size_t voxels_;
  bool ended_ = false;
  std::deque<Kept> kept_;
  std::vector<std::vector<float>> spare_;
};

}  // namespace brainmt::prepare
