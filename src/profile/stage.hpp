#pragma once
// The parts of a training step that a profile tells apart, and which of them a label belongs to.
#include <array>
#include <cstddef>
#include <optional>
#include <string_view>

namespace brainmt::profile {

enum class Stage {
  kConvolution,       // 3-D
  kScan,              // selective
  kShortConvolution,  // of a mixer, causal
  kAttention,         // with its GEMMs and softmax
  kMatmul,            // of a linear layer
  kElementwise,       // norms, activations, gates, tokens, casts, sums, copies
  kCommunication,     // of gradients: time inside our calls, without overlapped time
  kOptimiser,
  kInput,  // wait for a window, and its way to the device
  kRest    // kernels of no stage above: the loss, and what has a label that the table does not know
};
inline constexpr std::size_t kStages = static_cast<std::size_t>(Stage::kRest) + 1;

/// In the words of a report.
const char* name_of(Stage stage);
std::array<Stage, kStages> all_stages();

/// By the beginning of the label: "brainmt::layer_norm::fwd", or "... [brainmt::layer_norm::sums]" as Kokkos names the
/// initialisation of a view. Nothing when the table does not have it.
std::optional<Stage> stage_of(std::string_view label);

}  // namespace brainmt::profile
