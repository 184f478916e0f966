// Keys of the commands that work on trained models and finished runs.
#include "config/config.hpp"
#include "config/keys.hpp"

namespace brainmt::config {

Schema embed_schema(const Families& families) {
  return by_family(families, [&](const ModelKeys& model) {
    return Schema(
        "embed",
        join<Key>(
            {{file_path(
                  "run.dir", "",
                  "run directory: the model is its own, and given sizes must be equal; data.cohort, data.split_file, "
                  "precision and the like are its own unless given here"),
              file_path("weights", "",
                        "safetensors file instead of run.dir, with data.cohort; model.* must be given where its "
                        "metadata lack "
                        "them, and must be equal where not"),
              choice("checkpoint", "best", {"best", "latest"}, "which checkpoint of run.dir"),
              choice("split", "all", {"train", "val", "test", "all"}, "participants to embed"),
              file_path("out", "", "file of embeddings to write (.h5)").required(),
              choice("embed.pooling", "cls", {"cls", "mean", "both"},
                     "cls: the CLS token; mean: the mean of all other tokens; both: /embeddings is cls and "
                     "/embeddings_mean is mean"),
              integer("embed.stride", 0, "frames between the starts of two windows of one scan; 0: the window's length")
                  .at_least(0),
              choice("embed.tokens", "none", {"none", "frames"},
                     "frames: also /tokens, the mean over the patches of each frame of the first window of a "
                     "participant's first run"),
              text("shard", "", "K/N: write part K of N jobs that share the cohort, beside out"),
              integer("merge", 0, "put so many shards together and write out; 0: do not").at_least(0).at_most(100000),
              file_path("in", "", "residualize: file of embeddings to read"),
              texts("covariates", {"age", "sex", "site", "mean_fd"},
                    "residualize: columns of the cohort's phenotypes whose linear effect is removed; texts one-hot"),
              texts("categories", {"sex", "site"},
                    "residualize: covariates that are codes: one-hot even where numbers"),
              integer("project", 512, "residualize: principal components to keep; 0: no projection").at_least(0)},
             {file_path("data.split_file", "", "split.json that names the parts; empty: the run directory's")},
             data_keys(),
             model_keys(model, families),
             precision_keys(),
             comm_keys()}),
        {"model"}, model.rules,
        {.examples =
             {"brainmt embed run.dir=runs/sex out=embeddings.h5",
              "brainmt embed residualize in=embeddings.h5 out=clean.h5 run.dir=runs/sex 'covariates=[age,sex]'"},
         .first_keys = {"run.dir", "weights", "data.cohort", "split"},
         .positional = {"run.dir", "out"}});
  });
}

const Schema& report_schema() {
  static const Schema schema("report",
                             {file_path("out", "", "HTML file to write; empty: report.html in the first run directory"),
                              text("title", "", "heading of the page; empty: made from the task"),
                              integer("bins", 10, "bins of the calibration diagram").at_least(2).at_most(100)},
                             {}, {},
                             {.examples = {"brainmt report runs/sex",
                                           "brainmt report runs/seed1 runs/seed2 out=both.html title='Two seeds'"}});
  return schema;
}

const Schema& compare_schema() {
  static const Schema schema(
      "compare",
      {file_path("out", "", "directory to write: comparison.tsv, models.tsv, comparison.json, comparison.html")
           .required(),
       texts("names", {}, "names of the models, in their order; empty: made from their paths"),
       text("metric", "", "metric of the comparison, of the targets that have it; empty: auroc or pearson_r"),
       text("reference", "", "name of the model that the page compares the others with; empty: the first"),
       choice("pairs", "all", {"all", "reference"}, "which models are compared: each with each, or with the reference"),
       choice("split", "test", {"train", "val", "test", "all"},
              "predictions to compare; all: without those of training and validation participants"),
       text("blocks", "",
            "column of families, which are resampled and swapped as a whole; none: participants; empty: the "
            "column that the run's split keeps together (data.split_group), or none"),
       file_path("phenotypes", "", "table with participant_id and that column; empty: the cohort's phenotypes"),
       file_path("data.cohort", "", "cohort with that column; empty: that of the first run"),
       file_path("data.split_file", "", "split.json that tables are checked against where no run is given"),
       boolean(
           "allow_overlap", false,
           "compare models of different splits, over the test participants that both have, although one was trained "
           "on test participants of the other"),
       integer("bootstrap", 2000, "resamples of the participants").at_least(1).at_most(1000000),
       integer("permutations", 10000, "swaps of two models' predictions, at most; all there are where that is less")
           .at_least(1)
           .at_most(10000000),
       integer("seed", 42, "seed of resamples and swaps").at_least(0)},
      {}, {},
      {.examples = {"brainmt compare runs/sex runs/sex/baselines/krr swift.tsv out=compare",
                    "brainmt compare runs/seed1,runs/seed2 runs/ridge1,runs/ridge2 'names=[net,ridge]' out=compare"},
       .first_keys = {"names", "metric", "reference"}});
  return schema;
}

}  // namespace brainmt::config
