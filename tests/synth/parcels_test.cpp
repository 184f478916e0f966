// Synthetic parcels: what is planted is there, and nothing else tells the classes apart.
#include "synth/parcels.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "base/error.hpp"
#include "io/nifti.hpp"
#include "io/table.hpp"
#include "support/expect_error.hpp"
#include "support/temporary_directory.hpp"
#include "synth/atlas.hpp"
#include "synth/cohort.hpp"
#include "synth/subject.hpp"

namespace brainmt::synth {
namespace {

using test::expect_error;
using test::TemporaryDirectory;

SynthConfig small() {
  SynthConfig config;
  config.kind = Kind::kParcels;
  config.subjects = 60;
  config.frames = 150;
  config.coupling = 0.2;
  return config;
}

double correlation(const std::vector<double>& series, std::size_t parcels, std::size_t a, std::size_t b) {
  double sa = 0, sb = 0, saa = 0, sbb = 0, sab = 0;
  const double n = static_cast<double>(series.size() / parcels);
  for (std::size_t i = 0; i < series.size(); i += parcels) {
    const double x = series[i + a], y = series[i + b];
    sa += x, sb += y, saa += x * x, sbb += y * y, sab += x * y;
  }
  return (sab - sa * sb / n) / std::sqrt((saa - sa * sa / n) * (sbb - sb * sb / n));
}

double mean_over(const std::vector<std::array<int, 2>>& edges, const std::vector<double>& series) {
  double sum = 0;
  for (const auto& e : edges)
    sum += correlation(series, 32, static_cast<std::size_t>(e[0]), static_cast<std::size_t>(e[1]));
  return sum / static_cast<double>(edges.size());
}

TEST(SynthParcels, SexIsInItsEdgesAndCognitionInOthers) {
  const SynthConfig config = small();
  const PlantedEdges edges = planted_edges(config);
  ASSERT_EQ(edges.sex.size(), 24u);
  ASSERT_EQ(edges.cognition.size(), 24u);
  std::set<std::array<int, 2>> all(edges.sex.begin(), edges.sex.end());
  all.insert(edges.cognition.begin(), edges.cognition.end());
  EXPECT_EQ(all.size(), 48u);
  double by_sex[2] = {}, other[2] = {}, scale[2] = {}, count[2] = {}, sum_uz = 0, sum_uu = 0, sum_u = 0, sum_z = 0;
  for (int s = 0; s < config.subjects; ++s) {
    const Phenotype p = draw_phenotype(config, s);
    const std::vector<double> series = draw_parcels(config, edges, s, 0);
    by_sex[p.sex] += mean_over(edges.sex, series);
    const double z = mean_over(edges.cognition, series);
    other[p.sex] += z;
    sum_uz += p.cognition_z * z;
    sum_uu += p.cognition_z * p.cognition_z;
    sum_u += p.cognition_z;
    sum_z += z;
    for (const double x : series) scale[p.sex] += x * x / static_cast<double>(series.size());
    ++count[p.sex];
  }
  // Correlations of 150 frames spread by about 0.13, their mean over 24 edges and 30 people by 0.005.
  EXPECT_NEAR(by_sex[1] / count[1] - by_sex[0] / count[0], config.coupling, 0.03);
  EXPECT_NEAR(other[1] / count[1], other[0] / count[0], 0.03);
  const double n = config.subjects;
  EXPECT_NEAR((sum_uz - sum_u * sum_z / n) / (sum_uu - sum_u * sum_u / n), config.coupling / 4, 0.015);
  EXPECT_NEAR(scale[1] / count[1], scale[0] / count[0], 0.05);
}

TEST(SynthParcels, WithoutEffectsTheClassesAreAlike) {
  SynthConfig config = small();
  config.sex_effect = 0;
  const PlantedEdges edges = planted_edges(config);
  double by_sex[2] = {}, count[2] = {};
  for (int s = 0; s < config.subjects; ++s) {
    const int sex = draw_phenotype(config, s).sex;
    by_sex[sex] += mean_over(edges.sex, draw_parcels(config, edges, s, 0));
    ++count[sex];
  }
  EXPECT_NEAR(by_sex[1] / count[1], by_sex[0] / count[0], 0.03);
}

TEST(SynthParcels, AreWrittenAsXcpDWritesThem) {
  const TemporaryDirectory folder;
  SynthConfig config = small();
  config.out = folder.path();
  config.subjects = 2;
  config.frames = 10;
  generate_cohort(config, 0, 1);
  const std::string stem = "sub-0002/func/sub-0002_task-rest";
  const io::Table series =
      io::Table::read(folder / (stem + "_space-MNI152NLin6Asym_seg-Synthetic_stat-mean_timeseries.tsv"));
  EXPECT_EQ(series.columns(), 32u);
  EXPECT_EQ(series.rows(), 10u);
  EXPECT_EQ(series.names().front(), "LH_Net1_1");
  EXPECT_NEAR(*series.number(3, 5), draw_parcels(config, planted_edges(config), 1, 0)[3 * 32 + 5], 1e-6);
  EXPECT_EQ(io::Table::read(folder / (stem + "_motion.tsv")).rows(), 10u);
  const io::Table labels = io::Table::read(folder / "atlas-Synthetic_dseg.tsv");
  ASSERT_EQ(labels.rows(), 32u);
  EXPECT_EQ(labels.names().at(4), "x");
  for (std::size_t p = 0; p < 32; ++p) EXPECT_EQ(labels.text(p, 2) == "L", *labels.number(p, 4) < 0) << p;
  EXPECT_EQ(io::Table::read(folder / "edges.tsv").rows(), 48u);
  EXPECT_EQ(io::Table::read(folder / "participants.tsv").rows(), 2u);
}

TEST(SynthParcels, RefuseMoreThanAParcelHolds) {
  SynthConfig config = small();
  config.out = "x";
  config.coupling = 0.5;
  expect_error<UsageError>([&] { validate(config); }, {"coupling=0.5", "1.50 of a parcel's variance"});
  config.parcels = 8;
  expect_error<UsageError>([&] { validate(config); }, {"edges is 24", "at most 14"});
}

TEST(SynthAtlas, HasBlobsAndCubesOnTheirSide) {
  SynthConfig config;
  const SynthAtlas atlas = make_atlas(config);
  const TemporaryDirectory folder;
  test::write_file(folder / "atlas.tsv", atlas.table);
  const io::Table table = io::Table::read(folder / "atlas.tsv");
  std::map<double, std::string> names;
  for (std::size_t r = 0; r < table.rows(); ++r) names[*table.number(r, 0)] = table.text(r, 1);
  EXPECT_EQ(names[1], "LH_A_1");
  EXPECT_EQ(names[12], "RH_C_2");
  EXPECT_GT(names.size(), 60u);
  write_atlas(config, atlas, folder / "atlas.nii.gz");
  io::NiftiReader reader(folder / "atlas.nii.gz");
  std::vector<float> image(reader.header().frame_voxels());
  reader.next_frame(image);
  const auto& a = reader.header().affine;
  std::set<float> seen;
  for (std::size_t v = 0; v < image.size(); ++v) {
    if (image[v] == 0) continue;
    seen.insert(image[v]);
    const double mm = a[0] * static_cast<double>(v % 24) + a[3];
    EXPECT_EQ(names[image[v]][0], mm < 0 ? 'L' : 'R');
  }
  EXPECT_EQ(seen.size(), names.size());
}

}  // namespace
}  // namespace brainmt::synth
