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

// Merging only looks at shards that are there: keys that say how to make them are refused.
void check_merge(const Config& config) {
  if (config.get<std::int64_t>("merge") == 0) return;
  for (const Key& key : config.schema().keys()) {
    if (key.name != "merge" && key.name != "output" && config.is_set(key.name)) {
      throw UsageError(
          fmt::format("merge conflicts with {}: shards are merged as they are, give output only", key.name));
    }
  }
}

// Keys of the other kind are refused, as they would change nothing; not with their defaults, as synth.yaml has them.
void check_kind(const Config& config) {
  const bool parcels = config.get<std::string>("kind") == "parcels";
  const std::vector<const char*> of_scans{"grid", "layout", "dtype", "planted", "fluctuation", "noise", "lag_seconds"};
  const std::vector<const char*> of_parcels{"parcels", "edges", "coupling"};
  for (const char* key : parcels ? of_scans : of_parcels)
    if (config.value(key) != config.schema().keys()[*config.schema().find(key)].default_value)
      throw UsageError(
          fmt::format("{} conflicts with kind: it is a key of kind={}", key, parcels ? "scans" : "parcels"));
}

// Tables of series are stored as they are: keys that are about voxels, or about an atlas of voxels, are refused.
void check_tables(const Config& config) {
  const auto pattern = config.get<std::string>("pattern");
  const auto ends = [&](std::string_view ending) { return pattern.ends_with(ending); };
  const bool is_table =
      ends(".tsv") || ends(".csv") || ends(".txt") || ends(".1D") || ends(".ptseries.nii") || ends(".ptseries.nii.gz");
  const bool tables = pattern.empty() ? config.get<std::string>("layout") == "tables" : is_table;
  const auto refuse = [&](const char* key, const char* why) {
    if (config.is_set(key))
      throw UsageError(fmt::format("{} conflicts with {}: {}", key, pattern.empty() ? "layout" : "pattern", why));
  };
  const bool parcellates = !config.get<std::string>("parcellate").empty();
  if (tables && parcellates) refuse("parcellate", "the tables are of parcels already");
  for (const Key& key : atlas_keys()) {
    const bool names = tables && key.name == "atlas.labels";
    if (!parcellates && !names && config.is_set(key.name))
      throw UsageError(fmt::format("{} needs parcellate=ATLAS", key.name));
  }
  if (tables) {
    for (const char* key : {"normalize", "fill", "mask", "crop", "space", "qc", "scratch"})
      refuse(key, "it is about voxels, and tables of parcel series are stored as they are");
  } else {
    refuse("bids_atlas", "it is about tables of parcel series (layout=tables)");
  }
}

std::vector<std::string> missing_input(const Config& config) {
  const bool merges = config.get<std::int64_t>("merge") > 0;
  return merges || !config.get<std::string>("input").empty() ? std::vector<std::string>{}
                                                             : std::vector<std::string>{"input"};
}

// The ending tells users the format, and later commands take this name.
void check_suffix(const Config& config) {
  const auto output = config.get<std::string>("output");
  if (output.ends_with(".h5") || output.ends_with(".hdf5")) return;
  throw UsageError(fmt::format("output={0}: expected a name that ends in .h5, such as output={0}.h5", output));
}

void check_crop(const Config& config) {
  const std::size_t numbers = config.get<std::vector<std::int64_t>>("crop").size();
  if (numbers != 0 && numbers != 6) {
    throw UsageError(fmt::format("crop: expected six numbers [x0, x1, y0, y1, z0, z1], found {}", numbers));
  }
}

}  // namespace

