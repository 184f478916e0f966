#pragma once
// Cohorts of parcels whose series are drawn from a seed, or given.
#include <mpi.h>

#include <array>
#include <cmath>
#include <filesystem>
#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "base/philox.hpp"
#include "connectivity/fc.hpp"
#include "io/cohort_writer.hpp"

namespace brainmt::test {

struct ParcelScan {
  std::string id, run;
  std::uint64_t frames = 0;
  double mean_fd = std::numeric_limits<double>::quiet_NaN();
};

/// Value of a parcel in a frame of a scan; NaN: not covered.
using ParcelValue = std::function<float(std::size_t scan, std::uint64_t frame, std::size_t parcel)>;

inline io::ParcelTable parcel_table(std::size_t parcels) {
  io::ParcelTable table;
  for (std::size_t p = 0; p < parcels; ++p) {
    table.index.push_back(static_cast<std::int32_t>(2 * p + 1));
    table.name.push_back("P" + std::to_string(p));
    table.network.push_back(p % 2 == 0 ? "Vis" : "Default");
    table.hemisphere.push_back("L");
    table.centroid.push_back({static_cast<double>(p), 0, 0});
  }
  table.atlas = "Made-Up 9";
  table.space = "MNI152NLin6Asym";
  table.min_coverage = 0.5;
  return table;
}

/// By this process alone.
inline void write_parcel_cohort(const std::filesystem::path& path, const std::vector<ParcelScan>& scans,
                                std::size_t parcels, const ParcelValue& value) {
  io::CohortLayout layout;
  layout.parcels = parcel_table(parcels);
  layout.normalization = "zscore";
  layout.provenance = "fixture";
  for (const ParcelScan& scan : scans)
    layout.scans.push_back({.participant_id = scan.id,
                            .source = scan.id + scan.run + ".nii.gz",
                            .frames = scan.frames,
                            .repetition_time = 0.8,
                            .run = scan.run,
                            .mean_fd = scan.mean_fd});
  io::CohortWriter writer(MPI_COMM_SELF, path, layout);
  for (std::size_t s = 0; s < scans.size(); ++s) {
    std::vector<float> series;
    for (std::uint64_t t = 0; t < scans[s].frames; ++t) {
      for (std::size_t p = 0; p < parcels; ++p) series.push_back(value(s, t, p));
    }
    writer.write_series(s, 0, series);
    std::vector<std::uint32_t> voxels(parcels, 10);
    voxels[0] = 30;
    writer.set_parcel_coverage(s, voxels, std::vector<double>(parcels, 1.0));
    writer.set_scan_statistics(s, {100, 10, 0});
  }
  writer.commit();
}

/// Correlated and skewed noise, another one for each scan.
inline ParcelValue noise(std::uint64_t seed) {
  return [seed](std::size_t scan, std::uint64_t frame, std::size_t parcel) {
    const auto draw = [&](std::uint64_t stream) {
      Philox random(seed + 1000 * scan + stream, frame);
      return random.normal();
    };
    const double shared = draw(500 + parcel % 3), own = draw(parcel);
    return static_cast<float>(100 + shared + 0.8 * own + 0.3 * shared * shared);
  };
}

/// `participants`, of which every third has two runs of other lengths.
inline std::vector<ParcelScan> made_up_scans(std::size_t participants) {
  std::vector<ParcelScan> scans;
  for (std::size_t i = 0; i < participants; ++i) {
    const std::string id = "sub-" + std::to_string(100 + i);
    scans.push_back({id, i % 3 == 0 ? "run-1" : "", 40 + i, 0.1 + 0.01 * static_cast<double>(i)});
    if (i % 3 == 0) scans.push_back({id, "run-2", 31, 0.2});
  }
  return scans;
}

/// The first `count` of made_up_scans() as training part.
inline connectivity::TrainingPart training_part(std::size_t count) {
  connectivity::TrainingPart part{{}, std::string(64, 'c')};
  for (std::size_t i = 0; i < count; ++i) part.ids.push_back("sub-" + std::to_string(100 + i));
  return part;
}

inline connectivity::FcSettings fc_settings(connectivity::Kind kind, std::size_t training = 5) {
  connectivity::FcSettings settings;
  settings.kind = kind;
  settings.training = training_part(training);
  settings.cohort_fingerprint = "f";
  settings.program = "test";
  return settings;
}

}  // namespace brainmt::test
