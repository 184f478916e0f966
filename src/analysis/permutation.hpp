#pragma once
// Permutation test of predictions: labels are permuted over participants, whose predictions stay.
//
//   p = (1 + number of permutations whose metric is at least as good, within 1e-9 (1 + |observed|)) / (permutations + 1)
//
// With groups (families) blocks of equal size swap as wholes, and members of a block swap among themselves: what is
// exchangeable stays so (Winkler et al. 2015).
#include <cstdint>
#include <string>
#include <vector>

#include "analysis/paired.hpp"
#include "base/philox.hpp"

namespace brainmt::analysis {

/// One permutation of n people; `groups` [n], empty text: a block of its own. Number `index` of `seed`, the same
/// whatever else is drawn.
std::vector<std::size_t> block_permutation(const std::vector<std::string>& groups, std::uint64_t seed,
                                           std::uint64_t index);

/// p of each metric; NaN where it is not defined or `permutations` is 0.
std::vector<double> permutation_p(const std::vector<std::string>& metrics, task::Task task,
                                  const std::vector<Scored>& predictions, const std::vector<std::string>& groups,
                                  int permutations, std::uint64_t seed);

}  // namespace brainmt::analysis
