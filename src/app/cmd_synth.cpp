// `brainmt synth`: a synthetic cohort; the ranks share the subjects.
#include <fmt/format.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "app/command_table.hpp"
#include "base/progress.hpp"
#include "comm/agreement.hpp"
#include "config/keys.hpp"
#include "io/atomic_file.hpp"
#include "run/outputs.hpp"
#include "synth/cohort.hpp"
#include "synth/cohort_files.hpp"

namespace brainmt::app {
namespace {

// synth.yaml in the cohort's folder: it says that the folder is ours, and makes the cohort again (--config synth.yaml).
constexpr const char* kMarker = "synth.yaml";
constexpr const char* kMarkerLine = "# Settings of 'brainmt synth', which wrote the files of this folder\n";

std::string marker_of(config::Config config) {
  config.set("out", {.items = {""}, .is_list = false}, config::Origin::kDefault, "synth");
  std::string text = kMarkerLine + config.to_yaml();
  const std::string out_line = "out: ''\n";
  if (const std::size_t at = text.find(out_line); at != std::string::npos) text.erase(at, out_line.size());
  return text;
}

std::string read_text(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

// An existing file of the cohort is ours if the folder has our marker; it is rewritten without --overwrite if its
// content or the folder's settings are the same.
run::Outputs outputs_of(const synth::SynthConfig& settings, const std::string& marker, bool overwrite) {
  const auto at = [&](const std::string& name) { return settings.out / name; };
  run::Outputs outputs{.folders = {{"out", settings.out, {}}}, .overwrite = overwrite};
  const std::string found = read_text(at(kMarker));
  const bool ours = found.starts_with(kMarkerLine), same = found == marker;
  const run::Standing of_scans = same ? run::Standing::kOwn : ours ? run::Standing::kOther : run::Standing::kForeign;
  const std::string name = "a file of 'brainmt synth'";
  const auto add = [&](const std::string& file, run::Standing standing) {
    outputs.files.push_back({"out", at(file), {name, [standing](const auto&) { return standing; }}});
  };
  add(kMarker, of_scans);
  for (const synth::TextFile& file : synth::cohort_files(settings)) {
    const run::Standing edited = ours ? run::Standing::kOther : run::Standing::kForeign;
    add(file.path, read_text(at(file.path)) == file.content ? run::Standing::kOwn : edited);
  }
  if (settings.kind == synth::Kind::kScans) add(synth::kAtlasImage, of_scans);
  for (int subject = 0; subject < settings.subjects; ++subject)
    for (int run = 0; run < synth::runs_of(settings); ++run) {
      add(synth::scan_path(settings, subject, run), of_scans);
      for (const synth::TextFile& file : synth::files_beside(settings, subject, run)) add(file.path, of_scans);
    }
  return outputs;
}

// Nothing of the cohort is written before its marker.
void begin_folder(const synth::SynthConfig& settings, const std::string& marker, bool overwrite) {
  run::check_outputs(outputs_of(settings, marker, overwrite));
  std::error_code error;
  std::filesystem::create_directories(settings.out, error);
  if (error) throw OutputError(fmt::format("out={}: cannot be made: {}", settings.out.string(), error.message()));
  io::write_atomically(settings.out / kMarker, marker);
}

ExitCode run(CommandContext& context) {
  const synth::SynthConfig settings = synth::SynthConfig::from_config(context.config);
  synth::validate(settings);
  comm::run_agreed(context.comm, [&] {
    if (context.is_root()) begin_folder(settings, marker_of(context.config), context.has("overwrite"));
  });
  const int ranks = context.comm.size();
  Progress progress("subjects of this rank", (settings.subjects + ranks - 1) / ranks, context.is_root());
  comm::run_agreed(context.comm, [&] {
    synth::generate_cohort(settings, context.comm.rank(), ranks, [&](int done, int) { progress.update(done); });
  });
  if (context.is_root()) {
    const bool parcels = settings.kind == synth::Kind::kParcels;
    fmt::print("{}: {} {}, {} and {}\n", settings.out.string(), settings.subjects * synth::runs_of(settings),
               parcels ? "tables of parcel series" : "scans", synth::table_name(settings),
               parcels ? "atlas-Synthetic_dseg.tsv" : synth::kAtlasImage);
  }
  return ExitCode::kDone;
}

}  // namespace

Command synth_command() {
  return {.name = "synth",
          .summary = "makes a synthetic cohort of NIfTI scans with a planted temporal signal, and their table",
          .schema = config::synth_schema,
          .run = run,
          .options = {overwrite_option()},
          .computes = never_computes};
}

}  // namespace brainmt::app
