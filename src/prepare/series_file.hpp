#pragma once
// The series of a scan's parcels from a file that another program wrote: frames are rows, parcels columns.
//
//   .tsv .csv .txt .1D   text: tabs, commas, semicolons or blanks; a header row of names, or none; n/a, NaN or an empty
//                        field where there is no value; a first column without a name that counts the rows is left
//                        out; lines that begin with # are skipped
//   .ptseries.nii        CIFTI-2 (io/cifti.hpp), also .ptseries.nii.gz
#include <cstdint>
#include <filesystem>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

namespace brainmt::prepare {

struct SeriesFile {
  std::vector<std::string> names;  // of the columns, each once; empty: the file names none
  std::size_t parcels = 0;         // P
  std::int64_t frames = 0;         // T; 0 where only the columns were read, of text
  double repetition_time = std::numeric_limits<double>::quiet_NaN();  // seconds, of CIFTI; NaN: not known
  std::vector<float> values;                                          // [frame, parcel]; NaN: no value
};

/// Throws DataError with line and column: no table of numbers, rows of unequal length, a name that is empty or occurs
/// twice, more than 65,536 columns.
SeriesFile read_series(const std::filesystem::path& path);
/// Names and number of the columns alone.
SeriesFile read_series_columns(const std::filesystem::path& path);

/// Does a name of a file end as one of these, in any case?
bool is_series_name(std::string_view file);
/// `file` without that ending; as it is where it has none.
std::string without_series_ending(std::string_view file);

}  // namespace brainmt::prepare
