#pragma once
// The phenotype table of a cohort, by participant.
#include <filesystem>
#include <string>
#include <unordered_map>
#include <vector>

#include "io/cohort_layout.hpp"
#include "io/table.hpp"

namespace brainmt::prepare {

class Phenotypes {
 public:
  /// `id_column`: empty takes the first of participant_id, subject, eid and their usual variants that the table has.
  /// `columns`: those to keep, by any name that io::find_column understands; empty keeps all, unless they are more than
  /// 500. Throws DataError: the table cannot be read, has no such columns, or has an identifier twice.
  Phenotypes(const std::filesystem::path& path, const std::string& id_column,
             const std::vector<std::string>& columns = {});

  /// The column that holds the identifiers.
  const std::string& id_column() const { return table_.names()[id_column_]; }
  /// Identifiers match with and without `sub-`, and with and without the `_20227_2_0` of a UK Biobank bulk file.
  bool contains(const std::string& participant_id) const { return find(participant_id) != nullptr; }
  /// Every kept column, one value for each of `scans`, whose participants the table contains. A column of numbers and
  /// missing values becomes numbers (missing is NaN), so does one of age bands (prepare/age_band.hpp); any other
  /// becomes text (missing is empty).
  std::vector<io::PhenotypeColumn> columns(const std::vector<io::CohortScan>& scans) const;

 private:
  const std::size_t* find(const std::string& participant_id) const;  // its row, or null

  io::Table table_;  // the kept columns and the identifier
  std::size_t id_column_;
  std::unordered_map<std::string, std::size_t> rows_;  // by bare identifier
};

}  // namespace brainmt::prepare
