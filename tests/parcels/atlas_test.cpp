// Atlases and label tables: every way to store one gives the same parcels, and what cannot be right is refused.
#include "parcels/atlas.hpp"

#include <gtest/gtest.h>

#include "base/error.hpp"
#include "made_atlas.hpp"
#include "parcels/label_table.hpp"
#include "parcels/regrid.hpp"
#include "support/expect_error.hpp"
#include "support/nifti_bytes.hpp"

namespace brainmt::parcels {
namespace {

using test::expect_error;
using test::MadeAtlas;
using test::NiftiBytes;
using test::write_file;

constexpr std::array<std::int64_t, 3> kShape{21, 20, 19};

class Atlases : public testing::Test {
 protected:
  Atlases() { made_.write(path_); }

  Atlas read(const std::string& name) const { return read_atlas(directory_ / name, {}, /*trust=*/false); }
  // The data's grid: other steps, axes and origin than the atlas'.
  GridParcels on_grid(const Atlas& atlas) const {
    return regrid(atlas, {{14, 13, 12}, test::centred({14, 13, 12}, 3)});
  }
  // Bytes with these labels; `code` and `bits` of the NIfTI type.
  template <class T>
  NiftiBytes bytes(int code, bool swapped = false, int version = 1) const {
    NiftiBytes file({kShape[0], kShape[1], kShape[2], 1}, code, 8 * sizeof(T), version, swapped);
    for (std::size_t r = 0; r < 3; ++r)
      for (std::size_t c = 0; c < 4; ++c) file.set_srow(r, c, made_.affine[4 * r + c]);
    std::vector<T> labels;
    for (const float label : made_.labels) labels.push_back(static_cast<T>(label));
    file.append(labels);
    return file;
  }
  void expect_same(const std::string& name) const {
    const Atlas first = read("atlas.nii.gz"), other = read(name);
    EXPECT_EQ(other.parcels.index, first.parcels.index) << name;
    const GridParcels a = on_grid(first), b = on_grid(other);
    EXPECT_EQ(a.column, b.column) << name;
    for (std::size_t p = 0; p < first.parcels.size(); ++p)
      for (std::size_t axis = 0; axis < 3; ++axis)
        ASSERT_NEAR(other.parcels.centroid[p][axis], first.parcels.centroid[p][axis], 1e-5) << name << " " << p;
    ASSERT_EQ(a.shares.size(), b.shares.size()) << name;
    for (std::size_t i = 0; i < a.shares.size(); ++i) {
      EXPECT_EQ(a.shares[i].voxel, b.shares[i].voxel) << name;
      EXPECT_EQ(a.shares[i].count, b.shares[i].count) << name;
    }
  }

