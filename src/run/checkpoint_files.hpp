#pragma once
// One checkpoint is one directory, `step-000123`, that exists whole or not at all:
//
//   write `step-000123.tmp-<id>/...`, each file synchronised -> manifest.json (checksums), synchronised -> rename
//   the directory -> synchronise its parent -> renew the small file `latest` -> only then delete old ones.
//
// Readers trust manifests only. `latest` and `best` name a step for users and other tools; no path is built from their
// text. One process per run directory writes (io/directory_lock.hpp).
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace brainmt::run {

inline constexpr const char* kModelFile = "model.safetensors";
inline constexpr const char* kOptimizerFile = "optimizer.safetensors";
inline constexpr const char* kStateFile = "state.json";

std::string step_name(std::int64_t step);

/// Steps that have a directory (not a link) of the right name, ascending; complete or not.
std::vector<std::int64_t> list_steps(const std::filesystem::path& checkpoints);

/// Calls `write` with the temporary directory, in which it puts the three files, then commits. Throws OutputError; then
/// nothing that was there before has changed.
void commit_checkpoint(const std::filesystem::path& checkpoints, std::int64_t step,
                       const std::function<void(const std::filesystem::path&)>& write);

/// Returns when every file is there as the manifest says (checkpoint_manifest.hpp). Throws DataError naming the first
/// file, and in it the tensors, that are not; UsageError for a manifest of another format version.
void verify_checkpoint(const std::filesystem::path& checkpoints, std::int64_t step);

/// The newest step that verify_checkpoint accepts, or none; each refused one is logged as a warning.
std::optional<std::int64_t> newest_valid_step(const std::filesystem::path& checkpoints);

/// The step in the small file `name` ("latest", "best"); none when it is missing or holds anything but a step's name.
std::optional<std::int64_t> read_pointer(const std::filesystem::path& checkpoints, const std::string& name);
void write_pointer(const std::filesystem::path& checkpoints, const std::string& name, std::int64_t step);

/// The step that `which` ("best", "latest") names; where it is not complete, the newest complete one, with a warning.
/// Throws DataError when there is none.
std::int64_t choose_step(const std::filesystem::path& checkpoints, const std::string& which);

/// Deletes all but the newest `keep` steps and the best.
void prune_checkpoints(const std::filesystem::path& checkpoints, int keep);
/// Deletes temporary directories of saves that were cut short.
void remove_leftovers(const std::filesystem::path& checkpoints);

}  // namespace brainmt::run
