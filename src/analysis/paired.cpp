#include "analysis/paired.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "analysis/roc_test.hpp"
#include "base/error.hpp"
#include "base/philox.hpp"

namespace brainmt::analysis {
namespace {

constexpr double kUndefined = kUndefinedEstimate;
constexpr std::uint32_t kPairedStream = 0x9a1d, kSwapStream = 0x9a1e;
constexpr std::size_t kAbsent = std::numeric_limits<std::size_t>::max();

double quantile(const std::vector<double>& sorted, double q) {
  if (sorted.empty()) return kUndefined;
  const double position = q * static_cast<double>(sorted.size() - 1);
  const auto low = static_cast<std::size_t>(position);
  const std::size_t high = std::min(low + 1, sorted.size() - 1);
  return sorted[low] + (position - static_cast<double>(low)) * (sorted[high] - sorted[low]);
}

// The predictions of one repeat by number of the participant.
struct Column {
  std::vector<std::size_t> of;  // [participants] index in what follows, or kAbsent
  std::vector<double> truth, score, prepared;
};

// Participants of some repeats, numbered in the order of their names, in blocks.
class People {
 public:
  People(std::span<const Repeat> repeats, const Blocks& blocks) {
    for (const Repeat& repeat : repeats)
      for (const auto& [id, scored] : repeat) numbers_.try_emplace(id, 0);
    std::map<std::string, std::size_t> known;
    for (auto& [id, number] : numbers_) {
      number = block_of_.size();
      const auto found = blocks.find(id);
      std::size_t block = members_.size();
      if (found != blocks.end() && !found->second.empty())
        block = known.try_emplace(found->second, block).first->second;
      if (block == members_.size()) members_.emplace_back();
      members_[block].push_back(number);
      block_of_.push_back(block);
    }
  }
  std::size_t count() const { return block_of_.size(); }
  /// Numbers of the members of each block, blocks in the order of their first member.
  const std::vector<std::vector<std::size_t>>& members() const { return members_; }
  std::size_t block_of(std::size_t person) const { return block_of_[person]; }
  Column column(const Repeat& repeat, const Statistic& statistic) const {
    Column column;
    column.of.assign(count(), kAbsent);
    for (const auto& [id, scored] : repeat) {
      column.of[numbers_.at(id)] = column.truth.size();
      column.truth.push_back(scored.truth);
      column.score.push_back(scored.score);
    }
    column.prepared = statistic.prepared(column.score);
    return column;
  }
  std::vector<Column> columns(std::span<const Repeat> repeats, const Statistic& statistic) const {
    std::vector<Column> all;
    for (const Repeat& repeat : repeats) all.push_back(column(repeat, statistic));
    return all;
  }

