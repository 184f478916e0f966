#include "analysis/permutation.hpp"

#include <cmath>
#include <limits>
#include <map>

#include "base/error.hpp"

namespace brainmt::analysis {
namespace {

constexpr std::uint32_t kAll = 0xCCA1, kWhole = 0xCCA2, kWithin = 0xCCA3;  // a Philox stream for each purpose

using Block = std::vector<std::size_t>;

template <class T>
void shuffle(std::vector<T>& values, Philox& random) {
  for (std::size_t i = values.size(); i > 1; --i) std::swap(values[i - 1], values[random.below(i)]);
}

// In the order of their first members.
std::vector<Block> blocks_of(const std::vector<std::string>& groups) {
  std::vector<Block> blocks;
  std::map<std::string, std::size_t> number;
  for (std::size_t i = 0; i < groups.size(); ++i) {
    if (groups[i].empty()) {
      blocks.push_back({i});
      continue;
    }
    const auto [found, is_new] = number.try_emplace(groups[i], blocks.size());
    if (is_new) blocks.emplace_back();
    blocks[found->second].push_back(i);
  }
  return blocks;
}

}  // namespace

std::vector<std::size_t> block_permutation(const std::vector<std::string>& groups, std::uint64_t seed,
                                           std::uint64_t index) {
  const std::vector<Block> blocks = blocks_of(groups);
  std::vector<std::size_t> permutation(groups.size());
  if (blocks.size() == groups.size()) {
    for (std::size_t i = 0; i < permutation.size(); ++i) permutation[i] = i;
    Philox random(seed, kAll, index);
    shuffle(permutation, random);
    return permutation;
  }
  Philox whole(seed, kWhole, index), within(seed, kWithin, index);
  std::vector<std::size_t> sizes;  // in the order of the first block of each
  std::map<std::size_t, std::vector<std::size_t>> of_size;
  for (std::size_t b = 0; b < blocks.size(); ++b) {
    auto& same = of_size[blocks[b].size()];
    if (same.empty()) sizes.push_back(blocks[b].size());
    same.push_back(b);
  }
  std::vector<std::size_t> arriving(blocks.size());  // the block whose labels block b gets
  for (const std::size_t size : sizes) {
    const std::vector<std::size_t>& same = of_size[size];
    std::vector<std::size_t> shuffled = same;
    shuffle(shuffled, whole);
    for (std::size_t k = 0; k < same.size(); ++k) arriving[same[k]] = shuffled[k];
  }
  for (std::size_t b = 0; b < blocks.size(); ++b) {
    Block from = blocks[arriving[b]];
    shuffle(from, within);
    for (std::size_t k = 0; k < from.size(); ++k) permutation[blocks[b][k]] = from[k];
  }
  return permutation;
}

std::vector<double> permutation_p(const std::vector<std::string>& metrics, task::Task task,
                                  const std::vector<Scored>& predictions, const std::vector<std::string>& groups,
                                  int permutations, std::uint64_t seed) {
  BRAINMT_CHECK(predictions.size() == groups.size(), "{} predictions, {} groups", predictions.size(), groups.size());
  std::vector<double> observed, p(metrics.size(), std::numeric_limits<double>::quiet_NaN());
  for (const std::string& metric : metrics) observed.push_back(metric_value(metric, task, predictions));
  if (permutations == 0) return p;
  std::vector<int> as_good(metrics.size(), 1);
  std::vector<Scored> permuted = predictions;
  for (int index = 1; index <= permutations; ++index) {
    const auto from = block_permutation(groups, seed, static_cast<std::uint64_t>(index));
    for (std::size_t i = 0; i < permuted.size(); ++i) permuted[i].truth = predictions[from[i]].truth;
    for (std::size_t m = 0; m < metrics.size(); ++m) {
      const double slack = 1e-9 * (1 + std::abs(observed[m])), value = metric_value(metrics[m], task, permuted);
      as_good[m] += larger_is_better(metrics[m]) ? value >= observed[m] - slack : value <= observed[m] + slack;
    }
  }
  for (std::size_t m = 0; m < metrics.size(); ++m)
    if (std::isfinite(observed[m])) p[m] = static_cast<double>(as_good[m]) / (permutations + 1);
  return p;
}

}  // namespace brainmt::analysis
