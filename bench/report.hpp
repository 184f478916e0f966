#pragma once
// Rows of a benchmark, as a table or JSON.
#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "bench/stage_table.hpp"

namespace brainmt::bench {

struct Timing {
  double min = 0, median = 0;  // seconds
  int repeats = 0;
};

/// Of measured seconds, at least one.
Timing timing_of(std::vector<double> seconds);
/// Runs `work` once unmeasured, then until `seconds` have passed and at least `min_runs` times.
Timing measure(const std::function<void()>& work, double seconds, int min_runs = 3);

struct Row {
  std::string name;
  Timing time;
  double flops = 0;        // of one run; 0 = does not apply
  double bytes = 0;        // least traffic of one run
  double limit_flops = 0;  // FLOP/s measured in the same run, to compare with
  std::string note;
};

struct Report {
  std::string title;
  std::vector<Row> rows;
  std::vector<std::string> lines;                      // conclusions under the table
  std::vector<std::pair<std::string, double>> values;  // the same, for programs
  std::optional<StageTable> stages{};                  // of step --profile; under the conclusions

  std::string table() const;
  nlohmann::json json() const;
};

}  // namespace brainmt::bench
