#pragma once
// The tangent space of covariances at their affine-invariant mean (Pennec 2006; Varoquaux 2010; Dadi 2019).
//   G       = the mean:  sum_n log(G^-1/2 C_n G^-1/2) = 0, over the training people
//   step    G <- G^1/2 exp(M) G^1/2,  M = mean_n log(G^-1/2 C_n G^-1/2), from the arithmetic mean, until |M| <= 1e-10
//   row     log(G^-1/2 C G^-1/2) as a vector (tangent_vector)
#include <functional>

#include "comm/communicator.hpp"
#include "linalg/matrix.hpp"

namespace brainmt::connectivity {

/// The map at one reference.
class TangentSpace {
 public:
  /// `reference` G must be positive definite: DataError.
  explicit TangentSpace(linalg::Matrix reference);

  const linalg::Matrix& reference() const { return reference_; }
  /// log(G^-1/2 C G^-1/2). Throws DataError when C is not positive definite; safe to call from several threads.
  linalg::Matrix log_map(const linalg::Matrix& covariance) const;
  /// G^1/2 exp(M) G^1/2.
  linalg::Matrix exp_map(const linalg::Matrix& tangent) const;

 private:
  linalg::Matrix reference_, root_, whitening_;
};

struct TangentMean {
  linalg::Matrix matrix;
  int steps = 0;
  double norm = 0;  // |M| (Frobenius) at the end
};

/// Collective: the mean of covariance(i), i < count, of which each rank computes every size()-th with `threads` threads,
/// once a step. The same bits for any number of ranks and threads. Throws DataError when a covariance is not positive
/// definite, or |M| does not get below 1e-10 (and does not stand still below 1e-8) in 100 steps.
TangentMean affine_invariant_mean(std::size_t count, std::size_t parcels,
                                  const std::function<linalg::Matrix(std::size_t)>& covariance,
                                  comm::Communicator& comm, int threads);

}  // namespace brainmt::connectivity
