// Keys of `brainmt fc`.
#include "config/config.hpp"
#include "config/keys.hpp"

namespace brainmt::config {
namespace {

std::vector<Key> estimate_keys() {
  return {
      choice(
          "fc.kind", "pearson", {"pearson", "shrunk", "partial", "tangent"},
          "pearson: Fisher z of correlations; shrunk: the same of Ledoit and Wolf's covariance; partial: partial correlations "
          "r; tangent: log of the covariance at the mean of the training participants (needs run.dir or data.split_file)"),
      text("fc.shrinkage", "auto", "of shrunk, partial, tangent: auto (Ledoit and Wolf's) or a number from 0 to 1"),
      choice(
          "fc.scale", "zscore", {"zscore", "raw"},
          "what shrunk, partial and tangent are estimated from: parcels of sd 1, or as they are (nilearn's default)"),
      text(
          "fc.frames", "all",
          "all: the whole of each run; a number: windows of so many frames; window: those of the model in run.dir. Windows are "
          "those of evaluate, averaged"),
      choice("fc.rows", "participant", {"participant", "run"}, "run: also /runs, a row a run"),
      choice("fc.global_signal", "keep", {"keep", "regress"},
             "regress: the mean over all covered voxels is removed from each parcel, with intercept"),
      choice(
          "fc.subspace", "none", {"none", "coskewness"},
          "coskewness: connectivity of the projections on the leading eigenvectors of the training scans' third-order cumulants "
          "(needs run.dir or data.split_file)"),
      integer("fc.components", 50, "of fc.subspace").at_least(2).at_most(65536),
  };
}

std::vector<Key> import_keys() {
  return {
      file_path(
          "from", "",
          "instead of a cohort: connectivity that exists, a folder of text files <id><suffix> (UK Biobank 25750 to 25753) or "
          "a table with a row of edges a participant"),
      text("import.suffix", "",
           "end of the files' names, as _25750_2_0.txt; empty: what all names have in common after the id"),
      choice(
          "import.order", "rows", {"rows", "columns"},
          "rows: (0,1), (0,2), ..., (1,2), ..., the lower triangle by columns in MATLAB and UK Biobank; columns: (0,1), (0,2), "
          "(1,2), (0,3), ..."),
      choice("import.values", "z", {"z", "r"}, "z: stored as they are; r: correlations, of which Fisher z is stored"),
      choice("import.kind", "full", {"full", "partial"}, "what the numbers are; partial: stored as /partial"),
  };
}

std::vector<std::string> missing_source(const Config& config) {
  const auto given = [&](const char* key) { return !config.get<std::string>(key).empty(); };
  const bool any = given("data.cohort") || given("parcels") || given("from") || config.get<std::int64_t>("merge") > 0;
  return any ? std::vector<std::string>{} : std::vector<std::string>{"data.cohort"};
}

// What is imported is neither estimated nor fitted, and what is estimated is not imported.
void check_source(const Config& config) {
  const bool imports = !config.get<std::string>("from").empty();
  for (const Key& key : config.schema().keys()) {
    if (!config.is_set(key.name)) continue;
    const bool estimates = key.name.starts_with("fc.") || key.name == "run.dir" || key.name == "data.split_file";
    if (imports && estimates)
      throw UsageError(fmt::format("{} conflicts with from: what is imported is not estimated", key.name));
    if (!imports && key.name.starts_with("import."))
      throw UsageError(fmt::format("{} conflicts with {}: it is about what from= imports", key.name,
                                   config.get<std::int64_t>("merge") > 0 ? "merge" : "data.cohort"));
  }
}

void check_estimate(const Config& config) {
  if (config.is_set("fc.components") && config.get<std::string>("fc.subspace") == "none")
    throw UsageError("fc.components conflicts with fc.subspace=none: give fc.subspace=coskewness");
  if (config.get<std::string>("fc.kind") != "pearson") return;
  for (const char* key : {"fc.shrinkage", "fc.scale"})
    if (config.is_set(key))
      throw UsageError(fmt::format("{} conflicts with fc.kind=pearson: it is of shrunk, partial and tangent", key));
}

}  // namespace

const Schema& fc_schema() {
  static const Schema schema(
      "fc",
      join<Key>(
          {{file_path(
                "data.cohort", "",
                "cohort of parcels, made by 'brainmt parcellate' or 'brainmt prepare parcellate='; not with from (connectivity "
                "to import) or merge"),
            file_path("parcels", "", "another name of data.cohort"),
            file_path("out", "", "file to write (.h5); with format=bids a folder").required(),
            choice(
                "format", "hdf5", {"hdf5", "bids"},
                "bids: also a matrix a participant (or run) as text under BIDS derivative names, in the folder out")},
           estimate_keys(),
           {file_path("run.dir", "",
                      "run whose split.json names the training participants, and whose windows fc.frames=window takes"),
            file_path("data.split_file", "", "split.json that names the training participants, instead of run.dir"),
            text("shard", "", "K/N: write part K of N jobs that share the cohort, beside out"),
            integer("merge", 0, "put so many shards together and write out; 0: do not").at_least(0).at_most(100000)},
           import_keys()}),
      {}, {check_source, check_estimate},
      {.examples = {"brainmt fc data.cohort=parcels.h5 out=fc.h5",
                    "brainmt fc data.cohort=parcels.h5 fc.kind=tangent run.dir=runs/sex out=fc_tangent.h5",
                    "brainmt fc from=netmats import.suffix=_25750_2_0.txt out=ukb_fc.h5"},
       .first_keys = {"data.cohort"},
       .positional = {"data.cohort", "out"},
       .further_required = missing_source});
  return schema;
}

}  // namespace brainmt::config
