#include "connectivity/exact_sum.hpp"

#include <cmath>

#include "base/error.hpp"
#include "comm/gather.hpp"

namespace brainmt::connectivity {

void ExactSum::add(std::span<const double> terms) {
  BRAINMT_CHECK(terms.size() * kWords == words_.size(), "{} terms for {} sums", terms.size(), words_.size() / kWords);
  for (const double term : terms) {
    if (!(std::abs(term) < 0x1p96)) throw NonFiniteError(fmt::format("a sum over scans: found the term {}", term));
  }
  const std::lock_guard lock(mutex_);
  std::int64_t* word = words_.data();
  for (double rest : terms) {
    for (const double unit : kUnits) {
      const double quotient = std::nearbyint(rest / unit);
      rest -= quotient * unit;  // exact: the rest has no bits that `rest` did not have
      *word++ += static_cast<std::int64_t>(quotient);
    }
  }
}

std::vector<double> ExactSum::take(comm::Communicator& comm) {
  comm::all_reduce(comm, std::span(words_), comm::ReduceOp::kSum);
  std::vector<double> sums(words_.size() / kWords);
  for (std::size_t i = 0; i < sums.size(); ++i) {
    for (std::size_t k = 0; k < kWords; ++k) sums[i] += static_cast<double>(words_[i * kWords + k]) * kUnits[k];
  }
  return sums;
}

}  // namespace brainmt::connectivity
