#pragma once
// device.tune=true: one set of algorithms for all ranks and all starts of a run. Timings differ between processes, and
// other algorithms round differently; so the choices of rank 0 at the run's first start are used everywhere and stored
// in the run's directory:
//
//   {"format": "brainmt-algorithms", "version": 1, "valid_for": "<GPU and library versions>", "choices": {"...": 2}}
//
// A file that cannot be read, or is valid for something else, is warned of in one line and replaced.
#include <filesystem>
#include <functional>
#include <string>

#include "comm/communicator.hpp"
#include "dnn/backend.hpp"

namespace brainmt::train {

inline constexpr const char* kAlgorithmsFile = "algorithms.json";

struct KeptAlgorithms {
  std::string valid_for;
  dnn::Algorithms::Choices choices;
};
std::string to_json(const KeptAlgorithms& kept);
/// Throws DataError with one line that begins with `file`.
KeptAlgorithms algorithms_from_json(const std::string& text, const std::string& file);

/// Collective. `warm_up` runs the operations of a step and does not communicate. Afterwards every rank has the choices
/// of the file in `run_dir`, and of rank 0 for what that did not name; the file holds them all, and nothing more is
/// timed. Where ranks have different GPUs or libraries, whose algorithms cannot be the same, it warns and shares none.
void share_algorithms(comm::Communicator& comm, const std::filesystem::path& run_dir, dnn::Algorithms& algorithms,
                      const std::function<void()>& warm_up);

/// Collective. For commands that use a run and do not train: takes the choices of its file, where there is one and it
/// is valid here, and settles. `algorithms` may be null: then nothing is done.
void follow_algorithms(comm::Communicator& comm, const std::filesystem::path& run_dir, dnn::Algorithms* algorithms);

}  // namespace brainmt::train
