// Keys of `brainmt sweep`.
#include "config/config.hpp"
#include "config/keys.hpp"

namespace brainmt::config {
namespace {

void check_list_and_place(const Config& config) {
  const bool has_list = config.is_set("list"), has_place = config.is_set("place");
  if (has_list != has_place) throw UsageError("list and place: expected both or none, found one of them");
  if (has_list && config.is_set("index")) throw UsageError("index conflicts with list and place: give one of the two");
}

// A list whose items may be paths.
Key with_paths(Key key) {
  key.is_path = true;
  return key;
}

}  // namespace

const Schema& sweep_schema() {
  static const Schema schema(
      "sweep",
      {
          file_path("out", "", "directory of the sweep: plan, run directories, results").required(),
          file_path("sweep", "",
                    "sweep file: a path, or the name of one in configs/sweeps; empty: what out was planned with"),
          file_path("data.cohort", "", "plan: cohort of every task, overruling the sweep file"),
          texts("set", {}, "plan: further key=value of every task, overruling the sweep file"),
          real("speed", 20, "plan: GFLOP/s that a rank sustains in training, for the estimated time").above(0),
          integer("index", -1, "run: one task by its row in sweep.tsv; -1: every task that is not done").at_least(-1),
          file_path("list", "", "run: file of task names, as submit writes it"),
          integer("place", 0, "run: which line of list, counted from 0").at_least(0),
          with_paths(texts("launcher", {"mpirun"},
                           "run: starts the ranks of a task where there are several; -n RANKS follows")),
          file_path("site", "", "submit: values of the cluster: a path, or the name of one in configs/site"),
          integer("warning", 120, "submit: seconds before the time limit at which a task is told to save and leave")
              .at_least(1)
              .at_most(65535),
          text("metric", "", "collect: metric of summary and plots; empty: auroc or pearson_r"),
          integer("bootstrap", 2000, "collect: resamples of the test participants").at_least(1).at_most(1000000),
          integer("seed", 42, "collect: seed of the resampling").at_least(0),
      },
      {}, {check_list_and_place},
      {.examples = {"brainmt sweep plan sweep=context_length out=sweeps/window data.cohort=cohort.h5",
                    "brainmt sweep run out=sweeps/window"},
       .first_keys = {"sweep", "data.cohort"}});
  return schema;
}

}  // namespace brainmt::config
