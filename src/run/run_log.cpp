#include "run/run_log.hpp"

#include <fmt/format.h>
#include <sys/resource.h>
#include <unistd.h>

#include <chrono>
#include <cmath>
#include <fstream>
#include <functional>
#include <nlohmann/json.hpp>
#include <vector>

#include "io/atomic_file.hpp"

namespace brainmt::run {
namespace {

namespace fs = std::filesystem;

const std::vector<std::string> kColumns{"step",          "epoch",       "split",
                                        "loss",          "lr",          "grad_norm",
                                        "samples_per_s", "data_wait_s", "exposed_comm_s",
                                        "mse",           "mae",         "r2",
                                        "pearson_r",     "accuracy",    "balanced_accuracy",
                                        "auroc",         "f1",          "peak_memory_mib"};

double wall_time() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

// Peak resident memory of this process, MiB.
double peak_memory_mib() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) / 1024.0;  // KiB on Linux
}

// Rewrites a text file with the lines that `keep` accepts; incomplete last lines never are.
void filter_lines(const fs::path& path, const std::function<bool(const std::string&)>& keep) {
  std::ifstream in(path, std::ios::binary);
  if (!in) return;
  std::string kept, line;
  bool changed = false;
  while (std::getline(in, line)) {
    const bool keep_it = !in.eof() && keep(line);
    if (keep_it) kept += line + '\n';
    changed = changed || !keep_it;
  }
  if (changed) io::write_atomically(path, kept);
}

fs::path without_later_lines(const fs::path& path, std::int64_t last_step) {
  filter_lines(path, [&](const std::string& line) {
    const auto object = nlohmann::json::parse(line, nullptr, /*allow_exceptions=*/false);
    return object.is_object() && object.contains("step") && object["step"].is_number_integer() &&
           object["step"] <= last_step;
  });
  return path;
}

fs::path without_later_rows(const fs::path& path, std::int64_t last_step) {
  filter_lines(path, [&](const std::string& line) {
    return line.starts_with(kColumns.front()) || std::atoll(line.c_str()) <= last_step;
  });
  return path;
}

std::vector<std::string> columns_with(const std::vector<std::string>& more) {
  std::vector<std::string> columns = kColumns;
  columns.insert(columns.end(), more.begin(), more.end());
  return columns;
}

}  // namespace

RunLog::RunLog(const fs::path& run_dir, std::int64_t last_step, const std::vector<std::string>& more_columns)
    : lines_(without_later_lines(run_dir / "metrics.jsonl", last_step)),
      table_(without_later_rows(run_dir / "metrics.csv", last_step), columns_with(more_columns)),
      events_(run_dir, wall_time(), std::to_string(::getpid())) {}

void RunLog::write(const LogRecord& record) {
  nlohmann::ordered_json object{
      {"step", record.step}, {"epoch", record.epoch}, {"split", record.split}, {"loss", record.loss}};
  std::vector<io::Scalar> scalars{{record.split + "/loss", static_cast<float>(record.loss)}};
  for (const auto& [name, value] : record.values) {
    object[name] = value;
    scalars.push_back({record.split + "/" + name, static_cast<float>(value)});
  }
  if (record.split == "train") object["peak_memory_mib"] = peak_memory_mib();
  lines_.append(object);
  table_.append(object);
  events_.add(record.step, scalars, wall_time());
}

std::optional<double> first_training_loss(const fs::path& run_dir) {
  std::ifstream in(run_dir / "metrics.jsonl");
  std::string line;
  while (std::getline(in, line)) {
    const auto object = nlohmann::json::parse(line, nullptr, /*allow_exceptions=*/false);
    const bool has_loss = object.is_object() && object.contains("loss") && object["loss"].is_number();
    if (has_loss && object.contains("split") && object["split"] == "train") return object["loss"].get<double>();
  }
  return std::nullopt;
}

std::string line_of(const LogRecord& record) {
  std::string line =
      fmt::format("step {} epoch {} {} loss {:.5g}", record.step, record.epoch, record.split, record.loss);
  for (const auto& [name, value] : record.values) line += fmt::format(" {} {:.4g}", name, value);
  return line;
}

}  // namespace brainmt::run
