#include "base/fault.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include "base/error.hpp"
#include "base/log.hpp"

namespace brainmt::fault {
namespace {

constexpr std::array<std::pair<std::string_view, Action>, 10> kActions{{{"kill9", Action::kKill},
                                                                        {"abort", Action::kAbort},
                                                                        {"hang", Action::kHang},
                                                                        {"sleep", Action::kSleep},
                                                                        {"enospc", Action::kNoSpace},
                                                                        {"eio", Action::kBadDevice},
                                                                        {"nan", Action::kNan},
                                                                        {"bitflip", Action::kBitflip},
                                                                        {"spike", Action::kSpike},
                                                                        {"skip", Action::kSkip}}};
constexpr std::int64_t kEveryStep = -1;

struct Plan {
  std::string point;
  int rank = 0;
  std::int64_t step = 0;
  Action action = Action::kNone;
  double seconds = 3;  // to sleep
};

template <class Number>
bool parse(std::string_view text, Number& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc{} && end == text.data() + text.size();
}

Plan parse_plan(std::string_view text) {
  std::array<std::string_view, 4> parts;
  std::string_view rest = text;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const std::size_t colon = i + 1 < parts.size() ? rest.find(':') : rest.size();
    parts[i] = rest.substr(0, colon);
    rest.remove_prefix(colon == std::string_view::npos ? rest.size() : std::min(colon + 1, rest.size()));
  }
  Plan plan{.point = std::string(parts[0])};
  const std::size_t equals = std::min(parts[3].find('='), parts[3].size());
  for (const auto& [name, action] : kActions)
    if (name == parts[3].substr(0, equals)) plan.action = action;
  const bool good_time = equals == parts[3].size() || parse(parts[3].substr(equals + 1), plan.seconds);
  const bool good_step = parts[2] == "*" || parse(parts[2], plan.step);
  if (parts[2] == "*") plan.step = kEveryStep;
  if (!parse(parts[1], plan.rank) || !good_step || !good_time || plan.action == Action::kNone)
    throw UsageError(fmt::format("BRAINMT_FAULT: expected <point>:<rank>:<step>:<action>, found '{}'", text));
  return plan;
}

std::optional<Plan> read_environment() {
  const char* text = std::getenv("BRAINMT_FAULT");
  if (!text || !*text) return std::nullopt;
  const char* allowed = std::getenv("BRAINMT_ALLOW_FAULTS");
  if (!allowed || std::string_view(allowed) != "1")
    throw UsageError(
        "BRAINMT_FAULT is set but BRAINMT_ALLOW_FAULTS=1 is not: unset BRAINMT_FAULT, it is for tests only");
  return parse_plan(text);
}

}  // namespace

Action at(std::string_view point, int rank, std::int64_t step) {
  static const std::optional<Plan> plan = read_environment();
  if (!plan || plan->point != point || plan->rank != rank) return Action::kNone;
  if (plan->step != kEveryStep && plan->step != step) return Action::kNone;
  log::warn("injected fault at {} (rank {}, step {})", point, rank, step);
  switch (plan->action) {
    case Action::kKill:
      ::kill(::getpid(), SIGKILL);
      break;
    case Action::kAbort:
      std::abort();
    case Action::kHang:
      for (;;) std::this_thread::sleep_for(std::chrono::seconds(1));
    case Action::kSleep:
      std::this_thread::sleep_for(std::chrono::duration<double>(plan->seconds));
      break;
    case Action::kNoSpace:
      throw OutputError(fmt::format("injected fault at {}: no space left on device", point));
    case Action::kBadDevice:
      throw OutputError(fmt::format("injected fault at {}: input/output error", point));
    default:
      break;
  }
  return plan->action;
}

}  // namespace brainmt::fault
