#include "prepare/phenotypes.hpp"

#include <limits>
#include <utility>

namespace brainmt::prepare {

Phenotypes::Phenotypes(const std::filesystem::path& path, const std::string& id_column)
    : table_(io::Table::read(path)), id_column_(table_.column(id_column)), rows_(table_.index_by(id_column_)) {}

std::vector<io::PhenotypeColumn> Phenotypes::columns(const std::vector<io::CohortScan>& scans) const {
  std::vector<io::PhenotypeColumn> columns;
  for (std::size_t column = 0; column < table_.columns(); ++column) {
    if (column == id_column_) continue;
    std::vector<double> numbers;
    std::vector<std::string> texts;
    const bool numeric = table_.is_numeric(column);
    for (const io::CohortScan& scan : scans) {
      const std::size_t row = rows_.at(scan.participant_id);
      if (numeric) {
        numbers.push_back(table_.number(row, column).value_or(std::numeric_limits<double>::quiet_NaN()));
      } else {
        texts.push_back(table_.missing(row, column) ? std::string() : table_.text(row, column));
      }
    }
    io::PhenotypeColumn& out = columns.emplace_back();
    out.name = table_.names()[column];
    if (numeric) {
      out.values = std::move(numbers);
    } else {
      out.values = std::move(texts);
    }
  }
  return columns;
}

}  // namespace brainmt::prepare
