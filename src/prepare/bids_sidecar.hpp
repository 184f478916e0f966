#pragma once
// The JSON sidecars of BIDS images, by BIDS's principle of inheritance: a sidecar applies to every image below its
// folder whose name has all of its entities and its suffix. Where several have the same key, the nearest wins.
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "io/bids_name.hpp"

namespace brainmt::prepare {

class BidsSidecars {
 public:
  explicit BidsSidecars(const std::filesystem::path& input) : input_(input) {}

  /// The nearest sidecar with a RepetitionTime, or that cannot be read, for the image `file` in `folder` (below the
  /// input, ends in a slash): the one of the image's own name, one of fewer entities beside it, then likewise in the
  /// folders above, to the input. Where none has one, the nearest of all; empty: there is none. Paths are relative to
  /// the input.
  std::string find(const std::string& folder, std::string_view file);

 private:
  using Names = std::vector<std::pair<std::string, io::BidsName>>;
  const Names& in_folder(const std::string& folder);
  bool has_time(const std::string& sidecar);

  const std::filesystem::path& input_;
  std::map<std::string, Names> folders_;
  std::map<std::string, bool> has_time_;  // by file; those read so far
};

}  // namespace brainmt::prepare
