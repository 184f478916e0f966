#pragma once
// The quickstart's classification (configs/quickstart_sex.yaml) on the first of its participants: data, settings, and
// the file of its reference curve.
#include <cstddef>
#include <filesystem>
#include <string>
#include <vector>

#include "train/trainer.hpp"

namespace brainmt::test {

/// scripts/quickstart.sh makes 400. A scan is a function of its number alone, so these are the first of the same.
inline constexpr int kParticipants = 96;
/// Optimiser steps of the curve, four and a half epochs of these participants: warm-up, the largest rate, clipping.
inline constexpr std::int64_t kSteps = 40;

/// Synthesises and prepares the participants in `folder`, which this process alone uses; returns the cohort's file.
std::filesystem::path make_quickstart_cohort(const std::filesystem::path& folder);

/// What `brainmt train --config configs/quickstart_sex.yaml` has, for one rank instead of two.
train::TrainSettings quickstart_settings(const std::filesystem::path& run_dir, const std::string& precision);

/// Largest relative error of rounding to nearest: half the distance from 1 to the next number.
inline constexpr double kRoundingFp32 = 0x1p-24, kRoundingBf16 = 0x1p-9;

/// A loss and a gradient's norm.
struct StepValues {
  double loss = 0, gradient_norm = 0;
};

/// A step of the reference curve, and how far roundings as large as those of a type move it (curve/reference.hpp).
struct CurvePoint {
  StepValues value, moved_fp32, moved_bf16;
};

std::filesystem::path reference_file();
void write_curve(const std::filesystem::path& file, const std::vector<CurvePoint>& curve);
std::vector<CurvePoint> read_curve(const std::filesystem::path& file);

}  // namespace brainmt::test
