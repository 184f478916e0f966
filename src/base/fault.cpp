#include "base/fault.hpp"

#include <unistd.h>

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

constexpr std::array<std::pair<std::string_view, Action>, 7> kActions{{{"kill9", Action::kKill},
                                                                       {"abort", Action::kAbort},
                                                                       {"hang", Action::kHang},
                                                                       {"sleep", Action::kSleep},
                                                                       {"enospc", Action::kNoSpace},
                                                                       {"nan", Action::kNan},
                                                                       {"bitflip", Action::kBitflip}}};

struct Plan {
  std::string point;
  int rank = 0;
  std::int64_t step = 0;
  Action action = Action::kNone;
};

template <class Int>
bool parse(std::string_view text, Int& value) {
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
  for (const auto& [name, action] : kActions)
    if (name == parts[3]) plan.action = action;
  if (!parse(parts[1], plan.rank) || !parse(parts[2], plan.step) || plan.action == Action::kNone)
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
  if (!plan || plan->point != point || plan->rank != rank || plan->step != step) return Action::kNone;
  log::warn("planted fault at {} (rank {}, step {})", point, rank, step);
  switch (plan->action) {
    case Action::kKill:
      ::kill(::getpid(), SIGKILL);
      break;
    case Action::kAbort:
      std::abort();
    case Action::kHang:
      for (;;) std::this_thread::sleep_for(std::chrono::seconds(1));
    case Action::kSleep:
      std::this_thread::sleep_for(std::chrono::seconds(3));
      break;
    case Action::kNoSpace:
      throw OutputError(fmt::format("planted fault at {}: no space left on device", point));
    default:
      break;
  }
  return plan->action;
}

}  // namespace brainmt::fault
