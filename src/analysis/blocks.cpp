#include "analysis/blocks.hpp"

#include "base/error.hpp"
#include "io/find_column.hpp"
#include "io/printable.hpp"
#include "io/table.hpp"
#include "task/phenotype_values.hpp"

namespace brainmt::analysis {
namespace {

void add(Blocks& blocks, const std::string& id, const std::string& value, const std::string& source,
         const std::string& column) {
  if (value.empty()) return;
  const auto [known, is_new] = blocks.try_emplace(id, value);
  if (!is_new && known->second != value)
    throw DataError(fmt::format("{}: participant {} has {} and {} in column {}: expected one value", source, id,
                                io::printable(known->second), io::printable(value), io::printable(column)));
}

}  // namespace

Blocks blocks_of(const io::Cohort& cohort, const std::string& column) {
  const std::vector<std::string> by_scan = task::texts_of(task::phenotype(cohort, column));
  Blocks blocks;
  for (std::size_t scan = 0; scan < by_scan.size(); ++scan)
    add(blocks, cohort.scans()[scan].participant_id, by_scan[scan], cohort.path().string(), column);
  return blocks;
}

Blocks blocks_of(const std::filesystem::path& path, const std::string& column) {
  const io::Table table = io::Table::read(path);
  const std::size_t id = table.column("participant_id");
  const std::size_t value = io::require_column(table.names(), column, path.string());
  Blocks blocks;
  for (std::size_t row = 0; row < table.rows(); ++row)
    add(blocks, table.text(row, id), table.missing(row, value) ? "" : table.text(row, value), path.string(), column);
  return blocks;
}

}  // namespace brainmt::analysis
