#include "synth/anatomy.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace brainmt::synth {
namespace {

constexpr double kSizeSpread = 0.03;    // relative standard deviation of a subject's half axes, cut at two of them
constexpr double kInnerRadius = 0.82;   // networks end here: inside the smallest head and its falling edge
constexpr double kInnerFade = 0.16;     // ... fading over this range of radius
constexpr double kBlobWidth = 0.24;     // exp(-d^2 / width^2)
constexpr double kEdgeIntensity = 0.3;  // of the outermost voxels; the scan's minimum always lies there
constexpr double kEdgeFade = 0.12;
constexpr double kTissueContrast = 0.04;
constexpr double kVentricleDepth = 0.25;

// Centres on the right side; each has its mirror image on the left.
constexpr std::array<std::array<Point, kComponents>, kNetworks> kCentres{{
    {{{0.40, 0.48, 0.15}, {0.38, -0.02, 0.52}}},    // A: frontal, superior
    {{{0.40, -0.50, 0.15}, {0.42, 0.30, -0.42}}},   // B: posterior, inferior frontal
    {{{0.58, -0.02, -0.05}, {0.36, -0.36, -0.46}}}  // C: lateral, inferior posterior
}};

double smoothstep(double x) {
  const double s = std::clamp(x, 0.0, 1.0);
  return s * s * (3.0 - 2.0 * s);
}

double squared_distance(const Point& a, const Point& b) {
  double sum = 0;
  for (std::size_t i = 0; i < 3; ++i) sum += (a[i] - b[i]) * (a[i] - b[i]);
  return sum;
}

double radius(const Point& u) { return std::sqrt(squared_distance(u, {0, 0, 0})); }

double energy_of(const std::vector<float>& map) {
  double sum = 0;
  for (const float value : map) sum += static_cast<double>(value) * value;
  return sum;
}

std::vector<float> blob_pair(const Grid& grid, const Point& centre) {
  const Point mirrored{-centre[0], centre[1], centre[2]};
  std::vector<float> map(voxels_of(grid));
  for_each_voxel(grid, [&](std::uint32_t voxel, const Point& u) {
    constexpr double kScale = 1.0 / (kBlobWidth * kBlobWidth);
    const double blobs =
        std::exp(-squared_distance(u, centre) * kScale) + std::exp(-squared_distance(u, mirrored) * kScale);
    map[voxel] = static_cast<float>(blobs * smoothstep((kInnerRadius - radius(u)) / kInnerFade));
  });
  return map;
}

// A smooth random field of unit variance: a few long cosine waves.
class SmoothField {
 public:
  explicit SmoothField(Philox& random) {
    for (Wave& wave : waves_) {
      for (double& k : wave.direction) k = random.uniform(-5.0, 5.0);
      wave.phase = random.uniform(0, 2.0 * std::numbers::pi);
    }
  }
  double operator()(const Point& u) const {
    double sum = 0;
    for (const Wave& wave : waves_) {
      sum += std::cos(wave.direction[0] * u[0] + wave.direction[1] * u[1] + wave.direction[2] * u[2] + wave.phase);
    }
    return sum * std::sqrt(2.0 / static_cast<double>(waves_.size()));
  }

 private:
  struct Wave {
    Point direction;
    double phase;
  };
  std::array<Wave, 6> waves_;
};

}  // namespace

std::size_t voxels_of(const Grid& grid) {
  return static_cast<std::size_t>(grid[0]) * static_cast<std::size_t>(grid[1]) * static_cast<std::size_t>(grid[2]);
}

NetworkMaps network_maps(const Grid& grid) {
  NetworkMaps networks;
  for (std::size_t n = 0; n < kNetworks; ++n) {
    for (std::size_t c = 0; c < kComponents; ++c) networks.maps[n][c] = blob_pair(grid, kCentres[n][c]);
  }
  networks.energy = energy_of(networks.maps[0][0]);
  for (auto& network : networks.maps) {
    for (auto& map : network) {
      const float scale = static_cast<float>(std::sqrt(networks.energy / energy_of(map)));
      for (float& value : map) value *= scale;
    }
  }
  return networks;
}

Anatomy draw_anatomy(const Grid& grid, double atrophy, Philox& random) {
  Point size;
  for (double& axis : size) axis = 1.0 + kSizeSpread * std::clamp(random.normal(), -2.0, 2.0);
  const SmoothField tissue(random);
  Point gradient;
  for (double& component : gradient) component = random.normal() / std::sqrt(3.0);
  const double ventricle_width = 0.16 + 0.10 * atrophy;

  Anatomy head;
  for_each_voxel(grid, [&](std::uint32_t voxel, const Point& u) {
    const double depth = 1.0 - radius({u[0] / size[0], u[1] / size[1], u[2] / size[2]});
    if (depth < 0) return;
    const double edge = kEdgeIntensity + (1.0 - kEdgeIntensity) * smoothstep(depth / kEdgeFade);
    const double ventricle = std::exp(-squared_distance(u, {0, 0, 0.1}) / (ventricle_width * ventricle_width));
    const double interior = 1.0 + kTissueContrast * std::clamp(tissue(u), -2.5, 2.5) - kVentricleDepth * ventricle;
    head.voxels.push_back(voxel);
    head.mean.push_back(static_cast<float>(edge * interior));
    head.breathing.push_back(static_cast<float>(0.5 + 0.5 * u[2]));
    head.pulse.push_back(static_cast<float>(std::exp(-squared_distance(u, {0, 0, -0.7}) / 0.2)));
    head.drift.push_back(static_cast<float>(gradient[0] * u[0] + gradient[1] * u[1] + gradient[2] * u[2]));
  });
  return head;
}

}  // namespace brainmt::synth
