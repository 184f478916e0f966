#pragma once
// Checks of a command's outputs before anything is computed: an output must not be an input, an existing file of its
// name must be of the kind that the command writes, and its folder must be writable. So a mistyped `out=` fails early
// and overwrites nothing.
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "comm/communicator.hpp"

namespace brainmt::run {

/// Existing file under an output's name: of the kind to be written; of that kind but in need of --overwrite (damaged,
/// or made of other inputs); or anything else, which is never replaced.
enum class Standing { kOwn, kOther, kForeign };

/// A kind of file. `look` is asked about regular files only.
struct OutputKind {
  std::string name;  // "a cohort of 'brainmt prepare'"
  std::function<Standing(const std::filesystem::path&)> look;
};

struct Output {
  std::string key;  // that chose it: "out"
  std::filesystem::path path;
  OutputKind kind;
};

struct Outputs {
  std::vector<Output> files{};
  std::vector<Output> folders{};                // made where they are missing; `kind` is not used
  std::vector<std::filesystem::path> inputs{};  // empty paths are skipped
  bool overwrite = false;
};

/// Throws UsageError (exit code 2) where an output is an input, or a file that may not be replaced; OutputError (6)
/// where it cannot be written. A link that does not lead to an input is replaced, never followed.
void check_outputs(const Outputs& outputs);
/// Collective: rank 0 looks, every rank throws what it found.
void check_outputs(const Outputs& outputs, comm::Communicator& comm);

// The kinds.
/// What a cohort holds, and of what it was made.
enum class CohortContent { kVoxels, kParcelsOfImages, kParcelsOfTables, kParcelsOfCohort };
/// Of a cohort file, or the first shard of an index; none: it cannot be told. Of kParcelsOfCohort: by 'parcellate'.
std::optional<CohortContent> content_of_cohort(const std::filesystem::path& path);
/// `content`: of what will be written. A cohort of other content is kOther; none: any content is kOwn.
OutputKind cohort_kind(std::optional<CohortContent> content);
/// One of parcels: a cohort of voxels is no such file. Of which inputs and options they are is for the command to judge.
OutputKind parcel_cohort_kind();
OutputKind prepare_report_kind();
/// An HDF5 file, judged by its path and its attribute "format". One that cannot be read may be what is left of one of
/// ours: it is kOther; one without a format is kForeign.
OutputKind hdf5_kind(std::string name, std::function<Standing(const std::filesystem::path&, const std::string&)> look);
/// Every HDF5 file, for a command that judges what is in it itself.
OutputKind any_hdf5_kind(std::string name);
/// `metadata`: of what will be written; weights of others need --overwrite, and checkpoints are never replaced.
OutputKind weights_kind(std::map<std::string, std::string> metadata);
OutputKind page_kind();
OutputKind plot_kind();
/// A text that begins with `beginning`.
OutputKind text_kind(std::string name, std::string beginning);
/// A JSON object that has all of `keys`.
OutputKind json_kind(std::string name, std::vector<std::string> keys);

}  // namespace brainmt::run
