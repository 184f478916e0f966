#pragma once
// The columns that tables of series share, and how each table's columns become them.
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "io/parcel_table.hpp"
#include "prepare/series_file.hpp"

namespace brainmt::prepare {

struct SeriesColumns {
  std::vector<std::string> names;  // in the order of the cohort; empty: the tables name none
  std::size_t parcels = 0;
  std::string example;  // the first table that has them

  bool operator==(const SeriesColumns&) const = default;
};

/// As one text without zero bytes, and back.
std::string text_of(const SeriesFile& file);
SeriesFile columns_of(const std::string& text);

/// The set of names (or, without names, the number) that most of `tables` have, in the order of the first that has it;
/// of equally common ones the first. `tables`: text_of() each, empty where a table could not be read; `files`: theirs.
/// Nothing where none could.
SeriesColumns most_common_columns(const std::vector<std::string>& tables, const std::vector<std::string>& files);

/// For each column of the cohort the table's. Throws DataError: another number, other names (the first that lacks and
/// the first that is new), no names where the others have some.
std::vector<std::uint32_t> order_of(const SeriesFile& file, const SeriesColumns& columns);

/// The parcels for a cohort's file. `labels`: a label table; empty: they are numbered from 1 and described by their
/// names alone. The columns are put in the order of their labels. Without
/// names in the tables the labels are taken in ascending order and their number must be that of the
/// columns. Names may lack a beginning such as 7Networks_, or be the labels' numbers. Throws DataError.
io::ParcelTable describe_parcels(SeriesColumns& columns, const std::filesystem::path& labels);

}  // namespace brainmt::prepare
