#include "task/reconstruction.hpp"

#include <cmath>

#include "autograd/masked_ops.hpp"

namespace brainmt::task {
namespace {

class Reconstruction final : public Objective {
 public:
  std::int64_t outputs() const override { return 0; }
  unsigned wants() const override { return models::kReconstruction; }
  std::int64_t terms() const override { return 1; }
  autograd::Var loss(autograd::Tape& tape, const models::Output& output, const Labels& labels) const override {
    return autograd::hidden_loss(tape, output.reconstruction, output.target, output.hidden, labels.weights,
                                 output.absolute_error);
  }
  std::map<std::string, double> describe_terms(const std::vector<double>&) const override { return {}; }
  Score score(const std::vector<Scored>&) const override { return {}; }
  std::vector<std::string> metric_names() const override { return {"r2_mean", "r2_interpolation"}; }
};

// Squared errors of the two guesses for one parcel.
void add_guesses(ReconstructionSums& sums, std::span<const double> truth, std::span<const double> hidden) {
  double total = 0, visible = 0;
  for (std::size_t t = 0; t < truth.size(); ++t)
    if (hidden[t] == 0) total += truth[t], ++visible;
  const double mean = visible > 0 ? total / visible : 0;
  std::size_t before = truth.size();  // the last visible frame so far; truth.size(): none
  for (std::size_t t = 0; t < truth.size(); ++t) {
    if (hidden[t] == 0) {
      before = t;
      continue;
    }
    std::size_t after = t;
    while (after < truth.size() && hidden[after] != 0) ++after;
    double line = 0;
    if (before < truth.size() && after < truth.size()) {
      const double share = static_cast<double>(t - before) / static_cast<double>(after - before);
      line = truth[before] + share * (truth[after] - truth[before]);
    } else if (before < truth.size() || after < truth.size()) {
      line = truth[before < truth.size() ? before : after];
    }
    sums.mean_error += (mean - truth[t]) * (mean - truth[t]);
    sums.line_error += (line - truth[t]) * (line - truth[t]);
  }
}

}  // namespace

std::unique_ptr<Objective> reconstruction() { return std::make_unique<Reconstruction>(); }

ReconstructionSums reconstruction_sums(std::span<const double> predicted, std::span<const double> truth,
                                       std::span<const double> hidden, std::size_t frames) {
  ReconstructionSums sums;
  for (std::size_t i = 0; i < truth.size(); ++i) {
    if (hidden[i] == 0) continue;
    const double error = predicted[i] - truth[i];
    sums.count += 1;
    sums.sum += truth[i];
    sums.squares += truth[i] * truth[i];
    sums.error += error * error;
    sums.absolute += std::abs(error);
  }
  for (std::size_t first = 0; first < truth.size(); first += frames)
    add_guesses(sums, truth.subspan(first, frames), hidden.subspan(first, frames));
  return sums;
}

Score reconstruction_score(std::span<const ReconstructionSums> windows, bool absolute) {
  ReconstructionSums all;
  for (const ReconstructionSums& w : windows) {
    all.count += w.count;
    all.sum += w.sum;
    all.squares += w.squares;
    all.error += w.error;
    all.absolute += w.absolute;
    all.mean_error += w.mean_error;
    all.line_error += w.line_error;
  }
  const double total = all.squares - all.sum * all.sum / all.count;
  const double mse = all.error / all.count, mae = all.absolute / all.count;
  return {.loss = absolute ? mae : mse,
          .metrics = {{"mse", mse},
                      {"mae", mae},
                      {"r2", 1 - all.error / total},
                      {"r2_mean", 1 - all.mean_error / total},
                      {"r2_interpolation", 1 - all.line_error / total}}};
}

}  // namespace brainmt::task