 private:
  std::map<std::string, std::size_t> numbers_;
  std::vector<std::vector<std::size_t>> members_;
  std::vector<std::size_t> block_of_;
};

// The mean over repeats of the metric over the participants in `drawn`; NaN when it is undefined in one of them.
double mean_metric(const std::vector<Column>& repeats, const std::vector<std::size_t>& drawn,
                   const Statistic& statistic) {
  double sum = 0;
  std::vector<double> truth, score;
  for (const Column& repeat : repeats) {
    truth.clear();
    score.clear();
    for (const std::size_t person : drawn) {
      const std::size_t i = repeat.of[person];
      if (i == kAbsent) continue;
      truth.push_back(repeat.truth[i]);
      score.push_back(repeat.prepared[i]);
    }
    sum += statistic.value(truth, score);
  }
  return sum / static_cast<double>(repeats.size());
}

std::vector<std::size_t> everybody(const People& people) {
  std::vector<std::size_t> all(people.count());
  std::iota(all.begin(), all.end(), std::size_t{0});
  return all;
}

// value_of(drawn participants) for all of them and for resampled blocks.
template <class ValueOf>
Estimate resample(const People& people, const Resampling& resampling, const ValueOf& value_of) {
  const auto& members = people.members();
  Estimate result{.value = value_of(everybody(people)), .participants = people.count(), .blocks = members.size()};
  std::vector<double> resampled;
  std::vector<std::size_t> drawn;
  for (int i = 0; !members.empty() && i < resampling.resamples; ++i) {
    Philox random(resampling.seed, kPairedStream, static_cast<std::uint64_t>(i));
    drawn.clear();
    for (std::size_t b = 0; b < members.size(); ++b) {
      const auto& block = members[random.below(members.size())];
      drawn.insert(drawn.end(), block.begin(), block.end());
    }
    if (const double value = value_of(drawn); std::isfinite(value)) resampled.push_back(value);
  }
  std::ranges::sort(resampled);
  result.low = quantile(resampled, 0.025);
  result.high = quantile(resampled, 0.975);
  return result;
}

// Those of `from` that `also` has.
Repeat common(const Repeat& from, const Repeat& also) {
  Repeat result;
  for (const auto& [id, scored] : from)
    if (also.contains(id)) result.emplace(id, scored);
  return result;
}

// Both models' predictions of the same people, repeat by repeat, with the models' swapped block by block.
class Swaps {
 public:
  Swaps(const People& people, const std::vector<Column>& a, const std::vector<Column>& b, const Statistic& statistic)
      : statistic_(statistic) {
    std::vector<bool> matters(people.members().size());
    for (std::size_t r = 0; r < a.size(); ++r) {
      Pair pair{.truth = a[r].truth,
                .block = std::vector<std::size_t>(a[r].truth.size()),
                .a = statistic.exchangeable(a[r].score),
                .b = statistic.exchangeable(b[r].score)};
      for (std::size_t person = 0; person < people.count(); ++person) {
        const std::size_t i = a[r].of[person];
        if (i == kAbsent) continue;
        pair.block[i] = people.block_of(person);
        if (pair.a[i] != pair.b[i]) matters[pair.block[i]] = true;
      }
      pairs_.push_back(std::move(pair));
    }
    // Blocks that a swap changes get the first numbers; those of the others do not matter.
    std::vector<std::size_t> renumbered(matters.size());
    std::size_t others = static_cast<std::size_t>(std::ranges::count(matters, true));
    for (std::size_t block = 0; block < matters.size(); ++block)
      renumbered[block] = matters[block] ? swapped_++ : others++;
    for (Pair& pair : pairs_)
      for (std::size_t& block : pair.block) block = renumbered[block];
    blocks_ = matters.size();
  }

  /// How many blocks a swap changes: the first.
  std::size_t informative() const { return swapped_; }
  std::size_t blocks() const { return blocks_; }

  /// The difference after the swaps of those blocks.
  double difference(const std::vector<bool>& swap) {
    double sum = 0;
    for (const Pair& pair : pairs_) {
      first_.resize(pair.truth.size());
      second_.resize(pair.truth.size());
      for (std::size_t i = 0; i < first_.size(); ++i) {
        const bool swapped = swap[pair.block[i]];
        first_[i] = swapped ? pair.b[i] : pair.a[i];
        second_[i] = swapped ? pair.a[i] : pair.b[i];
      }
      sum += statistic_.value(pair.truth, first_) - statistic_.value(pair.truth, second_);
    }
    return sum / static_cast<double>(pairs_.size());
  }

