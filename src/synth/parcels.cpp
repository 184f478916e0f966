#include "synth/parcels.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

#include "base/error.hpp"
#include "base/philox.hpp"
#include "synth/series.hpp"
#include "synth/subject.hpp"

namespace brainmt::synth {
namespace {

// Streams of Philox behind those of subject.cpp.
enum Stream : std::uint32_t { kEdgeStream = 16, kParcelStream = 17 };

constexpr double kTimeScale = 1.2;                         // seconds; correlation time of every series
constexpr double kMaxPlanted = 0.8;                        // of a parcel's variance
constexpr double kNetworkShare = 0.35;                     // of the variance that is not planted
constexpr double kGlobalShare = 0.05, kMotionShare = 0.2;  // likewise; the second a mm of mean_fd
constexpr int kParcelsOfNetwork = 8;

int networks_of(const SynthConfig& config) { return std::max(2, config.parcels / kParcelsOfNetwork); }
int network_of(const SynthConfig& config, int parcel) { return parcel % networks_of(config); }

std::string name_of(const SynthConfig& config, int parcel) {
  const int network = network_of(config, parcel), side = parcel / networks_of(config) % 2;
  return fmt::format("{}H_Net{}_{}", side == 0 ? 'L' : 'R', network + 1, parcel / networks_of(config) / 2 + 1);
}

// Where a parcel lies, mm: on a sphere, each on its side.
std::array<double, 3> place_of(const SynthConfig& config, int parcel) {
  constexpr double kRadius = 60, kGoldenAngle = 2.399963229728653;
  const double z = 1 - (2 * parcel + 1.0) / config.parcels, across = std::sqrt(1 - z * z),
               angle = kGoldenAngle * parcel;
  const double side = name_of(config, parcel)[0] == 'L' ? -1 : 1;
  return {side * (8 + kRadius * across * std::abs(std::cos(angle))), kRadius * across * std::sin(angle) - 18,
          kRadius * z + 16};
}

// Planted edges that end in a parcel, at most.
int max_degree(const SynthConfig& config) { return (4 * config.edges + config.parcels - 1) / config.parcels; }

// BIDS name of a run without what comes behind it.
std::string stem_of(const SynthConfig& config, int subject, int run) {
  const std::string id = draw_phenotype(config, subject).participant_id;
  return fmt::format("{0}/func/{0}_task-rest{1}", id, runs_of(config) > 1 ? fmt::format("_run-{}", run + 1) : "");
}

constexpr std::string_view kEntities = "_space-MNI152NLin6Asym_seg-Synthetic";

class Mixer {
 public:
  Mixer(const SynthConfig& config, Philox& random)
      : config_(config),
        random_(random),
        frames_(static_cast<std::size_t>(config.frames)),
        parcels_(static_cast<std::size_t>(config.parcels)),
        out_(frames_ * parcels_),
        left_(parcels_, 1.0) {}

  // Series a and b get a part of variance `share` each, of which the fraction `common` is the same in both: their
  // correlation grows by share * common, their variances do not depend on it.
  void couple(const std::array<int, 2>& edge, double share, double common) {
    const Series shared = fresh(), own_a = fresh(), own_b = fresh();
    for (const auto& [parcel, own] : {std::pair{edge[0], &own_a}, std::pair{edge[1], &own_b}}) {
      const auto p = static_cast<std::size_t>(parcel);
      left_[p] -= share;
      add(p, shared, std::sqrt(share * common));
      add(p, *own, std::sqrt(share * (1 - common)));
    }
  }

  // The rest of the variance: networks, a global signal that grows with motion, and each parcel's own.
  std::vector<double> finish(double mean_fd) {
    const double global = kGlobalShare + kMotionShare * mean_fd;
    std::vector<Series> networks;
    for (int n = 0; n < networks_of(config_); ++n) networks.push_back(fresh());
    const Series everywhere = fresh();
    for (std::size_t p = 0; p < parcels_; ++p) {
      const Series own = fresh();
      add(p, networks[static_cast<std::size_t>(network_of(config_, static_cast<int>(p)))],
          std::sqrt(left_[p] * kNetworkShare));
      add(p, everywhere, std::sqrt(left_[p] * global));
      add(p, own, std::sqrt(left_[p] * (1 - kNetworkShare - global)));
    }
    return std::move(out_);
  }

 private:
  Series fresh() { return relaxation(random_, config_.frames, config_.tr, kTimeScale); }
  void add(std::size_t p, const Series& series, double weight) {
    for (std::size_t t = 0; t < frames_; ++t) out_[t * parcels_ + p] += weight * series[t];
  }

