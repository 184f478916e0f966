// Which scans share a space, and which are in MNI space; the words for those that are not.
#include "prepare/space.hpp"

#include <gtest/gtest.h>

namespace brainmt::prepare {
namespace {

HeaderRow row(std::array<std::int64_t, 4> shape, std::array<double, 16> affine) {
  io::NiftiHeader header;
  header.shape = shape;
  header.repetition_time = 0.735;
  header.affine = affine;
  return HeaderRow::of(header);
}

constexpr std::array<std::int64_t, 4> kMni{91, 109, 91, 490};
constexpr std::array<double, 16> kFsl{-2, 0, 0, 90, 0, 2, 0, -126, 0, 0, 2, -72, 0, 0, 0, 1};
constexpr std::array<double, 16> kRas{2, 0, 0, -90, 0, 2, 0, -126, 0, 0, 2, -72, 0, 0, 0, 1};

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

TEST(Space, BothDirectionsOfXAreMni) {
  EXPECT_EQ(mni_objection(row(kMni, kFsl), "x.nii"), "");
  EXPECT_EQ(mni_objection(row(kMni, kRas), "x.nii"), "");
  auto rounded = kFsl;
  rounded[3] += 5e-4;
  EXPECT_EQ(mni_objection(row(kMni, rounded), "x.nii"), "");
}

TEST(Space, EverythingElseIsRefusedWithTheCommand) {
  const std::string native = mni_objection(row({88, 88, 64, 490}, kFsl), "a/b.nii.gz");
  EXPECT_TRUE(has(native, "a grid of 88x88x64, expected MNI152 2 mm: 91x109x91")) << native;
  EXPECT_TRUE(has(native, "flirt -in a/b.nii.gz -ref $FSLDIR/data/standard/MNI152_T1_2mm")) << native;
  EXPECT_TRUE(has(native, "space=native"));
  auto mixed = kFsl;  // FSL's origin with the other step: a mirrored brain outside of the volume
  mixed[0] = 2;
  EXPECT_TRUE(has(mni_objection(row(kMni, mixed), "x"), "steps 2, 2, 2 mm and origin 90, -126, -72"));
  auto shifted = kRas;
  shifted[7] = -125;
  EXPECT_FALSE(mni_objection(row(kMni, shifted), "x").empty());
  auto upside_down = kFsl;
  upside_down[10] = -2;
  upside_down[11] = 108;
  EXPECT_FALSE(mni_objection(row(kMni, upside_down), "x").empty());
}

TEST(Space, AFlippedAxisIsAnotherSpaceAndSaysSo) {
  EXPECT_EQ(space_difference(row(kMni, kFsl), row(kMni, kFsl)), "");
  EXPECT_FALSE(row(kMni, kFsl).same_space(row(kMni, kRas)));
  const std::string flipped = space_difference(row(kMni, kRas), row(kMni, kFsl));
  EXPECT_TRUE(has(flipped, "its x axis is stored the other way round")) << flipped;
  auto y = kFsl;
  y[5] = -2;
  EXPECT_TRUE(has(space_difference(row(kMni, y), row(kMni, kFsl)), "its y axis is stored"));
}

TEST(Space, OtherDifferences) {
  EXPECT_EQ(space_difference(row({90, 109, 91, 5}, kFsl), row(kMni, kFsl)),
            "has a grid of 90x109x91, most scans have 91x109x91; resample it");
  auto shifted = kFsl;
  shifted[3] = 91;
  EXPECT_EQ(space_difference(row(kMni, shifted), row(kMni, kFsl)),
            "its affine differs from that of most scans; bring it into the same space");
  auto two = kFsl;  // two flipped axes are a rotation: no single axis to name
  two[0] = 2;
  two[5] = -2;
  EXPECT_TRUE(has(space_difference(row(kMni, two), row(kMni, kFsl)), "bring it into the same space"));
}

}  // namespace
}  // namespace brainmt::prepare
