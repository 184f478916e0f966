// Keys of the commands that make, convert and describe data.
#include "config/config.hpp"
#include "config/keys.hpp"

namespace brainmt::config {
namespace {

void check_pattern(const Config& config) {
  const auto pattern = config.get<std::string>("pattern");
  if (pattern.empty()) return;
  if (config.is_set("layout")) throw UsageError("pattern conflicts with layout: give one of the two");
  if (pattern.find("{subject}") == std::string::npos) {
    throw UsageError(fmt::format("pattern: expected {{subject}} in it, found '{}'", pattern));
  }
}

}  // namespace

const Schema& synth_schema() {
  static const Schema schema(
      "synth",
      {
          text("out", "", "directory for the scans and their table").required(),
          integer("subjects", 192, "number of participants, half of each sex").at_least(2).at_most(10000000),
          integers("grid", {24, 28, 24}, "voxels X, Y, Z").of_length(3).at_least(8).at_most(1024),
          integer("frames", 60, "frames of each scan").at_least(2).at_most(100000),
          real("tr", 0.735, "seconds between two frames").above(0),
          integer("seed", 1, "seed of the cohort; each scan depends on it and on the scan's number only").at_least(0),
          choice("layout", "flat", {"flat", "ukb", "hcp", "bids"},
                 "names of files and columns: one folder of <subject>.nii.gz, or as in UK Biobank, HCP or BIDS "
                 "derivatives (docs/layouts.md)"),
          integer("runs", 0, "scans of a participant; 0: 2 for hcp and bids, else 1").at_least(0).at_most(99),
          choice("dtype", "alternating", {"alternating", "int16", "float32"},
                 "voxel type of the files; alternating: int16 and float32 by turns"),
          choice("planted", "amplitude", {"amplitude", "lag"},
                 "where sex is: in the amplitude of slow fluctuations, or (harder) in the lagged coupling of two "
                 "networks"),
          real("sex_effect", 1.0, "size of the planted sex difference; 0 plants none").at_least(0),
          real("cognition_effect", 1.0, "size of the planted cognition slope; 0 plants none").at_least(0),
          real("fluctuation", 0.10, "standard deviation of a network's fluctuations, relative to the mean image")
              .at_least(0),
          real("noise", 0.04, "standard deviation of the unstructured noise, relative to the mean image").at_least(0),
          real("lag_seconds", 2.94, "planted=lag: delay between the two networks").above(0),
      });
  return schema;
}

const Schema& prepare_schema() {
  static const Schema schema(
      "prepare",
      {
          text("input", "", "directory of scans").required(),
          text("output", "", "cohort file to write (.h5); its report is written beside it").required(),
          choice(
              "layout", "flat", {"flat", "ukb", "hcp", "bids"},
              "how the files are named: flat, <input>/<subject>.nii.gz; ukb, UK Biobank's field 20227; hcp, the four "
              "resting-state runs; bids, derivatives as fMRIPrep writes them; docs/layouts.md draws each"),
          text("pattern", "", "path of a scan below input with {subject}, and perhaps {run}, in it, instead of layout"),
          choice(
              "space", "auto", {"auto", "mni", "native"},
              "mni: refuse scans that are not in MNI152 2 mm, 91 x 109 x 91 voxels; native: take the space that most "
              "scans have; auto: mni for ukb and hcp, else native"),
          text("bids_task", "rest", "layout=bids: the task entity of the scans; empty: every task, as runs"),
          text("phenotypes", "",
               "table (CSV or TSV) with one row per subject; empty: <input>/phenotypes.csv, for bids participants.tsv, "
               "where it exists"),
          text("id_column", "",
               "column of the table that holds the subject; empty: participant_id, Subject, eid or a variant of these"),
          texts("columns", {},
                "columns of the table to keep, by their name, a UK Biobank field (20016-2.0) or an everyday name (sex, "
                "age, site); empty: all, up to 500"),
          choice("normalize", "zscore", {"zscore", "minmax", "none"}, "per scan, over all non-zero entries"),
          integer("min_frames", 1, "scans with fewer frames count as unusable").at_least(1),
          real("max_bad", 0.1, "share of the scans that may be unusable before the command fails")
              .at_least(0)
              .at_most(1),
      },
      {}, {check_pattern});
  return schema;
}

const Schema& weights_schema() {
  static const Schema schema(
      "weights",
      join({{text("in", "", "export: run directory; import: safetensors file").required(),
             text("out", "", "safetensors file to write").required(),
             choice("checkpoint", "best", {"best", "latest"}, "export: which checkpoint of the run"),
             integers("grid", {91, 109, 91}, "import: voxels X, Y, Z of the model, where the file does not describe it")
                 .of_length(3)
                 .at_least(1)},
            model_keys(),
            precision_keys()}),
      {"model"}, model_rules());
  return schema;
}

}  // namespace brainmt::config
