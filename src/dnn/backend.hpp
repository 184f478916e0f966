#pragma once
// The dense back end of this build as a whole: what it is, what it may choose, which algorithms it chose.
#include <map>
#include <string>

namespace brainmt::dnn {

/// One line for `brainmt doctor` and --version: library, version, threading run time, instruction set in use.
std::string describe();

/// Whether bf16 GEMMs run on the processor's own bf16 instructions; without them bf16 is correct but slow.
bool has_native_bf16();

/// Choices that hold for the whole process; made once, before the first operation. The host's libraries are
/// deterministic and pick by shape alone.
struct Settings {
  bool deterministic = true;  // only algorithms whose results repeat bit for bit
  bool tune = false;          // CUDA: time the candidates of each shape once and take the fastest (Algorithms)
  bool tf32 = false;          // CUDA: fp32 GEMMs may round their operands to TF32
  bool tanh_gelu = false;     // bf16: GELU behind a linear layer in its tanh form, which CUDA's products have built in
};

void configure(const Settings& settings);
const Settings& settings();

/// The libraries' algorithms where several would do and the fastest is found by timing (Settings::tune): which were
/// chosen, and how the choices of one process become those of others. Nothing here says what a choice means.
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
