#pragma once
// Checks the tasks of a sweep against their data and estimates what they need, opening each cohort once.
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "sweep/plan.hpp"
#include "train/trainer.hpp"

namespace brainmt::sweep {

class PlanCheck {
 public:
  /// `speed`: GFLOP/s of a rank.
  PlanCheck(const jobs::Sweep& sweep, double speed) : sweep_(sweep), speed_(speed) {}

  /// Checks the next task as `train` would and returns its name. Throws what `train` would throw.
  std::string add(const config::Config& config);

  /// The object of plan.json.
  nlohmann::ordered_json to_json(const Plan& plan) const;
  /// Summary on stdout, warnings on the log.
  void print(const Plan& plan) const;

 private:
  struct Need {
    double bytes = 0;    // of a node
    double seconds = 0;  // of the task
    train::RunEstimate estimate;
  };
  const io::Cohort& cohort(const std::string& path);
  const train::RunEstimate& estimate(const config::Config& config, const io::Cohort& cohort);
  std::vector<std::string> warnings() const;

  const jobs::Sweep& sweep_;
  double speed_;
  std::map<std::string, io::Cohort> cohorts_;
  std::map<std::string, train::RunEstimate> estimates_;  // by the keys that they depend on
  std::vector<Need> needs_;                              // by task
};

}  // namespace brainmt::sweep
