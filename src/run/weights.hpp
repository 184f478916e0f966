#pragma once
// Model weights in safetensors under the published parameter names, float32. A file fits a model when both have the
// same names with the same shapes; otherwise the error counts the tensors that do not fit.
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "io/safetensors.hpp"
#include "models/registry.hpp"

namespace brainmt::run {

using Metadata = std::map<std::string, std::string>;

struct LoadOptions {
  std::string prefix{};        // in front of every name in the file ("weights/" in the golden files)
  bool allow_missing = false;  // parameters that the file lacks keep their values
  bool allow_extra = false;    // tensors that the model lacks are ignored
};

/// Copies the tensors of `file` into the parameters and renews the compute copies. Where no name is the model's, what
/// wrappers put in front (`module.`, `_orig_mod.`, `model.` and others, also nested) is taken off, with a note in the
/// log. With options.prefix, tensors of the file without it do not count. Throws DataError with the number of missing,
/// extra and misshapen tensors and the first names of each in one line, NonFiniteError as check_finite(); then no
/// parameter has changed.
/// What the objective of a run learned beside the model (kObjectivePrefix) is no extra tensor.
void load_weights(const io::SafetensorsFile& file, models::Model& model, const LoadOptions& options = {});
/// The same for the parameters of a model that is not at hand.
void load_weights(const io::SafetensorsFile& file, nn::ParameterStore& store, const LoadOptions& options = {});

/// Parameters of a model that starts from a file: names taken, interpolated, left out.
struct Transfer {
  std::vector<std::string> taken{}, interpolated{}, left_out{};  // left out: they keep their initial values
};
/// Starts training from the weights of another run or a published model: copies what fits; the head, and what an
/// objective learned, are left out where they do not fit or predict `other_targets`; tables of frames are interpolated
/// to another number of frames (linearly, ends on ends). Names as in load_weights(). Throws DataError where anything
/// else is missing, too much or of another shape, or the file describes a model that computes something else with the
/// same shapes (another number of heads), NonFiniteError as check_finite(); then no parameter has changed.
Transfer start_from(const io::SafetensorsFile& file, models::Model& model, bool other_targets = false);

/// Throws NonFiniteError naming the first floating-point tensor with a value that is not finite, and how many there
/// are.
void check_finite(const io::SafetensorsFile& file);

/// Writes atomically. Throws OutputError.
void save_weights(const std::filesystem::path& path, const nn::ParameterStore& store, const Metadata& metadata);

/// Model::describe() as metadata (one JSON object under kModelKey), so that a weights file alone rebuilds its model.
inline constexpr const char* kModelKey = "brainmt.model";
std::string describe_model(const models::Model& model);
/// Throws DataError naming the file when it does not describe a model (a published file: give the sizes as model.*
/// keys).
models::Description described_model(const io::SafetensorsFile& file);

}  // namespace brainmt::run