  const test::TemporaryDirectory directory_;
  const std::filesystem::path path_ = directory_ / "atlas.nii.gz";
  const MadeAtlas made_{kShape, test::centred(kShape, 2)};
};

TEST_F(Atlases, ParcelsAscendAndKnowTheirCentre) {
  const Atlas atlas = read("atlas.nii.gz");
  ASSERT_GT(atlas.parcels.size(), 20u);
  EXPECT_TRUE(std::ranges::is_sorted(atlas.parcels.index));
  EXPECT_EQ(atlas.parcels.name.front(), std::to_string(atlas.parcels.index.front())) << "without a table";
  for (std::size_t p = 0; p < atlas.parcels.size(); ++p)
    EXPECT_EQ(test::label_at(atlas.parcels.centroid[p]), atlas.parcels.index[p]) << "blocks are convex";
  EXPECT_EQ(atlas.parcels.atlas_sha256.size(), 64u);
}

TEST_F(Atlases, EveryNumberTypeAndByteOrderIsTheSame) {
  made_.write(directory_ / "float.nii.gz", io::NiftiType::kFloat32);
  expect_same("float.nii.gz");
  write_file(directory_ / "u16.nii", bytes<std::uint16_t>(512).bytes());
  expect_same("u16.nii");
  write_file(directory_ / "big.nii", bytes<std::int32_t>(8, /*swapped=*/true).bytes());
  expect_same("big.nii");
  write_file(directory_ / "double.nii.gz", test::gzipped(bytes<double>(64, true, 2).bytes()));
  expect_same("double.nii.gz");
  NiftiBytes scaled = bytes<std::int64_t>(1024);
  scaled.set_scaling(1.0000001, 0.0002);
  write_file(directory_ / "scaled.nii", scaled.bytes());
  expect_same("scaled.nii");
}

TEST_F(Atlases, LabelsOfOneByteAreTheSame) {
  MadeAtlas small = made_;
  for (float& label : small.labels) label = static_cast<float>(static_cast<int>(label) % 200);
  small.write(directory_ / "atlas.nii.gz");
  NiftiBytes file({kShape[0], kShape[1], kShape[2], 1}, 2, 8);
  for (std::size_t r = 0; r < 3; ++r)
    for (std::size_t c = 0; c < 4; ++c) file.set_srow(r, c, made_.affine[4 * r + c]);
  file.append(std::vector<std::uint8_t>(small.labels.begin(), small.labels.end()));
  write_file(directory_ / "u8.nii", file.bytes());
  expect_same("u8.nii");
}

// Axes stored the other way round, or in another order, with the affine to match.
TEST_F(Atlases, EveryOrientationIsTheSame) {
  const auto at = [&](std::int64_t i, std::int64_t j, std::int64_t k) {
    return made_.labels[static_cast<std::size_t>(i + kShape[0] * (j + kShape[1] * k))];
  };
  MadeAtlas flipped = made_;
  flipped.affine[0] = -flipped.affine[0];
  flipped.affine[3] = -flipped.affine[3];
  MadeAtlas turned({kShape[2], kShape[0], kShape[1]}, made_.affine);  // z, x, y
  for (std::size_t r = 0; r < 3; ++r) {
    turned.affine[4 * r] = made_.affine[4 * r + 2];
    turned.affine[4 * r + 1] = made_.affine[4 * r];
    turned.affine[4 * r + 2] = made_.affine[4 * r + 1];
  }
  for (std::int64_t k = 0; k < kShape[2]; ++k)
    for (std::int64_t j = 0; j < kShape[1]; ++j)
      for (std::int64_t i = 0; i < kShape[0]; ++i) {
        flipped.labels[static_cast<std::size_t>(i + kShape[0] * (j + kShape[1] * k))] = at(kShape[0] - 1 - i, j, k);
        turned.labels[static_cast<std::size_t>(k + kShape[2] * (i + kShape[0] * j))] = at(i, j, k);
      }
  flipped.write(directory_ / "flipped.nii.gz");
  expect_same("flipped.nii.gz");
  turned.write(directory_ / "turned.nii.gz");
  expect_same("turned.nii.gz");
}

TEST_F(Atlases, CentresHalfWayGoUp) {
  // Data voxels of 1 mm on an atlas of 2 mm: c = i / 2 - 0.25 or, moved by half a voxel, exactly half way.
  MadeAtlas line({4, 1, 1}, {2, 0, 0, 0, 0, 2, 0, 0, 0, 0, 2, 0, 0, 0, 0, 1});
  line.labels = {1, 2, 3, 4};
  line.write(directory_ / "line.nii.gz");
  const Atlas atlas = read("line.nii.gz");
  const GridParcels parcels = regrid(atlas, {{8, 1, 1}, {1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1}});
  EXPECT_EQ(parcels.column, (std::vector<std::uint16_t>{1, 2, 2, 3, 3, 4, 4, 0})) << "1 mm is half way from 0 to 2";
  EXPECT_EQ(parcels.moved, 3u);
  EXPECT_EQ(parcels.lost, 0u);
  EXPECT_EQ(parcels.labelled, 7u);
  // Rounding to 1e-6 lets no last bit decide.
  const GridParcels near = regrid(atlas, {{8, 1, 1}, {1, 0, 0, -1e-8, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1}});
  EXPECT_EQ(near.column, parcels.column);
}

TEST_F(Atlases, LostVoxelsAndEmptyParcelsAreSaid) {
  const Atlas atlas = read("atlas.nii.gz");
  const GridParcels half = regrid(atlas, {{14, 13, 6}, test::centred({14, 13, 12}, 3)});  // the lower half
  EXPECT_GT(half.lost, 0u);
  ASSERT_FALSE(half.empty.empty());
  const std::string text = describe(half, atlas);
  EXPECT_NE(text.find("(lost)"), std::string::npos) << text;
  EXPECT_NE(text.find(fmt::format("{} without a voxel: {}", half.empty.size(), atlas.parcels.name[half.empty.front()])),
            std::string::npos)
      << text;
}

TEST_F(Atlases, WhatIsNoLabelImageIsRefused) {
  const auto refused = [&](NiftiBytes file, std::initializer_list<std::string> parts) {
    write_file(directory_ / "x.nii", file.bytes());
    expect_error<DataError>([&] { read("x.nii"); }, parts);
  };
  const std::vector<float> zeros(8, 0), negative{0, 1, -2, 3, 0, 0, 0, 0}, share{0, 0.25f, 1, 1, 1, 1, 1, 1},
      large{65536, 1, 1, 1, 1, 1, 1, 1}, none{std::nanf(""), 1, 1, 1, 1, 1, 1, 1};
  const auto image = [](const std::vector<float>& values) { return NiftiBytes({2, 2, 2, 1}, 16, 32).append(values); };
  refused(image(zeros), {"x.nii", "every voxel is 0"});
  refused(image(negative), {"a voxel is -2"});
  refused(image(share), {"a voxel is 0.25", "maximum-probability"});
  refused(image(large), {"a voxel is 65536"});
  refused(image(none), {"a voxel is nan"});
  refused(NiftiBytes({2, 2, 1, 2}, 16, 32).append(share), {"2 volumes", "maximum-probability"});
  NiftiBytes unknown = image({1, 1, 1, 1, 2, 2, 2, 2});
  unknown.set_sform_code(0);
  refused(unknown, {"orientation"});
  const Atlas atlas = read("atlas.nii.gz");
  Grid far{{14, 13, 12}, test::centred({14, 13, 12}, 3)};
  far.affine[3] += 500;
  expect_error<DataError>([&] { regrid(atlas, far); }, {"does not overlap", "x -20 to 20", "x 480 to 520"});
}

TEST_F(Atlases, TablesOfEveryKindNameTheParcels) {
  const auto expect_named = [&](const std::string& name, const std::string& text, const std::string& network) {
    write_file(directory_ / name, text);
    const LabelTable table = read_label_table(directory_ / name);
    ASSERT_EQ(table.labels.size(), 2u) << name;
    EXPECT_EQ(table.labels.at(2).name, "LH_Vis_1") << name;
    EXPECT_EQ(table.labels.at(2).hemisphere, "L") << name;
    EXPECT_EQ(table.labels.at(7).name, "7Networks_RH_Default_2") << name;
    EXPECT_EQ(table.labels.at(7).hemisphere, "R") << name;
    EXPECT_EQ(table.labels.at(2).network, network) << name;
  };
  expect_named("dseg.tsv",
               "index\tname\themisphere\tnetwork_label\n2\tLH_Vis_1\tL\tVis\n7\t7Networks_RH_Default_2\tn/a\tDefault\n",
               "Vis");
  expect_named("a.csv",
               "Index,Label,color,label_7network\n7,7Networks_RH_Default_2,#fff,Default\n2,LH_Vis_1,#000,Vis\n", "Vis");
  expect_named("cbig.txt", "2\tLH_Vis_1\t120\t18\t131\t0\n7\t7Networks_RH_Default_2\t1\t2\t3\t0\n", "");
  expect_named(
      "LUT.txt",
      "#No. Label Name:  R G B A\n\n0   Unknown   0 0 0 0\n2   LH_Vis_1  70 130 180 0\n7 7Networks_RH_Default_2 1 2 3 0\r\n",
      "");
}

TEST_F(Atlases, TablesThatDoNotFitAreRefusedOrSaid) {
  const auto refused = [&](const std::string& text, std::initializer_list<std::string> parts) {
    write_file(directory_ / "t.tsv", text);
    expect_error<DataError>([&] { read_label_table(directory_ / "t.tsv"); }, parts);
  };
  refused("name\tx\nA\t1\n", {"t.tsv", "index and name"});
  refused("index\tname\n1\tA\n1\tB\n", {"line 3", "index 1 occurs twice"});
  refused("index\tname\n1.5\tA\n", {"line 2", "1.5"});
  refused("index\tname\n1\t\n", {"line 2", "no name"});
  refused("1 Precentral_L 2001\n", {"line 1", "3 fields"});
  refused("# only a comment\n", {"no row"});

  const Atlas plain = read("atlas.nii.gz");
  std::string text = "index\tname\n";
  for (std::size_t p = 1; p < plain.parcels.size(); ++p)
    text += fmt::format("{}\tParcel{}\n", plain.parcels.index[p], p);
  write_file(directory_ / "t.tsv", text + "60001\tNowhere\n");
  const Atlas named = read_atlas(path_, directory_ / "t.tsv", /*trust=*/false);
  EXPECT_EQ(named.parcels.name[1], "Parcel1");
  EXPECT_EQ(named.parcels.name[0], std::to_string(named.parcels.index[0]));
  ASSERT_EQ(named.warnings.size(), 1u);
  EXPECT_NE(named.warnings[0].find("1 of"), std::string::npos) << named.warnings[0];
  ASSERT_EQ(named.notes.size(), 1u);
  EXPECT_NE(named.notes[0].find("60001"), std::string::npos) << named.notes[0];
}

TEST_F(Atlases, CoordinatesOfTheTableGoFirst) {
  const Atlas alone = read("atlas.nii.gz");
  const auto table = [&](double apart) {
    std::string text = "index\tname\tX\tY\tZ\n";
    for (std::size_t p = 0; p + 1 < alone.parcels.size(); ++p) {
      const auto& mm = alone.parcels.centroid[p];
      text += fmt::format("{}\tp{}\t{}\t{}\t{}\n", alone.parcels.index[p], p, mm[0], mm[1] + apart, mm[2]);
    }
    write_file(directory_ / "places.tsv", text);
    return directory_ / "places.tsv";
  };
  const Atlas near = read_atlas(path_, table(3), /*trust=*/false);
  EXPECT_NEAR(near.parcels.centroid[0][1], alone.parcels.centroid[0][1] + 3, 1e-9);
  EXPECT_EQ(near.parcels.centroid.back(), alone.parcels.centroid.back());  // no row: the image's centre
  EXPECT_NE(near.notes.back().find("3.0 mm (median"), std::string::npos) << near.notes.back();
  expect_error<DataError>([&] { read_atlas(path_, table(30), /*trust=*/false); },
                          {"30.0 mm", "do not belong together"});
  EXPECT_NO_THROW(read_atlas(path_, table(30), /*trust=*/true));
  write_file(directory_ / "odd.tsv", "index\tname\tx\ty\tz\n3\tA\t1\tn/a\t2\n");
  expect_error<DataError>([&] { read_label_table(directory_ / "odd.tsv"); }, {"line 2", "1 of them missing"});
  write_file(directory_ / "odd.tsv", "index\tname\tx\ty\tz\n3\tA\t1\tfar\t2\n");
  expect_error<DataError>([&] { read_label_table(directory_ / "odd.tsv"); }, {"line 2", "far"});
}

TEST_F(Atlases, AFlippedImageIsToldByItsTable) {
  const Atlas plain = read("atlas.nii.gz");
  std::string right = "index\tname\n", wrong = right;
  for (std::size_t p = 0; p < plain.parcels.size(); ++p) {
    const bool left = plain.parcels.centroid[p][0] < 0;
    right += fmt::format("{}\t{}_{}\n", plain.parcels.index[p], left ? "LH" : "RH", p);
    wrong += fmt::format("{}\t{}_{}\n", plain.parcels.index[p], left ? "RH" : "LH", p);
  }
  write_file(directory_ / "right.tsv", right);
  write_file(directory_ / "wrong.tsv", wrong);
  EXPECT_TRUE(read_atlas(path_, directory_ / "right.tsv", false).warnings.empty());
  expect_error<DataError>([&] { read_atlas(path_, directory_ / "wrong.tsv", false); },
                          {"other one", "atlas.trust=true"});
  EXPECT_EQ(read_atlas(path_, directory_ / "wrong.tsv", true).warnings.size(), 1u);
}

}  // namespace
}  // namespace brainmt::parcels
