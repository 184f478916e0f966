#pragma once
// `brainmt inspect`: description of a file or directory as one JSON object per kind; texts are made from the same
// objects.
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>

namespace brainmt::analysis {

using Json = nlohmann::ordered_json;

/// A cohort store, embeddings, a weights file or a run directory, told apart by what is in it. With `verify` every
/// checksum is compared (cohorts, embeddings, checkpoints) and every value must be finite (weights). Throws DataError,
/// except for damaged scans of a cohort: they are all listed under "damaged"; with `quarantine` also in the file that
/// takes them out of use.
Json inspect_path(const std::filesystem::path& path, bool verify, bool quarantine = false);

/// One "name  value" line per entry; objects in a list as rows.
std::string to_lines(const Json& description);

}  // namespace brainmt::analysis
