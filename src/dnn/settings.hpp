#pragma once
// Choices of the dense back end that hold for the whole process; made once, before the first operation. The host's
// libraries are deterministic and pick by shape alone.
namespace brainmt::dnn {

struct Settings {
  bool deterministic = true;  // only algorithms whose results repeat bit for bit
  bool tune = false;          // CUDA: time the candidates of each shape once and take the fastest (algorithms.hpp)
  bool tf32 = false;          // CUDA: fp32 products may round their operands to TF32
  bool tanh_gelu = false;     // bf16: GELU behind a linear layer in its tanh form, which CUDA's products have built in
};

void configure(const Settings& settings);
const Settings& settings();

}  // namespace brainmt::dnn