 private:
  struct Pair {
    std::vector<double> truth;
    std::vector<std::size_t> block;
    std::vector<double> a, b;
  };
  const Statistic& statistic_;
  std::vector<Pair> pairs_;
  std::size_t swapped_ = 0, blocks_ = 0;
  std::vector<double> first_, second_;
};

void add_p(Comparison& result, Swaps swaps, const Resampling& resampling) {
  std::vector<bool> swap(swaps.blocks(), false);
  const double observed = std::abs(swaps.difference(swap));
  if (!std::isfinite(observed)) return;
  const double threshold = observed - 1e-9 * (1 + observed);
  // One that is not defined counts as extreme.
  const auto is_extreme = [&] { return !(std::abs(swaps.difference(swap)) < threshold); };
  const std::size_t m = swaps.informative();
  const auto permutations = static_cast<std::uint64_t>(resampling.permutations);
  constexpr std::size_t kMaxExact = 40;
  result.is_exact = m < kMaxExact && (std::uint64_t{1} << m) <= permutations;
  std::uint64_t extreme = 0;
  const std::uint64_t count = result.is_exact ? std::uint64_t{1} << m : permutations;
  for (std::uint64_t i = 0; i < count; ++i) {
    Philox random(resampling.seed, kSwapStream, i);
    std::uint32_t bits = 0;
    for (std::size_t block = 0; block < m; ++block) {
      if (block % 32 == 0) bits = result.is_exact ? static_cast<std::uint32_t>(i >> block) : random.next_u32();
      swap[block] = (bits >> (block % 32) & 1) != 0;
    }
    extreme += is_extreme() ? 1 : 0;
  }
  result.p = result.is_exact ? static_cast<double>(extreme) / static_cast<double>(count)
                             : static_cast<double>(extreme + 1) / static_cast<double>(count + 1);
}

// DeLong's test of the mean over repeats, whose placements are means over repeats.
void add_delong(Comparison& result, const People& people, const std::vector<Column>& a, const std::vector<Column>& b) {
  const auto is_whole = [&](const Column& c) { return c.truth.size() == people.count() && c.truth == a.front().truth; };
  if (a.empty() || !std::ranges::all_of(a, is_whole)) return;
  const std::vector<double>& truth = a.front().truth;
  const auto mean_placements = [&](const std::vector<Column>& columns) {
    std::vector<double> mean(truth.size());
    for (const Column& column : columns) {
      const std::vector<double> placed = placements(truth, column.score);
      for (std::size_t i = 0; i < mean.size(); ++i) mean[i] += placed[i] / static_cast<double>(columns.size());
    }
    return mean;
  };
  std::vector<std::size_t> family(people.count());
  for (std::size_t person = 0; person < family.size(); ++person) family[a.front().of[person]] = people.block_of(person);
  result.p_delong = test_of_placements(truth, mean_placements(a), mean_placements(b), family).p;
}

std::vector<Repeat> repeats_of(const Repeats& model) {
  std::vector<Repeat> repeats;
  for (const auto& [seed, repeat] : model) repeats.push_back(repeat);
  return repeats;
}

}  // namespace

double metric_value(const std::string& metric, task::Task task, const std::vector<Scored>& predictions) {
  const Statistic statistic(metric, task);
  std::vector<double> truth, score;
  for (const Scored& one : predictions) truth.push_back(one.truth), score.push_back(one.score);
  return statistic.value(truth, statistic.prepared(score));
}

Estimate estimate(const Repeats& model, const std::string& metric, task::Task task, const Resampling& resampling) {
  const Statistic statistic(metric, task);
  const std::vector<Repeat> repeats = repeats_of(model);
  const People people(repeats, resampling.blocks);
  const std::vector<Column> columns = people.columns(repeats, statistic);
  return resample(people, resampling,
                  [&](const std::vector<std::size_t>& drawn) { return mean_metric(columns, drawn, statistic); });
}

Comparison compare(const Repeats& a, const Repeats& b, const std::string& metric, task::Task task,
                   const Resampling& resampling) {
  const Statistic statistic(metric, task);
  std::vector<Repeat> of_a, of_b;
  for (const auto& [seed, repeat] : a) {
    const auto other = b.find(seed);
    if (other == b.end()) continue;
    Repeat both = common(repeat, other->second);
    if (both.empty()) continue;
    of_a.push_back(std::move(both));
    of_b.push_back(common(other->second, repeat));
  }
  const People people(of_a, resampling.blocks);
  Comparison result;
  result.repeats = of_a.size();
  result.difference.participants = people.count();
  if (people.count() == 0) return result;
  const std::vector<Column> first = people.columns(of_a, statistic), second = people.columns(of_b, statistic);
  result.difference = resample(people, resampling, [&](const std::vector<std::size_t>& drawn) {
    return mean_metric(first, drawn, statistic) - mean_metric(second, drawn, statistic);
  });
  result.value_a = mean_metric(first, everybody(people), statistic);
  result.value_b = mean_metric(second, everybody(people), statistic);
  add_p(result, Swaps(people, first, second, statistic), resampling);
  if (statistic.is_auroc()) add_delong(result, people, first, second);
  return result;
}

std::vector<double> holm(std::span<const double> p) {
  std::vector<std::size_t> order;
  for (std::size_t i = 0; i < p.size(); ++i)
    if (std::isfinite(p[i])) order.push_back(i);
  std::ranges::stable_sort(order, {}, [&](std::size_t i) { return p[i]; });
  std::vector<double> adjusted(p.size(), kUndefined);
  double largest = 0;
  for (std::size_t rank = 0; rank < order.size(); ++rank) {
    largest = std::max(largest, std::min(1.0, static_cast<double>(order.size() - rank) * p[order[rank]]));
    adjusted[order[rank]] = largest;
  }
  return adjusted;
}

}  // namespace brainmt::analysis
