#include "prepare/frame_plan.hpp"

#include <algorithm>
#include <cmath>

#include "base/error.hpp"

namespace brainmt::prepare {
namespace {

constexpr double kSameTime = 1e-3;  // repetition times that differ by less, relatively, count as equal
constexpr double kMaxRatio = 5;     // of two repetition times; bounds the frames that the resampling holds
constexpr double kLateness = 1e-6;  // of a frame: where the last stored frame may lie behind the last of the file

void censor(FramePlan& plan, const Processing& processing, std::span<const double> fd) {
  if (fd.empty()) {
    throw DataError(fmt::format("no motion of its frames is known, and censor_fd={} needs it", processing.censor_fd));
  }
  if (fd.size() != static_cast<std::size_t>(plan.input)) {
    throw DataError(fmt::format("its motion has {} values, the scan {} frames", fd.size(), plan.input));
  }
  plan.dropped.resize(fd.size());
  std::ranges::transform(fd, plan.dropped.begin(), [&](double mm) { return mm > processing.censor_fd ? 1 : 0; });
  plan.censored = std::ranges::count(plan.dropped, 1);
  const double share = static_cast<double>(plan.censored) / static_cast<double>(plan.input);
  if (share > processing.censor_max || plan.censored == plan.input) {
    throw DataError(fmt::format("{} of {} frames move by more than censor_fd={} mm, censor_max={} is allowed",
                                plan.censored, plan.input, processing.censor_fd, processing.censor_max));
  }
  if (plan.censored == 0) plan.dropped.clear();
}

}  // namespace

void check_repetition_time(double repetition_time, const Processing& processing) {
  if (processing.tr == 0) return;
  if (!(repetition_time > 0)) {
    throw DataError(
        fmt::format("its repetition time is not known, and tr={} needs it: give RepetitionTime (seconds) in a .json "
                    "beside the scan",
                    processing.tr));
  }
  const double ratio = processing.tr / repetition_time;
  if (!(ratio >= 1 / kMaxRatio && ratio <= kMaxRatio)) {
    throw DataError(fmt::format("its repetition time is {} s and cannot become tr={}: more than {} times as much",
                                repetition_time, processing.tr, kMaxRatio));
  }
}

FramePlan plan_frames(std::int64_t frames, double repetition_time, const Processing& processing,
                      std::span<const double> fd) {
  FramePlan plan{.input = frames, .frames = frames, .repetition_time = repetition_time, .dropped = {}};
  if (processing.censor_fd > 0) censor(plan, processing, fd);
  if (processing.tr == 0) {
    plan.frames -= plan.censored;
    return plan;
  }
  check_repetition_time(repetition_time, processing);
  const double ratio = processing.tr / repetition_time;
  if (std::abs(ratio - 1) <= kSameTime) {  // same time grid: only censored frames are interpolated
    plan.step = plan.censored > 0 ? 1 : 0;
    return plan;
  }
  plan.step = ratio;
  plan.repetition_time = processing.tr;
  plan.frames = 1 + static_cast<std::int64_t>(std::floor((static_cast<double>(frames - 1) + kLateness) / ratio));
  return plan;
}

}  // namespace brainmt::prepare
