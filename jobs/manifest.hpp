#pragma once
// sweep.tsv: one row a task. The manifest, not an array index, says what a task is.
//
//   index  task  run_dir  grid  <axis> ...  seed  fold  settings
//
// `task` is the hash of what decides the task's numbers, so equal work has an equal name in every sweep; `run_dir` is
// relative to the folder of the manifest; an axis that the row's grid lacks, and a fold where there is none, are '-';
// `settings` is a JSON list of key=value.
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace brainmt::jobs {

struct ManifestRow {
  std::size_t index = 0;
  std::string task;
  std::string run_dir;
  std::string grid;
  std::vector<std::string> labels;  // by axis
  std::int64_t seed = 0;
  int fold = -1;  // -1: none
  std::vector<std::string> settings;
  bool operator==(const ManifestRow&) const = default;
};

struct Manifest {
  std::vector<std::string> axes;
  std::vector<ManifestRow> rows;
  bool operator==(const Manifest&) const = default;
};

std::string to_tsv(const Manifest& manifest);

/// `shown` names the file in messages. Throws DataError with the line: another header, a row that is out of order, a
/// run_dir that leaves the folder, settings that are no list of texts.
Manifest parse_manifest(std::string_view tsv, const std::string& shown);

}  // namespace brainmt::jobs
