#pragma once
// Choices of the dense back end that hold for the whole process; made once, before the first operation. The host has
// none: its libraries are deterministic and pick by shape alone.
namespace brainmt::dnn {

struct Settings {
  bool deterministic = true;  // only algorithms whose results repeat bit for bit
  bool tune = false;          // CUDA: time the candidates of each shape once and take the fastest
  bool tf32 = false;          // CUDA: fp32 products may round their operands to TF32
};

void configure(const Settings& settings);
const Settings& settings();

}  // namespace brainmt::dnn
