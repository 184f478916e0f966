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
  /// Throws DataError: the table cannot be read, has no column `id_column`, or has an identifier twice.
  Phenotypes(const std::filesystem::path& path, const std::string& id_column);

  bool contains(const std::string& participant_id) const { return rows_.contains(participant_id); }
  /// Every column but the identifier, one value for each of `scans`, whose participants the table contains. A column of
  /// numbers and missing values becomes numbers (missing is NaN), any other becomes text (missing is empty).
  std::vector<io::PhenotypeColumn> columns(const std::vector<io::CohortScan>& scans) const;

 private:
  io::Table table_;
  std::size_t id_column_;
  std::unordered_map<std::string, std::size_t> rows_;
};

}  // namespace brainmt::prepare
