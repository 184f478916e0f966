// Keys of atlases and of `brainmt parcellate`.
#include "config/config.hpp"
#include "config/keys.hpp"

namespace brainmt::config {
namespace {

// Merging puts together what is there: keys that say how to make it are refused.
void check_merge(const Config& config) {
  if (config.get<std::int64_t>("merge") == 0) return;
  for (const Key& key : config.schema().keys())
    if (key.name != "merge" && key.name != "out" && config.is_set(key.name))
      throw UsageError(
          fmt::format("merge conflicts with {}: shards are put together as they are, give out only", key.name));
}

void check_source(const Config& config) {
  const bool cohort = !config.get<std::string>("data.cohort").empty(),
             image = !config.get<std::string>("input").empty();
  if (cohort && image) throw UsageError("input conflicts with data.cohort: give one of the two");
  if (image && config.get<std::string>("parcellate.units") == "original")
    throw UsageError("parcellate.units conflicts with input: an image is in its original units already");
  const bool bids = config.get<std::string>("format") == "bids";
  if (!config.get<std::string>("shard").empty() && (image || bids))
    throw UsageError(
        fmt::format("shard conflicts with {}: shards are parts of a cohort file", image ? "input" : "format=bids"));
}

// A cohort takes the name of a file, tables that of a folder.
void check_out(const Config& config) {
  const auto out = config.get<std::string>("out");
  const bool is_file = out.ends_with(".h5") || out.ends_with(".hdf5");
  const bool folder = !config.get<std::string>("input").empty() || config.get<std::string>("format") == "bids";
  if (!folder && !is_file)
    throw UsageError(fmt::format("out={0}: expected a name that ends in .h5, such as out={0}.h5", out));
  if (folder && is_file) throw UsageError(fmt::format("out={}: expected a folder for tables", out));
}

std::vector<std::string> missing_source(const Config& config) {
  if (config.get<std::int64_t>("merge") > 0) return {};
  std::vector<std::string> missing;
  if (config.get<std::string>("data.cohort").empty() && config.get<std::string>("input").empty())
    missing.emplace_back("data.cohort");
  if (config.get<std::string>("atlas").empty()) missing.emplace_back("atlas");
  return missing;
}

}  // namespace

std::vector<Key> atlas_keys() {
  return {
      file_path(
          "atlas.labels", "",
          "table of the atlas' labels (TSV, CSV, FreeSurfer or text); empty: the one of its name beside it, of tables of "
          "series the names of their columns alone"),
      file_path("atlas.dir", "", "folder where an atlas that is given by name is looked up first"),
      boolean("atlas.any_space", false, "take an atlas of another template than the data"),
      boolean("atlas.trust", false, "take an atlas whose parcels lie on the other side than its table says"),
      real("parcellate.min_coverage", 0.5,
           "share of a parcel that a scan must cover; below it the parcel is NaN in that scan")
          .at_least(0)
          .at_most(1),
      real("parcellate.max_missing", 0.2, "share of the parcels that may be missing in every scan")
          .at_least(0)
          .at_most(1)};
}

const Schema& parcellate_schema() {
  static const Schema schema(
      "parcellate",
      join<Key>(
          {{file_path("data.cohort", "", "cohort of voxels, of 'brainmt prepare'; not with input or merge"),
            file_path("input", "", "a NIfTI image instead, a 4-D scan or a 3-D map: tables are written to out"),
            file_path("atlas", "",
                      "label image (.nii, .nii.gz), or the name of one in atlas.dir or $TEMPLATEFLOW_HOME; "
                      "docs/parcels.md says where atlases come from; not with merge"),
            file_path("out", "", "cohort of parcels to write (.h5); a folder with input or format=bids").required(),
            choice("parcellate.stat", "mean", {"mean", "median", "sd"}, "over the voxels of a parcel, in each frame"),
            choice("parcellate.units", "normalized", {"normalized", "original"},
                   "original: undo the cohort's z-scores (z std + mean)"),
            file_path("weighting", "", "3-D map of weights over voxels, 0 or above: a weighted mean"),
            choice("format", "hdf5", {"hdf5", "bids"}, "bids: a table a scan instead of a cohort file"),
            text("shard", "", "K/N: only every N-th scan, into <out>.shard-KKK-of-NNN.h5"),
            integer("merge", 0, "N: put the N shards of out together; 0: do not").at_least(0).at_most(999)},
           atlas_keys()}),
      {}, {check_merge, check_source, check_out},
      {.examples = {"brainmt parcellate data.cohort=cohort.h5 atlas=Schaefer400.nii.gz out=parcels.h5",
                    "brainmt parcellate input=sub-01_bold.nii.gz atlas=Schaefer400.nii.gz out=tables"},
       .first_keys = {"data.cohort", "input", "atlas"},
       .positional = {"data.cohort", "atlas", "out"},
       .further_required = missing_source});
  return schema;
}

}  // namespace brainmt::config
