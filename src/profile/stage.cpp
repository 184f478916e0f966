#include "profile/stage.hpp"

namespace brainmt::profile {
namespace {

struct Prefix {
  std::string_view text;
  Stage stage;
};

// Table of labels by prefix; a new kernel needs a line only when its prefix is new.
constexpr Prefix kPrefixes[] = {{"brainmt::conv3d", Stage::kConvolution},
                                {"brainmt::selective_scan::", Stage::kScan},
                                {"brainmt::causal_conv1d::", Stage::kShortConvolution},
                                {"brainmt::attention::", Stage::kAttention},
                                {"brainmt::softmax::", Stage::kAttention},
                                {"brainmt::matmul", Stage::kMatmul},
                                {"brainmt::activation::", Stage::kElementwise},
                                {"brainmt::add_", Stage::kElementwise},
                                {"brainmt::elementwise::", Stage::kElementwise},
                                {"brainmt::gate_silu::", Stage::kElementwise},
                                {"brainmt::graph::", Stage::kElementwise},
                                {"brainmt::layer_norm::", Stage::kElementwise},
                                {"brainmt::loss::", Stage::kElementwise},
                                {"brainmt::patch::", Stage::kElementwise},
                                {"brainmt::reduce::", Stage::kElementwise},
                                {"brainmt::rms_norm::", Stage::kElementwise},
                                {"brainmt::tensor::", Stage::kElementwise},
                                {"brainmt::token::", Stage::kElementwise},
                                {"brainmt::token_filter::", Stage::kShortConvolution},
                                {"brainmt::dropout::", Stage::kElementwise},
                                {"brainmt::image::", Stage::kElementwise},
                                {"brainmt::landmarks::", Stage::kAttention},
                                {"brainmt::reconstruction::", Stage::kElementwise},
                                {"Kokkos::", Stage::kElementwise},
                                {"brainmt::comm::", Stage::kCommunication},
                                {"brainmt::adamw::", Stage::kOptimiser},
                                {"brainmt::optimizer", Stage::kOptimiser},
                                {"brainmt::grid::", Stage::kInput},
                                {"brainmt::input", Stage::kInput},
                                {"brainmt::pinned", Stage::kInput},
                                {"brainmt::bench::", Stage::kRest}};  // kernels that are only measured, in no step

}  // namespace

const char* name_of(Stage stage) {
  switch (stage) {
    case Stage::kConvolution:
      return "convolution";
    case Stage::kScan:
      return "scan";
    case Stage::kShortConvolution:
      return "short convolution";
    case Stage::kAttention:
      return "attention";
    case Stage::kMatmul:
      return "products";
    case Stage::kElementwise:
      return "elementwise and norms";
    case Stage::kCommunication:
      return "communication";
    case Stage::kOptimiser:
      return "optimiser";
    case Stage::kInput:
      return "input";
    case Stage::kRest:
      return "rest";
  }
  return "";
}

std::array<Stage, kStages> all_stages() {
  std::array<Stage, kStages> all{};
  for (std::size_t i = 0; i < kStages; ++i) all[i] = static_cast<Stage>(i);
  return all;
}

std::optional<Stage> stage_of(std::string_view label) {
  if (const std::size_t bracket = label.find("[brainmt::"); bracket != std::string_view::npos)
    label.remove_prefix(bracket + 1);
  for (const Prefix& prefix : kPrefixes)
    if (label.starts_with(prefix.text)) return prefix.stage;
  return std::nullopt;
}

}  // namespace brainmt::profile