const Schema& synth_schema() {
  static const Schema schema(
      "synth",
      {
          file_path("out", "", "directory for the scans and their table").required(),
          choice(
              "kind", "scans", {"scans", "parcels"},
              "scans: NIfTI images and an atlas of them; parcels: tables of parcel series with a planted connectivity, "
              "as xcp_d writes them, for prepare layout=tables"),
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
          real("sex_effect", 1.0, "size of the simulated sex difference; 0: none").at_least(0),
          real("cognition_effect", 1.0, "size of the simulated cognition slope; 0: none").at_least(0),
          real("fluctuation", 0.10, "standard deviation of a network's fluctuations, relative to the mean image")
              .at_least(0),
          real("noise", 0.04, "standard deviation of the unstructured noise, relative to the mean image").at_least(0),
          real("lag_seconds", 2.94, "planted=lag: delay between the two networks").above(0),
          integer("parcels", 32, "kind=parcels: number of parcels").at_least(4),
          integer("edges", 24,
                  "kind=parcels: pairs of parcels whose correlation depends on sex, and as many on cognition")
              .at_least(0),
          real("coupling", 0.1, "kind=parcels: how much the correlation of such a pair may change").at_least(0),
      },
      {}, {check_kind},
      {.examples = {"brainmt synth out=scans subjects=48",
                    "brainmt synth out=tables kind=parcels subjects=500 frames=120",
                    "mpirun -n 4 brainmt synth out=bids layout=bids runs=2 planted=lag"},
       .positional = {"out"}});
  return schema;
}

const Schema& prepare_schema() {
  static const Schema schema(
      "prepare",
      join<Key>(
          {{
               file_path("input", "", "directory of scans; required but with merge"),
               file_path("output", "", "cohort file to write (.h5); its report is written beside it").required(),
               choice(
                   "layout", "flat", {"flat", "ukb", "hcp", "bids", "tables"},
                   "how the files are named: flat, <input>/<subject>.nii.gz; ukb, UK Biobank's field 20227, unpacked or "
                   "as zip archives; hcp, the "
                   "resting-state runs of the Connectome Projects; bids, derivatives as fMRIPrep writes them; tables, "
                   "series of parcels that were made elsewhere (.tsv, .csv, .txt, .ptseries.nii; xcp_d's derivatives); "
                   "docs/layouts.md draws each"),
               text("pattern", "",
                    "path of a scan below input with {subject}, and perhaps {run}, in it, instead of layout"),
               choice(
                   "space", "auto", {"auto", "mni", "native"},
                   "mni: refuse scans that are not in MNI152 2 mm, 91 x 109 x 91 voxels; native: take the space that most "
                   "scans have; auto: mni for ukb and hcp, else native"),
               text("bids_task", "rest", "layout=bids: the task entity of the scans; empty: every task, as runs"),
               text(
                   "bids_space", "auto",
                   "layout=bids: the space of the images, as MNI152NLin2009cAsym or MNI152NLin6Asym_res-2, T1w, or native "
                   "(no space- in the name); auto: MNI152NLin6Asym_res-2, else the commonest MNI space, never the "
                   "participants' own"),
               text(
                   "bids_atlas", "auto",
                   "layout=tables: the atlas whose tables are read (atlas- or seg- of their names, as 4S456Parcels); auto: the "
                   "only one there is"),
               text("bids_desc", "auto",
                    "layout=bids: desc- of the images, as preproc or denoised (xcp_d); auto: preproc, else denoised"),
               text("hcp_clean", "auto",
                    "layout=hcp: which images, by their cleaning: classic (hp2000_clean, hp0_clean), rclean (the 2025 "
                    "release), or a name as hp0_clean_rclean_tclean; auto: classic where every run has it, else the "
                    "commonest"),
               choice("hcp_scanner", "auto", {"auto", "3T", "7T"},
                      "layout=hcp: runs of which scanner; auto: 3T where there are any"),
               text(
                   "session", "",
                   "scans of this session only: BIDS's ses- label (baselineYear1), HCP's visit (V1), UK Biobank's instance "
                   "(2); empty: of all"),
               file_path("phenotypes", "",
                         "table (CSV or TSV) with one row per subject, or subject and session; empty: "
                         "<input>/phenotypes.csv, for bids participants.tsv, where it exists"),
               text(
                   "id_column", "",
                   "column of the table that holds the subject; empty: participant_id, Subject, eid or a variant of these"),
               texts(
                   "columns", {},
                   "columns of the table to keep, by their name, a UK Biobank field (20016-2.0) or an everyday name (sex, "
                   "age, site); empty: all, up to 500"),
               choice(
                   "ukb_codes", "missing", {"missing", "keep"},
                   "UK Biobank's answers that are no amounts, such as -1 (do not know) and -3 (prefer not to answer); "
                   "docs/layouts.md lists fields and codes"),
               choice("normalize", "zscore", {"zscore", "minmax", "none"}, "per scan, over all non-zero entries"),
               text(
                   "fill", "lowest",
                   "value of zeros (background) after normalisation: a number, or lowest, the smallest normalised value of "
                   "the scan (0 unless zscore)"),
               file_path(
                   "mask", "auto",
                   "which voxels are brain: auto, the mask that fMRIPrep, HCP or UK Biobank left beside the scan, else "
                   "voxels "
                   "that are not zero; nonzero; or the path of a mask below input with {subject} and {run} in it"),
               choice(
                   "qc", "warn", {"warn", "strict", "off"},
                   "scans with spikes, empty or frozen frames or dead slices (docs/preparation.md): warn, or refuse them "
                   "with strict"),
               integers("crop", {},
                        "voxels to keep, as [x0, x1, y0, y1, z0, z1] with x1 the first that is left out; empty: all")
                   .at_least(0),
               real(
                   "tr", 0,
                   "seconds: resample every scan to this repetition time, but for those within 0.1 % of it; 0: leave them")
                   .at_least(0),
               real(
                   "censor_fd", 0,
                   "mm: leave out frames of more framewise displacement (with tr: bridge them); 0: none; needs motion files")
                   .at_least(0),
               real("censor_max", 0.5, "share of a scan's frames that may be censored before it counts as unusable")
                   .at_least(0)
                   .at_most(1),
               integer("min_frames", 1, "scans with fewer frames in the store count as unusable").at_least(1),
               real("max_bad", 0.1, "share of the scans that may be unusable before the command fails")
                   .at_least(0)
                   .at_most(1),
               text("shard", "", "K/N: prepare only the K-th of N parts, into <output>.shard-KKK-of-NNN.h5"),
               integer("merge", 0,
                       "N: make output an index over its N shards, which must all be there; 0: do not merge")
                   .at_least(0),
               boolean("timing", false, "print the seconds by kind of work at the end"),
               file_path(
                   "scratch", "",
                   "directory for temporary files of the size of a scan; empty: beside output. A node-local one spares a "
                   "network file system"),
               file_path(
                   "parcellate", "",
                   "atlas whose parcels are stored instead of voxels: a label image, or the name of one in atlas.dir or "
                   "$TEMPLATEFLOW_HOME (docs/parcels.md)"),
           },
           atlas_keys()}),
      {}, {check_suffix, check_pattern, check_merge, check_crop, check_tables},
      {.examples = {"brainmt prepare input=scans output=cohort.h5",
                    "brainmt prepare input=xcp_d output=parcels.h5 layout=tables bids_atlas=4S456Parcels",
                    "mpirun -n 8 brainmt prepare input=ukb output=ukb.h5 layout=ukb phenotypes=ukb.csv tr=0.735"},
       .first_keys = {"input", "layout", "phenotypes"},
       .positional = {"input", "output"},
       .further_required = missing_input});
  return schema;
}

