#pragma once
// Connectivity that people already have, as text, into a file of connectivity.
//
//   a folder  one text file a participant, <id><suffix> (UK Biobank: 1000015_25750_2_0.txt): a vector of the K (K - 1) / 2
//             edges, or a symmetric matrix of K lines; numbers apart by blanks, tabs, commas or line breaks;
//             or a relmat of BIDS derivatives (column Node, then a column a parcel), which names parcels and may have n/a
//   a table   one row a participant: participant_id (or eid, Subject, ...), then the edges in order
//
// Order of a vector: kRows (0,1), (0,2), ..., (1,2), ...: the upper triangle row by row, which is MATLAB's lower triangle
// by columns, as UK Biobank's fields 25750 to 25753 are; kColumns (0,1), (0,2), (1,2), (0,3), ...: the upper one by columns.
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "connectivity/fc_file.hpp"

namespace brainmt::connectivity {

enum class EdgeOrder { kRows, kColumns };
/// What the numbers are: stored as they are, or r, of which Fisher z is stored.
enum class ImportedValues { kAsTheyAre, kCorrelation };

struct ImportSettings {
  std::filesystem::path from{};
  std::string suffix{};  // of the files of a folder; empty: what all of them have from the first '_' or '.' on
  EdgeOrder order = EdgeOrder::kRows;
  ImportedValues values = ImportedValues::kAsTheyAre;
  bool partial = false;  // partial correlations: stored as /partial
  std::string program{};
};

struct ImportedFc {
  FcDescription description;
  std::vector<float> edges;  // [participants, edges]
  std::vector<std::string> notes;
};

/// Participants in the order of their ids (a folder) or of the rows (a table). Throws DataError that names file, line
/// and participant: a length that is no K (K - 1) / 2 or not that of the others, a value that is no finite number, a
/// matrix that is not symmetric, an id twice; UK Biobank's 25754 and 25755, which are amplitudes of nodes.
ImportedFc import_fc(const ImportSettings& settings);

/// The parcels K of a vector of K (K - 1) / 2 edges; 0: no such K.
std::size_t parcels_of_edges(std::size_t edges);

}  // namespace brainmt::connectivity
