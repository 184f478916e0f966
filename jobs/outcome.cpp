#include "jobs/outcome.hpp"

#include <array>
#include <cstdint>
#include <nlohmann/json.hpp>

#include "base/error.hpp"

namespace brainmt::jobs {
namespace {

constexpr std::array<std::string_view, 5> kNames{"missing", "running", "interrupted", "failed", "done"};

}  // namespace

std::string_view name_of(State state) { return kNames[static_cast<std::size_t>(state)]; }

std::string to_json(const Outcome& o) {
  return nlohmann::ordered_json{
             {"state", name_of(o.state)}, {"task", o.task},   {"where", o.where}, {"attempts", o.attempts},
             {"exit_code", o.exit_code},  {"error", o.error}, {"step", o.step},   {"no_progress", o.no_progress}}
             .dump(1) +
         "\n";
}

std::optional<Outcome> parse_outcome(std::string_view text) {
  try {
    const auto json = nlohmann::json::parse(text);
    Outcome o;
    const auto state = json.at("state").get<std::string>();
    const auto found = std::find(kNames.begin(), kNames.end(), state);
    if (found == kNames.end()) return std::nullopt;
    o.state = static_cast<State>(found - kNames.begin());
    json.at("task").get_to(o.task);
    json.at("where").get_to(o.where);
    json.at("attempts").get_to(o.attempts);
    json.at("exit_code").get_to(o.exit_code);
    json.at("error").get_to(o.error);
    json.at("step").get_to(o.step);
    json.at("no_progress").get_to(o.no_progress);
    return o;
  } catch (const nlohmann::json::exception&) {
    return std::nullopt;
  }
}

Outcome ended(Outcome o, int exit_code, std::string error, std::int64_t step) {
  const bool progress = step > o.step;
  o.exit_code = exit_code;
  o.error = std::move(error);
  o.step = step;
  if (exit_code == static_cast<int>(ExitCode::kDone)) {
    o.state = State::kDone;
  } else if (exit_code == static_cast<int>(ExitCode::kInterrupted)) {
    o.no_progress = progress ? 0 : o.no_progress + 1;
    o.state = o.no_progress > kMaxWithoutProgress ? State::kFailed : State::kInterrupted;
    if (o.state == State::kFailed)
      o.error =
          fmt::format("interrupted {} times in a row without a further step (at step {}): give the task more time",
                      o.no_progress, step);
  } else {
    o.state = State::kFailed;
  }
  return o;
}

bool needs_run(const Outcome& outcome, bool alive) { return outcome.state != State::kDone && !alive; }

}  // namespace brainmt::jobs
