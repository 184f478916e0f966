#pragma once
// File names of BIDS: `sub-01_ses-2_task-rest_run-1_space-T1w_desc-preproc_bold.nii.gz` is a list of entities (key and
// value), a suffix and an extension. The entities are read one by one: which there are, and in which order, differs
// between datasets.
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace brainmt::io {

struct BidsName {
  std::vector<std::pair<std::string, std::string>> entities;  // in the order of the name; each key once
  std::string suffix;                                         // bold
  std::string extension;                                      // from the first dot: .nii.gz

  /// The value of an entity; empty where the name has none.
  std::string_view value(std::string_view key) const;
  /// `ses-2_run-1`: the entities but those of `left_out`.
  std::string without(const std::vector<std::string_view>& left_out) const;
};

/// Nothing for what is no such name: an entity without key or value, a key twice, no suffix.
std::optional<BidsName> parse_bids_name(std::string_view file);

}  // namespace brainmt::io
