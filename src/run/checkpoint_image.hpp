#pragma once
// Host copy of a run's state at one step, written while training continues. Three flat copies into buffers that are
// allocated once and reused by every checkpoint.
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "io/safetensors.hpp"
#include "nn/optimizer.hpp"
#include "nn/parameter.hpp"
#include "run/weights.hpp"

namespace brainmt::run {

/// Names of the moments in optimizer.safetensors: these, then the parameter's name.
inline constexpr const char* kFirstMoment = "exp_avg.";
inline constexpr const char* kSecondMoment = "exp_avg_sq.";

class CheckpointImage {
 public:
  /// Makes the buffers: 12 bytes for each parameter of `store`, which is float32.
  explicit CheckpointImage(const nn::ParameterStore& store);

  /// Copies values and moments; `store` is the one given to the constructor.
  void take(const nn::ParameterStore& store, const nn::AdamW& optimizer);

  /// Writes the three files of a checkpoint into `directory`, each synchronised. Throws OutputError.
  void write(const std::filesystem::path& directory, const std::string& state, const Metadata& metadata) const;

 private:
  std::size_t count_;  // elements of one flat array
  std::unique_ptr<float[]> values_, first_, second_;
  std::vector<io::TensorToWrite> weights_, moments_;  // point into the arrays
};

}  // namespace brainmt::run