Schema weights_schema(const Families& families) {
  return by_family(families, [&](const ModelKeys& model) {
    return Schema(
        "weights",
        join<Key>(
            {{file_path("in", "",
                        "export: run directory; import: safetensors file, or folder of BrainLM with config.json")
                  .required(),
              file_path("out", "", "safetensors file to write").required(),
              choice("checkpoint", "best", {"best", "latest"}, "export: which checkpoint of the run"),
              integers("grid", {91, 109, 91},
                       "import: voxels X, Y, Z of the model, where the file does not describe it")
                  .of_length(3)
                  .at_least(1),
              file_path("xyz", "",
                        "import of a folder: coordinates of the parcels, a table with columns x, y, z in mm, or a "
                        "cohort of parcels"),
              choice("normalize", "none", {"none", "global_std", "robust_scan"},
                     "import of a folder: how series are brought to scale"),
              real("std", 41.44047, "import of a folder: of normalize=global_std (UK Biobank)").above(0),
              integer("parcels", 0, "import: regions of a model of connectivity matrices, likewise").at_least(0)},
             model_keys(model, families),
             precision_keys()}),
        {"model"}, model.rules,
        {.examples = {"brainmt weights export in=runs/sex out=sex.safetensors",
                      "brainmt weights import in=published.safetensors out=weights.safetensors model=brainmt_released"},
         .positional = {"in", "out"}});
  });
}

}  // namespace brainmt::config
