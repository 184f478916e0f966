#include "io/quarantine.hpp"

#include <map>
#include <system_error>
#include <utility>

#include "base/error.hpp"
#include "io/atomic_file.hpp"
#include "io/printable.hpp"
#include "io/table.hpp"

namespace brainmt::io {
namespace {

// Every text in double quotes: a source may hold any character of a file name.
std::string quoted(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) out += c == '"' ? "\"\"" : std::string(1, c);
  return out + '"';
}

}  // namespace

std::filesystem::path quarantine_file(const std::filesystem::path& cohort) {
  std::filesystem::path file = cohort;
  file += ".quarantine.tsv";
  return file;
}

void write_quarantine(const std::filesystem::path& cohort, const std::vector<CohortScan>& scans,
                      const std::vector<DamagedScan>& damaged) {
  const std::filesystem::path file = quarantine_file(cohort);
  if (damaged.empty()) {
    std::error_code failed;
    std::filesystem::remove(file, failed);
    if (failed) throw OutputError(fmt::format("cannot remove '{}': {}", file.string(), failed.message()));
    return;
  }
  std::string text = "participant_id\trun\tsource\tframe\treason\n";
  for (const DamagedScan& d : damaged) {
    const CohortScan& scan = scans[d.scan];
    text += fmt::format("{}\t{}\t{}\t{}\t{}\n", scan.participant_id, quoted(scan.run), quoted(scan.source), d.frame,
                        d.reason);
  }
  write_atomically(file, text);
}

std::vector<bool> read_quarantine(const std::filesystem::path& cohort, const std::vector<CohortScan>& scans) {
  std::vector<bool> listed(scans.size(), false);
  const std::filesystem::path file = quarantine_file(cohort);
  std::error_code unknown;
  if (!std::filesystem::exists(std::filesystem::symlink_status(file, unknown))) return listed;
  const Table table = Table::read(file);
  const std::size_t participant = table.column("participant_id"), source = table.column("source");
  std::map<std::pair<std::string_view, std::string_view>, std::size_t> index;
  for (std::size_t s = 0; s < scans.size(); ++s) index.try_emplace({scans[s].participant_id, scans[s].source}, s);
  for (std::size_t row = 0; row < table.rows(); ++row) {
    const auto found = index.find({table.text(row, participant), table.text(row, source)});
    if (found == index.end()) {
      throw DataError(
          fmt::format("'{}', line {}: '{}' has no scan {} of participant {}: the list belongs to another cohort; "
                      "make it again with 'brainmt inspect --verify --quarantine'",
                      file.string(), table.line(row), cohort.string(), printable(table.text(row, source)),
                      printable(table.text(row, participant))));
    }
    listed[found->second] = true;
  }
  return listed;
}

}  // namespace brainmt::io
