#pragma once
// Embeddings without the linear effect of covariates, z-scored, and projected to fewer dimensions. Everything is fitted
// on the training participants alone:
//
//   r = y - mean - sum_j coefficients[j] (x_j - centre[j])     per dimension; x: covariates, texts one-hot
//   z = r / deviation                                           deviation of r over the training participants
//   out = projector^T z                                         principal components of their z, largest first
#include <cstdint>
#include <string>
#include <vector>

#include "task/confounds.hpp"

namespace brainmt::analysis {

struct Residualizer {
  task::ConfoundCoding coding;
  std::vector<double> centre;                     // [terms]
  std::vector<std::vector<double>> coefficients;  // [dimensions][terms]
  std::vector<double> mean, deviation;            // [dimensions]
  std::vector<std::vector<double>> projector;     // [components][dimensions], orthonormal; empty: none
  std::vector<double> variances;                  // [components] of the training participants
  double total_variance = 0;                      // of all dimensions after z-scoring
  std::vector<std::string> warnings;

  std::size_t width() const { return projector.empty() ? mean.size() : projector.size(); }
  /// `values` [dimensions] -> [width()]. `unseen` counts texts that the coding does not know.
  std::vector<float> apply(const std::vector<float>& values, const task::ConfoundRow& covariates,
                           std::size_t* unseen = nullptr) const;
};

/// One participant: an embedding and its covariates.
struct ResidualizerRow {
  std::vector<float> values;
  task::ConfoundRow covariates;
};

/// `training` are all of equal sizes. `components`: how many to keep at most, 0 for no projection; fewer are kept, with
/// a warning, where the dimensions or the training participants do not give so many. Throws DataError when the
/// participants are too few for the covariates.
Residualizer fit_residualizer(const std::vector<std::string>& covariates, const std::vector<ResidualizerRow>& training,
                              std::size_t components);

}  // namespace brainmt::analysis
