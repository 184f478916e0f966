#pragma once
// One synthetic subject: its row of the phenotype table and its scans, pure functions of (seed, subject, run), so a
// cohort does not depend on the number of ranks. Runs of a subject share labels, head and intensity; fluctuations are
// drawn anew.
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/philox.hpp"
#include "io/nifti.hpp"
#include "synth/anatomy.hpp"
#include "synth/config.hpp"
#include "synth/series.hpp"

namespace brainmt::synth {

/// Voxel to mm, row-major: a centred grid, or MNI's own where the layout promises MNI space and the grid is of its size.
std::array<double, 16> affine_of(const SynthConfig& config);

struct Phenotype {
  std::string participant_id;
  int sex = 0;             // 0 or 1; one of each in subjects 2j and 2j + 1
  double age = 0;          // years
  int site = 0;            // 0, 1, 2
  double mean_fd = 0;      // mm
  double cognition_z = 0;  // simulated effect: standard normal, truncated at +-2
  double cognition() const { return 100.0 + 15.0 * cognition_z; }
};
Phenotype draw_phenotype(const SynthConfig& config, int subject);

/// The series of each network's components, standardised; and their amplitudes, relative to mean intensity.
struct PlantedSignal {
  std::vector<Series> series[kNetworks];
  double amplitude[kNetworks];
};
PlantedSignal draw_signal(const SynthConfig& config, const Phenotype& phenotype, int subject, int run = 0);

/// Displacement of the head at each frame against the one before, mm: 0 for the first, and on average over the others
/// the subject's mean_fd.
Series draw_motion(const SynthConfig& config, int subject, int run = 0);

class ScanGenerator {
 public:
  /// `networks` are the maps of config.grid and must outlive the generator's constructor only.
  ScanGenerator(const SynthConfig& config, const NetworkMaps& networks, int subject, int run = 0);

  /// Header of the file to write; its type follows config.dtype.
  const io::NiftiHeader& header() const { return header_; }
  /// Fills the next frame, dense, X fastest; exact zeros outside the head.
  void next_frame(std::span<float> frame);

 private:
  /// A spatial weight for each voxel of the head and its time course, amplitude included.
  struct Source {
    std::vector<float> map;
    Series series;
  };
  void add_networks(const SynthConfig& config, const NetworkMaps& networks, const Phenotype& phenotype, int subject,
                    int run);
  void add_physiology(const SynthConfig& config, Philox& random);
  void advance_noise();

  io::NiftiHeader header_;
  Anatomy head_;
  std::vector<Source> sources_;
  std::array<std::uint32_t, 2> noise_key_;
  std::uint32_t subject_, noise_stream_;
  float noise_sd_ = 0;
  float gain_ = 0;                         // intensity units
  std::vector<float> slow_noise_, noise_;  // autoregressive part, and the whole, for the current frame
  int next_ = 0;
};

}  // namespace brainmt::synth