  const SynthConfig& config_;
  Philox& random_;
  std::size_t frames_, parcels_;
  std::vector<double> out_;   // [frame, parcel]
  std::vector<double> left_;  // of each parcel's variance of 1
};

}  // namespace

void validate_parcels(const SynthConfig& config) {
  const long pairs = static_cast<long>(config.parcels) * (config.parcels - 1) / 2;
  if (2L * config.edges > pairs)
    throw UsageError(fmt::format("synth: edges is {}, expected at most {}, half of the pairs of {} parcels",
                                 config.edges, pairs / 2, config.parcels));
  const double planted = max_degree(config) * config.coupling;
  if (planted > kMaxPlanted)
    throw UsageError(fmt::format(
        "synth: {} edges of each kind with coupling={} take {:.2f} of a parcel's variance, expected at most {}: give "
        "fewer edges, less coupling or more parcels",
        config.edges, config.coupling, planted, kMaxPlanted));
}

// Pairs in random order, those first whose parcels have the fewest edges so far.
PlantedEdges planted_edges(const SynthConfig& config) {
  Philox random(config.seed, kEdgeStream, 0);
  std::vector<std::array<int, 2>> pairs;
  for (int a = 0; a < config.parcels; ++a)
    for (int b = a + 1; b < config.parcels; ++b) pairs.push_back({a, b});
  for (std::size_t i = pairs.size(); i > 1; --i)
    std::swap(pairs[i - 1], pairs[random.below(static_cast<std::uint32_t>(i))]);
  std::vector<int> degree(static_cast<std::size_t>(config.parcels), 0);
  const auto most = [&](const std::array<int, 2>& pair) {
    return std::max(degree[static_cast<std::size_t>(pair[0])], degree[static_cast<std::size_t>(pair[1])]);
  };
  PlantedEdges edges;
  for (int e = 0; e < 2 * config.edges; ++e) {
    const auto next = std::ranges::min_element(pairs, {}, most);
    for (const int parcel : *next) ++degree[static_cast<std::size_t>(parcel)];
    (e % 2 == 0 ? edges.sex : edges.cognition).push_back(*next);
    pairs.erase(next);
  }
  return edges;
}

std::vector<double> draw_parcels(const SynthConfig& config, const PlantedEdges& edges, int subject, int run) {
  const auto index = static_cast<std::uint64_t>(subject) | static_cast<std::uint64_t>(run) << 32;
  Philox random(config.seed, kParcelStream, index);
  const Phenotype phenotype = draw_phenotype(config, subject);
  const double sign = phenotype.sex == 1 ? 1.0 : -1.0;
  Mixer mixer(config, random);
  for (const auto& edge : edges.sex)
    mixer.couple(edge, config.coupling, std::clamp(0.5 + 0.5 * sign * config.sex_effect, 0.0, 1.0));
  for (const auto& edge : edges.cognition)
    mixer.couple(edge, config.coupling,
                 std::clamp(0.5 + 0.25 * config.cognition_effect * phenotype.cognition_z, 0.0, 1.0));
  return mixer.finish(phenotype.mean_fd);
}

std::string parcel_table_path(const SynthConfig& config, int subject, int run) {
  return fmt::format("{}{}_stat-mean_timeseries.tsv", stem_of(config, subject, run), kEntities);
}

TextFile parcel_table(const SynthConfig& config, const PlantedEdges& edges, int subject, int run) {
  std::string text;
  for (int p = 0; p < config.parcels; ++p) text += (p == 0 ? "" : "\t") + name_of(config, p);
  text += "\n";
  const std::vector<double> series = draw_parcels(config, edges, subject, run);
  const auto parcels = static_cast<std::size_t>(config.parcels);
  for (std::size_t i = 0; i < series.size(); ++i)
    text += fmt::format("{:.6f}{}", series[i], (i + 1) % parcels == 0 ? '\n' : '\t');
  return {parcel_table_path(config, subject, run), text};
}

std::vector<TextFile> files_beside_parcels(const SynthConfig& config, int subject, int run) {
  const Series motion = draw_motion(config, subject, run);
  std::string table = "framewise_displacement\nn/a\n";
  for (std::size_t t = 1; t < motion.size(); ++t) table += fmt::format("{:.8f}\n", motion[t]);
  std::string coverage = "Node\tcoverage\n";
  for (int p = 0; p < config.parcels; ++p) coverage += name_of(config, p) + "\t1\n";
  const std::string stem = stem_of(config, subject, run), named = stem + std::string(kEntities);
  return {{stem + "_motion.tsv", table},
          {named + "_stat-coverage_bold.tsv", coverage},
          {named + "_stat-mean_timeseries.json", fmt::format("{{\"RepetitionTime\": {}}}\n", config.tr)}};
}

std::vector<TextFile> parcel_cohort_files(const SynthConfig& config) {
  std::string participants = "participant_id\tage\tsex\tsite\tmean_fd\tcognition\n";
  for (int subject = 0; subject < config.subjects; ++subject) {
    const Phenotype p = draw_phenotype(config, subject);
    participants += fmt::format("{}\t{:.1f}\t{}\tsite-{}\t{:.3f}\t{:.3f}\n", p.participant_id, p.age,
                                p.sex == 1 ? "M" : "F", p.site + 1, p.mean_fd, p.cognition());
  }
  std::string labels = "index\tname\themisphere\tnetwork_label\tx\ty\tz\n";
  for (int p = 0; p < config.parcels; ++p) {
    const std::string name = name_of(config, p);
    const std::array<double, 3> mm = place_of(config, p);
    labels += fmt::format("{}\t{}\t{}\tNet{}\t{:.0f}\t{:.0f}\t{:.0f}\n", p + 1, name, name[0],
                          network_of(config, p) + 1, mm[0], mm[1], mm[2]);
  }
  const PlantedEdges planted = planted_edges(config);
  std::string truth = "name_a\tname_b\tplanted\n";
  for (const auto& [edges, what] : {std::pair{&planted.sex, "sex"}, std::pair{&planted.cognition, "cognition"}})
    for (const auto& edge : *edges)
      truth += fmt::format("{}\t{}\t{}\n", name_of(config, edge[0]), name_of(config, edge[1]), what);
  return {{"participants.tsv", participants},
          {"atlas-Synthetic_dseg.tsv", labels},
          {"edges.tsv", truth},
          {"dataset_description.json",
           "{\n  \"Name\": \"Synthetic parcels with a planted connectivity\",\n  \"BIDSVersion\": \"1.8.0\",\n"
           "  \"DatasetType\": \"derivative\",\n  \"GeneratedBy\": [{\"Name\": \"brainmt synth\"}]\n}\n"}};
}

}  // namespace brainmt::synth
