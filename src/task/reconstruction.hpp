#pragma once
// The task of predicting hidden parts of the input: the objective, and how well it is done beside two guesses that need
// no model.
#include <memory>
#include <span>

#include "task/objective.hpp"

namespace brainmt::task {

/// Loss: mean error of the hidden values of the global batch, squared or absolute as the model says.
std::unique_ptr<Objective> reconstruction();

/// Sums over the hidden values of one window.
struct ReconstructionSums {
  double count = 0, sum = 0, squares = 0;  // of the true values
  double error = 0, absolute = 0;          // of the model
  double mean_error = 0;                   // squared, of each parcel's mean over its visible frames
  double line_error = 0;                   // squared, of linear interpolation in time between visible frames
};
/// predicted, truth, hidden: [P, T]. Where a parcel shows no frame both guesses are 0, before its first and behind its
/// last visible frame the line is flat.
ReconstructionSums reconstruction_sums(std::span<const double> predicted, std::span<const double> truth,
                                       std::span<const double> hidden, std::size_t frames);

/// Over windows in order: mse, mae; r2 = 1 - error / squares about the mean of all hidden values, and the same of the
/// two guesses as r2_mean and r2_interpolation. The loss is mse, or mae with `absolute`.
Score reconstruction_score(std::span<const ReconstructionSums> windows, bool absolute);

}  // namespace brainmt::task
