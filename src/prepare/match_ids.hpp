#pragma once
// Matches identifiers of scans and tables that differ in spelling.
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace brainmt::prepare {

/// `sub-01` is 01; `1234567_20227_2_0` is 1234567.
std::string_view bare_id(std::string_view id);

/// `HCA0000001_V1_MR` is HCA0000001 at V1, `sub-01_ses-2` is sub-01 at 2; without a visit in its name an id is itself.
struct IdVisit {
  std::string_view id, visit;
};
IdVisit split_visit(std::string_view id);

struct LooseId {
  std::string id;         // of the table
  std::string_view rule;  // how the two differ, for people
};
/// For the participants that the table does not have under their own name: the one identifier of the table that differs
/// from theirs in spelling only. Tried one after the other, each with those before it:
///
///   written as a float          1000015.0 and 1000015
///   in another case             ndarinv... and NDARINV...
///   with other - and _          NDAR_INV..., and sub01; not in identifiers of digits alone
///   without leading zeros       99001 and 0099001, where all of one side are without
///   without its visit           sub-01 and sub-01_ses-1
///
/// Only where it is the only one, and of no second participant. All identifiers are bare.
std::unordered_map<std::string, LooseId> match_loosely(const std::vector<std::string>& participants,
                                                       const std::vector<std::string>& ids);

/// The most similar identifier, for a message; empty: none.
std::string nearest_id(std::string_view participant, const std::vector<std::string>& ids);

}  // namespace brainmt::prepare
