#pragma once
// `embed residualize`: removes the effect of covariates from a file of embeddings (residualizer.hpp) and stores the
// fitted coefficients beside the rows.
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "analysis/embedding_file.hpp"
#include "analysis/residualizer.hpp"
#include "config/config.hpp"
#include "io/cohort.hpp"

namespace brainmt::analysis {

struct ResidualizeSettings {
  std::filesystem::path in, cohort;
  std::filesystem::path split_file;  // the fit is on its training split
  std::vector<std::string> covariates;
  std::vector<std::string> categories;  // those that are codes even where they are numbers
  bool mean_pooling = false;            // of a file with both poolings
  std::size_t components = 512;         // 0: no projection
  std::string program;

  /// As EmbedSettings::from_config(), without program.
  static ResidualizeSettings from_config(const config::Config& given, const config::Config& keys);
};

struct ResidualizeSummary {
  std::size_t participants = 0, training = 0, left_out = 0;  // left_out: a covariate is missing
  std::vector<std::string> terms;
  std::size_t width = 0;
  double explained = 1.0;  // share of the variance that the projection keeps
  std::vector<std::string> warnings;
};

/// Writes `out` from this process alone. Throws DataError.
ResidualizeSummary residualize(const ResidualizeSettings& settings, const std::filesystem::path& out);

/// "name  value" lines for people.
std::string to_lines(const ResidualizeSummary& summary);

/// The covariates of each participant, in the order of `ids`: a number or a text; NaN or "" where missing. mean_fd is
/// the scans' own where the table has no such column. Scans of a participant that differ: train/session_values.hpp,
/// with a line in `warnings` for each column of numbers.
std::vector<task::ConfoundRow> covariates_of(const io::Cohort& cohort, const std::vector<std::string>& ids,
                                             const std::vector<std::string>& names,
                                             const std::vector<std::string>& categories,
                                             std::vector<std::string>* warnings = nullptr);

}  // namespace brainmt::analysis
