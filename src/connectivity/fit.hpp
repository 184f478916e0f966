#pragma once
// What is fitted on the training part: the subspace of coskewness, then the mean of the tangent space.
#include <nlohmann/json.hpp>

#include "connectivity/participant_fc.hpp"

namespace brainmt::connectivity {

/// A participant's runs that are used, in the cohort's order.
struct Source {
  FcRow row;
  std::vector<FcRow> run_rows;
  std::vector<RunSegments> runs;
};

struct FitReport {
  std::size_t used = 0, incomplete = 0;  // training participants; those left out since a parcel of theirs is missing
  nlohmann::ordered_json metadata{};     // what the files say of it
};

/// Collective. `training`: the participants of the training part, of the whole cohort, in its order. Sets fit.subspace
/// and fit.tangent as the settings ask; fit.active is there already. Throws DataError.
FitReport fit_on(const io::Cohort& cohort, const std::vector<Source>& training, const FcSettings& settings, Fit& fit,
                 comm::Communicator& comm);

}  // namespace brainmt::connectivity
