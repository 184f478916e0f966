#include "run/outputs.hpp"

#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/error.hpp"
#include "comm/agreement.hpp"
#include "io/atomic_file.hpp"
#include "io/cohort_file.hpp"
#include "io/cohort_index.hpp"
#include "io/cohort_layout.hpp"
#include "io/hdf5_reader.hpp"
#include "io/safetensors.hpp"
#include "run/checkpoint_manifest.hpp"
#include "run/weights.hpp"

namespace brainmt::run {
namespace {

namespace fs = std::filesystem;

// The first bytes of a file; fewer where it is shorter or cannot be read.
std::string beginning_of(const fs::path& path, std::size_t bytes) {
  std::ifstream in(path, std::ios::binary);
  std::string text(bytes, '\0');
  in.read(text.data(), static_cast<std::streamsize>(bytes));
  text.resize(static_cast<std::size_t>(std::max<std::streamsize>(in.gcount(), 0)));
  return text;
}

bool is_hdf5(const fs::path& path) { return beginning_of(path, 8) == "\x89HDF\r\n\x1a\n"; }

std::string format_of(const fs::path& path) {
  return io::Hdf5Reader(path).text_attribute("format", io::cohort_format::kMaxTextBytes);
}

Standing look_at_weights(const fs::path& path, const std::map<std::string, std::string>& metadata) {
  std::error_code ignored;
  if (fs::exists(path.parent_path() / kManifestFile, ignored)) return Standing::kForeign;
  try {
    const auto file = io::SafetensorsFile::open(path);
    if (!file.metadata().contains(kModelKey)) return Standing::kForeign;
    return file.metadata() == metadata ? Standing::kOwn : Standing::kOther;
  } catch (const DataError&) {
    return Standing::kForeign;
  }
}

// A text with `mark` near its beginning.
OutputKind marked_kind(std::string name, std::string mark) {
  return {std::move(name), [mark = std::move(mark)](const fs::path& path) {
            constexpr std::size_t kHead = 1024;
            return beginning_of(path, kHead).find(mark) != std::string::npos ? Standing::kOwn : Standing::kForeign;
          }};
}

void refuse_inputs(const Output& output, const std::vector<fs::path>& inputs) {
  std::error_code unknown;
  for (const fs::path& input : inputs) {
    if (input.empty() || !fs::exists(input, unknown)) continue;
    if (fs::equivalent(output.path, input, unknown))
      throw UsageError(fmt::format("{}={}: this is '{}', which the command reads: choose another name", output.key,
                                   output.path.string(), input.string()));
  }
}

void refuse_others(const Output& output, bool overwrite) {
  std::error_code unknown;
  const fs::file_status status = fs::symlink_status(output.path, unknown);
  if (!fs::exists(status) || fs::is_symlink(status)) return;
  const std::string shown = fmt::format("{}={}", output.key, output.path.string());
  if (fs::is_directory(status))
    throw OutputError(fmt::format("{}: a folder has this name, expected the name of a file", shown));
  const Standing found = fs::is_regular_file(status) ? output.kind.look(output.path) : Standing::kForeign;
  if (found == Standing::kForeign)
    throw UsageError(
        fmt::format("{}: the file there is not {}, and is not replaced: choose another name", shown, output.kind.name));
  if (found == Standing::kOther && !overwrite)
    throw UsageError(fmt::format(
        "{}: the file there is {} that is damaged or made of something else: choose another name, or give --overwrite "
        "to replace it",
        shown, output.kind.name));
}

// A file of a passing name says more than permissions do: quotas, read-only mounts and access lists are asked too.
void try_to_write(const fs::path& target) { ::unlink(io::create_beside(target).path.c_str()); }

fs::path folder_of(const fs::path& path) { return path.has_parent_path() ? path.parent_path() : fs::path("."); }

void require_writable(const Output& output) {
  const fs::path folder = folder_of(output.path);
  std::error_code unknown;
  const fs::file_status status = fs::status(folder, unknown);
  if (!fs::is_directory(status))
    throw OutputError(fmt::format("{}={}: '{}' is {}", output.key, output.path.string(), folder.string(),
                                  fs::exists(status) ? "no folder" : "no folder: create it first"));
  try_to_write(output.path);
}

// A folder that may be missing, as may some above it: the lowest that is there must take files.
void require_writable_folder(const Output& output) {
  fs::path above = fs::absolute(output.path).lexically_normal();
  std::error_code unknown;
  while (!fs::exists(fs::status(above, unknown)) && above.has_relative_path()) above = above.parent_path();
  if (!fs::is_directory(above, unknown))
    throw OutputError(
        fmt::format("{}={}: '{}' is a file, expected a folder", output.key, output.path.string(), above.string()));
  try_to_write(above / "brainmt");
}

bool is_below(const fs::path& path, const fs::path& folder) {
  const auto [rest, end] = std::ranges::mismatch(path, folder);
  return end == folder.end();
}

}  // namespace

void check_outputs(const Outputs& outputs) {
  for (const Output& output : outputs.files) {
    refuse_inputs(output, outputs.inputs);
    refuse_others(output, outputs.overwrite);
  }
  for (const Output& folder : outputs.folders) require_writable_folder(folder);
  for (const Output& output : outputs.files) {
    const auto holds_it = [&](const Output& folder) { return is_below(output.path, folder.path); };
    if (std::ranges::none_of(outputs.folders, holds_it)) require_writable(output);
  }
}

void check_outputs(const Outputs& outputs, comm::Communicator& comm) {
  comm::run_agreed(comm, [&] {
    if (comm.rank() == 0) check_outputs(outputs);
  });
}

OutputKind hdf5_kind(std::string name, std::function<Standing(const fs::path&, const std::string&)> look) {
  return {std::move(name), [look = std::move(look)](const fs::path& path) {
            if (!is_hdf5(path)) return Standing::kForeign;
            try {
              const io::Hdf5Reader file(path);
            } catch (const DataError&) {
              return Standing::kOther;
            }
            std::string format;
            try {
              format = format_of(path);
            } catch (const DataError&) {
              return Standing::kForeign;
            }
            return look(path, format);
          }};
}

OutputKind any_hdf5_kind(std::string name) {
  return {std::move(name), [](const fs::path& path) { return is_hdf5(path) ? Standing::kOwn : Standing::kForeign; }};
}

std::optional<CohortContent> content_of_cohort(const fs::path& path) {
  try {
    const io::Hdf5Reader file(path);
    if (io::is_cohort_index(file)) return content_of_cohort(io::read_shards(file, path).front().path);
    if (file.number_attribute("version") != io::cohort_format::kParcelVersion) return CohortContent::kVoxels;
    const auto says = [&](const char* attribute, const char* text) {
      return file.text_attribute(attribute, io::cohort_format::kMaxTextBytes).find(text) != std::string::npos;
    };
    if (says("provenance", "; parcels of inputs ")) return CohortContent::kParcelsOfCohort;
    return says("processing", "\"parcellate\"") ? CohortContent::kParcelsOfImages : CohortContent::kParcelsOfTables;
  } catch (const DataError&) {
    return std::nullopt;
  }
}

OutputKind cohort_kind(std::optional<CohortContent> content) {
  return hdf5_kind("a cohort of 'brainmt prepare'", [content](const fs::path& path, const std::string& format) {
    if (format != io::cohort_format::kFormat && format != io::cohort_index::kFormat) return Standing::kForeign;
    const auto found = content_of_cohort(path);
    return content && found && found != content ? Standing::kOther : Standing::kOwn;
  });
}

OutputKind parcel_cohort_kind() {
  return hdf5_kind("a cohort of 'brainmt parcellate'", [](const fs::path& path, const std::string& format) {
    const bool own = format == io::cohort_format::kFormat &&
                     io::Hdf5Reader(path).number_attribute("version") == io::cohort_format::kParcelVersion;
    return own ? Standing::kOwn : Standing::kForeign;
  });
}

OutputKind prepare_report_kind() {
  return text_kind("a report of 'brainmt prepare'", "participant_id\tfile\tstatus\t");
}

OutputKind weights_kind(std::map<std::string, std::string> metadata) {
  return {"a file of 'brainmt weights'",
          [metadata = std::move(metadata)](const fs::path& path) { return look_at_weights(path, metadata); }};
}

OutputKind page_kind() { return marked_kind("a page of brainmt", "<meta name=\"generator\" content=\"brainmt\"/>"); }

OutputKind plot_kind() {
  return marked_kind("a plot of brainmt", "font-family=\"Helvetica, Arial, sans-serif\" font-size=\"12\" fill=");
}

OutputKind text_kind(std::string name, std::string beginning) {
  return {std::move(name), [beginning = std::move(beginning)](const fs::path& path) {
            return beginning_of(path, beginning.size()) == beginning ? Standing::kOwn : Standing::kForeign;
          }};
}

OutputKind json_kind(std::string name, std::vector<std::string> keys) {
  return {std::move(name), [keys = std::move(keys)](const fs::path& path) {
            std::ifstream in(path);
            const auto json = nlohmann::json::parse(in, nullptr, /*allow_exceptions=*/false);
            const auto has = [&](const std::string& key) { return json.contains(key); };
            return json.is_object() && std::ranges::all_of(keys, has) ? Standing::kOwn : Standing::kForeign;
          }};
}

}  // namespace brainmt::run
