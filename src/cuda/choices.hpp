#pragma once
// Which candidate algorithm was chosen for which shape: position in the library's list of suggestions, which depends on
// library version, device and shape only. Where all ranks, or the starts of a run, adopt the choices of one process
// and then settle, timed selection and equal bits go together. Thread-safe.
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "cuda/context.hpp"

namespace brainmt::cuda {

/// Operation with its sizes and types -> position among the suggestions.
using Choices = std::map<std::string, int>;

/// Everything chosen so far in this process.
Choices choices();
/// Makes `choices` all that is known; other shapes may be timed. Plans made before are dropped, so the work that uses
/// them must have ended.
void adopt_choices(const Choices& choices);
/// Until choices are adopted again nothing is timed: a shape without a choice takes the library's first suggestion.
void settle_choices();

namespace detail {

/// One candidate: its name for the log, and one run of it on the stream.
struct Candidate {
  int position;
  std::string name;
  std::function<void()> run;
};

/// The index into `candidates` (not empty) for `key`: the known choice, else the first or the fastest as the context
/// says, which then becomes known and is logged.
std::size_t choose(const Context& context, const std::string& key, const std::vector<Candidate>& candidates);

/// The known choice of `key`.
std::optional<int> known_choice(const std::string& key);

/// How often choices were adopted: the generation of plans, which hold the algorithm that was known when they were
/// made.
std::int64_t adoptions();

/// Whether a shape without a choice is to be timed.
bool times(const Context& context);

/// Index of the least of `milliseconds`; a later one must be faster by 2 % to displace an earlier one, so that noise
/// does not move the choice away from the library's order.
std::size_t fastest(const std::vector<float>& milliseconds);

}  // namespace detail
}  // namespace brainmt::cuda
