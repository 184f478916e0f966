#include "bench/report.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>

#include "memory/pool.hpp"

namespace brainmt::bench {

Timing timing_of(std::vector<double> seconds) {
  std::sort(seconds.begin(), seconds.end());
  return {seconds.front(), seconds[seconds.size() / 2], static_cast<int>(seconds.size())};
}

Timing measure(const std::function<void()>& work, double seconds, int min_runs) {
  using Clock = std::chrono::steady_clock;
  const auto complete = [&] {
    work();
    wait_for_kernels();  // device work is asynchronous
  };
  complete();
  std::vector<double> times;
  const auto begin = Clock::now();
  const auto elapsed = [](Clock::time_point from) {
    return std::chrono::duration<double>(Clock::now() - from).count();
  };
  while (static_cast<int>(times.size()) < min_runs || elapsed(begin) < seconds) {
    const auto start = Clock::now();
    complete();
    times.push_back(elapsed(start));
  }
  return timing_of(std::move(times));
}

namespace {

std::string rate(double amount, double seconds) {
  return amount > 0 && seconds > 0 ? fmt::format("{:.1f}", amount / seconds * 1e-9) : "";
}

std::string share(const Row& row) {
  if (row.limit_flops <= 0 || row.time.min <= 0) return "";
  return fmt::format("{:.0f} %", 100 * row.flops / row.time.min / row.limit_flops);
}

}  // namespace

std::string Report::table() const {
  std::size_t width = 4;
  for (const Row& row : rows) width = std::max(width, row.name.size());
  std::string out = title + "\n";
  if (!rows.empty())
    out += fmt::format("{:<{}}  {:>10}  {:>10}  {:>9}  {:>8}  {:>8}\n", "what", width, "min ms", "median ms", "GFLOP/s",
                       "GB/s", "of limit");
  for (const Row& row : rows)
    out += fmt::format("{:<{}}  {:>10.3f}  {:>10.3f}  {:>9}  {:>8}  {:>8}{}\n", row.name, width, row.time.min * 1e3,
                       row.time.median * 1e3, rate(row.flops, row.time.min), rate(row.bytes, row.time.min), share(row),
                       row.note.empty() ? "" : "  " + row.note);
  for (const std::string& line : lines) out += line + "\n";
  if (stages) out += stages->table();
  return out;
}

nlohmann::json Report::json() const {
  nlohmann::json j{{"title", title}, {"rows", nlohmann::json::array()}, {"values", nlohmann::json::object()}};
  for (const Row& row : rows)
    j["rows"].push_back({{"name", row.name},
                         {"min_s", row.time.min},
                         {"median_s", row.time.median},
                         {"repeats", row.time.repeats},
                         {"flops", row.flops},
                         {"bytes", row.bytes},
                         {"limit_flops_per_s", row.limit_flops},
                         {"note", row.note}});
  for (const auto& [name, value] : values) j["values"][name] = value;
  if (stages) j["profile"] = stages->json();
  return j;
}

}  // namespace brainmt::bench
