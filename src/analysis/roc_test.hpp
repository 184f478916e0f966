#pragma once
// DeLong's test of two AUROCs of the same people, with families.
//
//   V10(i) = share of negatives below positive i, ties 1/2       (placements; m positives, n negatives)
//   V01(j) = share of positives above negative j
//   theta  = mean V10 = mean V01 = AUROC;     d = theta_a - theta_b
//
// With the differences D10 = V10_a - V10_b, D01 = V01_a - V01_b and everybody alone (DeLong 1988):
//   var(d) = sum (D10 - d)^2 / (m (m - 1)) + sum (D01 - d)^2 / (n (n - 1))
// With families (Obuchowski 1997), x_f = sum over positives of family f of (D10 - d), y_f likewise of negatives, I10,
// I01 and I families with a positive, with a negative, and at all:
//   var(d) = I10/(I10-1) sum x_f^2 / m^2 + I01/(I01-1) sum y_f^2 / n^2 + 2 I/(I-1) sum x_f y_f / (m n)
// which is the former where everybody is alone. p = 2 (1 - Phi(|d| / sqrt(var))). Placements come from midranks in
// O(n log n) (Sun & Xu 2014).
#include <cstddef>
#include <span>
#include <vector>

namespace brainmt::analysis {

/// Placements of one model: of each person among those of the other class. `truth` [n] of 0 and 1.
std::vector<double> placements(std::span<const double> truth, std::span<const double> score);

struct RocTest {
  double auroc_a = 0, auroc_b = 0;
  double difference = 0, standard_error = 0;
  double p = 0;  // two-sided; 1 for models of equal placements, NaN where the variance is not defined or 0
};

/// Over the same people: `family` [n] holds numbers, empty where everybody is alone. The placements of a model in
/// several repeats of the same people may be averaged before. Everything is NaN where a class is missing.
RocTest test_of_placements(std::span<const double> truth, std::span<const double> a, std::span<const double> b,
                           std::span<const std::size_t> family = {});

/// test_of_placements() of the placements of scores.
RocTest delong(std::span<const double> truth, std::span<const double> score_a, std::span<const double> score_b,
               std::span<const std::size_t> family = {});

}  // namespace brainmt::analysis
