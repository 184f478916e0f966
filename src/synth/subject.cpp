#include "synth/subject.hpp"

#include <algorithm>
#include <cmath>

#include "base/error.hpp"

namespace brainmt::synth {
namespace {

// One Philox stream for each purpose: changing what one draws leaves the others as they were.
enum Stream : std::uint32_t {
  kPairStream,
  kPhenotypeStream,
  kSignalStream,
  kAnatomyStream,
  kPhysiologyStream,
  kNoiseStream,
  kMotionStream
};

// Index of a run's draws. The first run has the subject's number alone.
std::uint64_t index_of(int subject, int run) {
  return static_cast<std::uint64_t>(subject) | static_cast<std::uint64_t>(run) << 32;
}

constexpr double kYoungest = 45, kOldest = 80;  // years
constexpr std::array kSiteGain{1.0, 1.1, 0.92};
constexpr double kMeanIntensity = 10000;
constexpr double kFieldOfView = 192;  // mm along X

constexpr double kSexSlope = 1.1;        // sex_effect 1 changes variances by tanh(1.1) = 0.80 of themselves
constexpr double kCognitionSlope = 0.6;  // log variance and log time scale a standard deviation of cognition
constexpr double kTimeScale = 3.5;       // seconds; correlation time of network C at average cognition
constexpr double kNoiseMemory = 0.4;
constexpr double kSlowNoiseShare = 0.5;  // of the noise variance

constexpr double kBreathing = 0.012, kPulse = 0.02, kDrift = 0.012;  // relative to mean intensity

// In [0, 1): relative change of variance, or strength of the lagged coupling.
double sex_strength(const SynthConfig& config) { return std::tanh(kSexSlope * config.sex_effect); }

// A slow process with a delayed copy of `leader` in it: same spectrum, correlation `coupling` at the delay.
Series follower(const SlowProcess& leader, const SlowProcess& own, const SynthConfig& config, double delay) {
  const double coupling = sex_strength(config);
  const Series led = leader.sample(config.frames, config.tr, delay);
  Series values = own.sample(config.frames, config.tr);
  for (std::size_t t = 0; t < values.size(); ++t) {
    values[t] = coupling * led[t] + std::sqrt(1.0 - coupling * coupling) * values[t];
  }
  return values;
}

// Standard normal to within the fourth moment (kurtosis 2.7): the sum of four 16-bit uniforms.
float near_normal(std::uint32_t a, std::uint32_t b) {
  constexpr float kMean = 4 * 32767.5f, kDeviation = 37837.2f;
  const std::uint32_t sum = (a & 0xffffu) + (a >> 16) + (b & 0xffffu) + (b >> 16);
  return (static_cast<float>(sum) - kMean) / kDeviation;
}

io::NiftiHeader header_of(const SynthConfig& config, int subject, double gain) {
  io::NiftiHeader header;
  header.shape = {config.grid[0], config.grid[1], config.grid[2], config.frames};
  header.repetition_time = config.tr;
  const bool integers =
      config.dtype == VoxelType::kInt16 || (config.dtype == VoxelType::kAlternating && subject % 2 == 0);
  header.type = integers ? io::NiftiType::kInt16 : io::NiftiType::kFloat32;
  if (integers) header.slope = 2.0 * gain / 32767.0;  // twice the mean intensity is the most that fits
  header.affine = affine_of(config);
  return header;
}

}  // namespace

std::array<double, 16> affine_of(const SynthConfig& config) {
  if (config.layout != Layout::kFlat && config.grid == Grid{91, 109, 91}) {
    return {-2, 0, 0, 90, 0, 2, 0, -126, 0, 0, 2, -72, 0, 0, 0, 1};
  }
  std::array<double, 16> affine{};
  const double voxel = kFieldOfView / config.grid[0];
  for (std::size_t axis = 0; axis < 3; ++axis) {
    affine[5 * axis] = voxel;
    affine[4 * axis + 3] = -0.5 * voxel * (config.grid[axis] - 1);
  }
  affine[15] = 1;
  return affine;
}

Phenotype draw_phenotype(const SynthConfig& config, int subject) {
  const auto index = static_cast<std::uint64_t>(subject);
  Philox pair(config.seed, kPairStream, index / 2), random(config.seed, kPhenotypeStream, index);
  Phenotype p;
  p.participant_id = fmt::format("sub-{:04d}", subject + 1);
  p.sex = static_cast<int>((index + pair.below(2)) % 2);
  p.age = random.uniform(kYoungest, kOldest);
  p.site = static_cast<int>(random.below(kSiteGain.size()));
  p.mean_fd = std::clamp(0.15 * std::exp(0.4 * random.normal()), 0.05, 0.5);
  p.cognition_z = std::clamp(random.normal(), -2.0, 2.0);
  return p;
}

PlantedSignal draw_signal(const SynthConfig& config, const Phenotype& phenotype, int subject, int run) {
  Philox random(config.seed, kSignalStream, index_of(subject, run));
  const double sign = phenotype.sex == 1 ? 1.0 : -1.0;
  const bool lagged = config.planted == Planted::kLag;
  const double growth = std::exp(kCognitionSlope * config.cognition_effect * phenotype.cognition_z);

  PlantedSignal signal;
  for (std::size_t c = 0; c < kComponents; ++c) {
    const SlowProcess a(random), b(random);
    signal.series[kNetworkA].push_back(standardised(a.sample(config.frames, config.tr)));
    signal.series[kNetworkB].push_back(
        standardised(lagged ? follower(a, b, config, sign * config.lag_seconds) : b.sample(config.frames, config.tr)));
    signal.series[kNetworkC].push_back(standardised(relaxation(random, config.frames, config.tr, kTimeScale * growth)));
  }
  // Variances 1 + e and 1 - e: their sum, and with it the scan's total variance, does not depend on sex.
  const double change = lagged ? 0.0 : sign * sex_strength(config);
  signal.amplitude[kNetworkA] = config.fluctuation * std::sqrt(1.0 + change);
  signal.amplitude[kNetworkB] = config.fluctuation * std::sqrt(1.0 - change);
  signal.amplitude[kNetworkC] = config.fluctuation * std::sqrt(growth);
  return signal;
}

Series draw_motion(const SynthConfig& config, int subject, int run) {
  constexpr double kSpread = 0.5;  // of the logarithm
  Philox random(config.seed, kMotionStream, index_of(subject, run));
  Series motion(static_cast<std::size_t>(config.frames), 0.0);
  double sum = 0;
  for (std::size_t t = 1; t < motion.size(); ++t) sum += motion[t] = std::exp(kSpread * random.normal());
  const double scale = draw_phenotype(config, subject).mean_fd * static_cast<double>(config.frames - 1) / sum;
  for (double& fd : motion) fd *= scale;
  return motion;
}

ScanGenerator::ScanGenerator(const SynthConfig& config, const NetworkMaps& networks, int subject, int run)
    : noise_key_{static_cast<std::uint32_t>(config.seed), static_cast<std::uint32_t>(config.seed >> 32)},
      subject_(static_cast<std::uint32_t>(subject)),
      noise_stream_(kNoiseStream | static_cast<std::uint32_t>(run) << 8) {
  const Phenotype phenotype = draw_phenotype(config, subject);
  Philox anatomy(config.seed, kAnatomyStream, subject_),
      physiology(config.seed, kPhysiologyStream, index_of(subject, run));
  head_ = draw_anatomy(config.grid, (phenotype.age - kYoungest) / (kOldest - kYoungest), anatomy);
  const double site_gain = kSiteGain[static_cast<std::size_t>(phenotype.site)];
  gain_ = static_cast<float>(kMeanIntensity * site_gain * (1.0 + 0.03 * anatomy.normal()));
  header_ = header_of(config, subject, gain_);
  noise_sd_ = static_cast<float>(config.noise * (0.85 + phenotype.mean_fd));
  add_networks(config, networks, phenotype, subject, run);
  add_physiology(config, physiology);
  slow_noise_.resize(head_.voxels.size());
  noise_.resize(head_.voxels.size());
}

void ScanGenerator::add_networks(const SynthConfig& config, const NetworkMaps& networks, const Phenotype& phenotype,
                                 int subject, int run) {
  PlantedSignal signal = draw_signal(config, phenotype, subject, run);
  for (std::size_t n = 0; n < kNetworks; ++n) {
    for (std::size_t c = 0; c < kComponents; ++c) {
      Source source{std::vector<float>(head_.voxels.size()), std::move(signal.series[n][c])};
      for (std::size_t i = 0; i < source.map.size(); ++i) source.map[i] = networks.maps[n][c][head_.voxels[i]];
      for (double& value : source.series) value *= signal.amplitude[n];
      sources_.push_back(std::move(source));
    }
  }
}

void ScanGenerator::add_physiology(const SynthConfig& config, Philox& random) {
  const auto add = [&](std::vector<float>& map, Series series, double amplitude) {
    for (double& value : series) value *= amplitude;
    sources_.push_back({std::move(map), std::move(series)});
  };
  add(head_.breathing, oscillation(random, config.frames, config.tr, random.uniform(0.22, 0.35)), kBreathing);
  add(head_.pulse, oscillation(random, config.frames, config.tr, random.uniform(0.9, 1.2)), kPulse);
  Series drift(static_cast<std::size_t>(config.frames));
  const double linear = random.normal(), quadratic = random.normal();
  for (std::size_t t = 0; t < drift.size(); ++t) {
    const double x = 2.0 * static_cast<double>(t) / static_cast<double>(drift.size() - 1) - 1.0;
    drift[t] = linear * x + quadratic * (x * x - 1.0 / 3.0);
  }
  add(head_.drift, std::move(drift), kDrift);
}

// noise = sd * (autoregressive + white), one counter-based draw a voxel and frame.
void ScanGenerator::advance_noise() {
  const float memory = next_ == 0 ? 0.0f : static_cast<float>(kNoiseMemory);
  const float drive = std::sqrt(1.0f - memory * memory);
  const float slow = noise_sd_ * static_cast<float>(std::sqrt(kSlowNoiseShare));
  const float white = noise_sd_ * static_cast<float>(std::sqrt(1.0 - kSlowNoiseShare));
  for (std::size_t i = 0; i < noise_.size(); ++i) {
    const auto bits =
        Philox::generate(noise_key_, {head_.voxels[i], noise_stream_, subject_, static_cast<std::uint32_t>(next_)});
    slow_noise_[i] = memory * slow_noise_[i] + drive * near_normal(bits[0], bits[1]);
    noise_[i] = slow * slow_noise_[i] + white * near_normal(bits[2], bits[3]);
  }
}

void ScanGenerator::next_frame(std::span<float> frame) {
  BRAINMT_CHECK(next_ < header_.frames(), "the scan has only {} frames", header_.frames());
  advance_noise();
  std::vector<float>& value = noise_;  // becomes the frame, packed
  for (std::size_t i = 0; i < value.size(); ++i) value[i] = head_.mean[i] * (1.0f + value[i]);
  for (const Source& source : sources_) {
    const float weight = static_cast<float>(source.series[static_cast<std::size_t>(next_)]);
    for (std::size_t i = 0; i < value.size(); ++i) value[i] += weight * source.map[i];
  }
  std::ranges::fill(frame, 0.0f);
  for (std::size_t i = 0; i < value.size(); ++i) frame[head_.voxels[i]] = std::max(gain_ * value[i], 1.0f);
  ++next_;
}

}  // namespace brainmt::synth
