#include "bench/stage_table.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

namespace brainmt::bench {
namespace {

constexpr double kGib = 1024.0 * 1024.0 * 1024.0;

std::string rate(double amount, double seconds) {
  return amount > 0 && seconds > 0 ? fmt::format("{:.1f}", amount / seconds * 1e-9) : "";
}

std::string share(double amount, double seconds, double limit) {
  return amount > 0 && seconds > 0 && limit > 0 ? fmt::format("{:.0f} %", 100 * amount / seconds / limit) : "";
}

}  // namespace

std::string StageTable::table() const {
  std::string out = fmt::format("{:<22}  {:>10}  {:>7}  {:>6}  {:>8}  {:>8}  {:>7}  {:>8}  {:>8}\n", "stage", "ms",
                                "of step", "pieces", "GFLOP/s", "of limit", "GB/s", "of limit", "peak GiB");
  const auto add = [&](const char* name, double seconds, const std::string& pieces, const profile::Work& work,
                       std::size_t peak) {
    out += fmt::format("{:<22}  {:>10.3f}  {:>5.1f} %  {:>6}  {:>8}  {:>8}  {:>7}  {:>8}  {:>8}\n", name, seconds * 1e3,
                       100 * seconds / step.seconds, pieces, rate(work.flops, seconds),
                       share(work.flops, seconds, limit_flops), rate(work.bytes, seconds),
                       share(work.bytes, seconds, limit_bytes),
                       peak > 0 ? fmt::format("{:.3f}", static_cast<double>(peak) / kGib) : "");
  };
  profile::Work all;
  for (const profile::Stage stage : profile::all_stages()) {
    const profile::StageTotals& s = step.of(stage);
    add(name_of(stage), s.seconds, fmt::format("{}", s.pieces), s.work, s.peak_bytes);
    all += s.work;
  }
  add("not covered", not_covered(), "", {}, 0);
  add("step", step.seconds, "", all, step.peak_bytes);
  return out;
}

nlohmann::json StageTable::json() const {
  nlohmann::json j{{"stages", nlohmann::json::array()}, {"step_s", step.seconds},
                   {"stages_s", step.covered()},        {"not_covered_s", not_covered()},
                   {"covered_share", covered_share()},  {"step_without_profile_s", seconds_without},
                   {"limit_flops_per_s", limit_flops},  {"limit_bytes_per_s", limit_bytes},
                   {"peak_bytes", step.peak_bytes}};
  for (const profile::Stage stage : profile::all_stages()) {
    const profile::StageTotals& s = step.of(stage);
    j["stages"].push_back({{"name", name_of(stage)},
                           {"seconds", s.seconds},
                           {"pieces", s.pieces},
                           {"flops", s.work.flops},
                           {"bytes", s.work.bytes},
                           {"peak_bytes", s.peak_bytes}});
  }
  return j;
}

}  // namespace brainmt::bench
