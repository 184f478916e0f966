#pragma once
// A column of a phenotype table as a cohort stores it, with the notes for the log.
//
// A column of numbers and missing values becomes numbers (missing is NaN), so does one of age bands
// (prepare/age_band.hpp); any other becomes text (missing is empty). In UK Biobank's fields, answers that are no
// amounts are missing (io/ukb_codes.hpp), unless they are to be kept.
#include <string>
#include <variant>
#include <vector>

#include "io/table.hpp"

namespace brainmt::prepare {

using Values = std::variant<std::vector<double>, std::vector<std::string>>;

/// Notes on the columns of a table, summarised in a few log lines however many columns there are.
struct ColumnNotes {
  std::vector<std::string> bands, odd, excel, codes, suspects, less;  // an entry for each column
  /// "... and 12 more" where a list is long.
  std::vector<std::string> information() const, warnings() const;
};

/// By row of the table.
Values column_values(const io::Table& table, std::size_t column, bool keep_ukb_codes, ColumnNotes& notes);

}  // namespace brainmt::prepare
