#pragma once
// Metrics of a run: metrics.jsonl, metrics.csv, TensorBoard events and one log line per record. Rank 0 only.
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "io/events.hpp"
#include "io/metrics_log.hpp"

namespace brainmt::run {

/// One line of metrics.jsonl: an interval of training steps (split "train") or an evaluation (split "val").
struct LogRecord {
  std::int64_t step = 0;
  std::int64_t epoch = 0;
  std::string split;
  double loss = 0;
  /// lr, grad_norm, samples_per_s, data_wait_s, exposed_comm_s for steps; the metrics of the task for evaluations.
  std::map<std::string, double> values;
};

class RunLog {
 public:
  /// Appends to the files of `run_dir`; lines of steps after `last_step` (a run that was killed after its last
  /// checkpoint) are dropped first, so that no step is there twice.
  /// `more_columns` of metrics.csv stand behind those that every run has.
  RunLog(const std::filesystem::path& run_dir, std::int64_t last_step,
         const std::vector<std::string>& more_columns = {});

  /// Adds peak_memory_mib, of this process, to the records of steps.
  void write(const LogRecord& record);

 private:
  io::JsonLines lines_;
  io::CsvTable table_;
  io::EventWriter events_;
};

/// The first training loss in the metrics.jsonl of `run_dir`; none where there is no such line.
std::optional<double> first_training_loss(const std::filesystem::path& run_dir);

/// For people: "step 120 epoch 3 train loss 0.6931 lr 0.0002 grad_norm 1.3 ..."
std::string line_of(const LogRecord& record);

}  // namespace brainmt::run
