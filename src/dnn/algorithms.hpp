#pragma once
// The libraries' algorithms where several would do and the fastest is found by timing (Settings::tune): which were
// chosen, and how the choices of one process become those of others. Nothing here says what a choice means.
#include <map>
#include <string>

namespace brainmt::dnn {

class Algorithms {
 public:
  /// Operation with its sizes and types -> number of the library's suggestion.
  using Choices = std::map<std::string, int>;

  Algorithms() = default;
  Algorithms(const Algorithms&) = delete;
  Algorithms& operator=(const Algorithms&) = delete;
  virtual ~Algorithms() = default;

  /// What the numbers depend on: choices hold where this is the same text.
  virtual std::string valid_for() const = 0;
  /// Those made so far in this process.
  virtual Choices chosen() const = 0;
  /// Replaces them, for every operation that follows; what they do not name may be timed.
  virtual void adopt(const Choices& choices) = 0;
  /// Until choices are adopted again nothing is timed: an operation without a choice takes the library's first
  /// suggestion.
  virtual void settle() = 0;
};

/// Those of this build; null on the host, whose libraries choose by shape alone.
Algorithms* algorithms();

}  // namespace brainmt::dnn
