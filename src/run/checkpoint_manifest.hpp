#pragma once
// manifest.json of a checkpoint: for each file its size and SHA-256, and a CRC-32 of each tensor in it, so that damage
// is not only found but named; last, the SHA-256 of the manifest itself.
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>

namespace brainmt::run {

inline constexpr int kCheckpointFormat = 2;
inline constexpr const char* kManifestFile = "manifest.json";

/// The text of the manifest of the files `names` in `directory`.
std::string make_manifest(const std::filesystem::path& directory, std::int64_t step,
                          std::span<const char* const> names);

/// Returns when `directory` holds a manifest of `step` and every one of the files `names` as that says. Throws
/// DataError naming the first file that is not and the tensors in which it differs; UsageError for a manifest of
/// another format.
void verify_manifest(const std::filesystem::path& directory, std::int64_t step, std::span<const char* const> names);

}  // namespace brainmt::run
