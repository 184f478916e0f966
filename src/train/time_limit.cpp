#include "train/time_limit.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <string_view>

#include "base/log.hpp"

namespace brainmt::train {
namespace {

constexpr const char* kVariable = "SLURM_JOB_END_TIME";

std::chrono::steady_clock::duration of_seconds(double seconds) {
  constexpr double kMaxSeconds = 1e9;  // 31 years: beyond that the clock's ticks overflow
  return std::chrono::duration_cast<std::chrono::steady_clock::duration>(
      std::chrono::duration<double>(std::min(seconds, kMaxSeconds)));
}

}  // namespace

std::optional<double> TimeLimit::seconds_left_by_slurm() {
  const char* text = std::getenv(kVariable);
  if (text == nullptr || *text == '\0') return std::nullopt;
  const std::string_view view(text);
  std::int64_t end = 0;
  const auto [stop, error] = std::from_chars(view.data(), view.data() + view.size(), end);
  // The wall clock is read once here; later changes of it have no effect.
  const double now = std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
  const double left = static_cast<double>(end) - now;
  if (error == std::errc{} && stop == view.data() + view.size() && left > 0) return left;
  log::warn("{}={}: expected a time to come in seconds since 1970; no limit is taken from it", kVariable, text);
  return std::nullopt;
}

TimeLimit::TimeLimit(const TimeLimitSettings& settings, Clock::time_point start, std::optional<double> slurm_seconds) {
  const auto& [max_seconds, margin] = settings;
  if (max_seconds > 0) {
    deadline_ = start + of_seconds(max_seconds);
    rule_ = fmt::format("run.max_seconds={:g} after the start", max_seconds);
  }
  if (slurm_seconds) {
    const auto end = Clock::now() + of_seconds(*slurm_seconds) - of_seconds(margin);
    deadline_ = deadline_ ? std::min(*deadline_, end) : end;
    if (!rule_.empty()) rule_ += " and ";
    rule_ += fmt::format("run.stop_margin={:g} s before {}, which is in {:.0f} s", margin, kVariable, *slurm_seconds);
  }
  if (!rule_.empty())
    rule_ = fmt::format(
        "stops by itself, with a checkpoint and exit code 75, no later than {}: when two more steps and two "
        "checkpoints, as long as the longest so far, would not fit",
        rule_);
}

bool TimeLimit::is_near(double reserve) const { return deadline_ && Clock::now() + of_seconds(reserve) >= *deadline_; }

}  // namespace brainmt::train
