#pragma once
// A small atlas and cohort of voxels to test with.
#include <array>
#include <cmath>
#include <filesystem>
#include <string>
#include <vector>

#include "base/philox.hpp"
#include "io/cohort_writer.hpp"
#include "io/float16.hpp"
#include "io/nifti.hpp"
#include "support/temporary_directory.hpp"

namespace brainmt::test {

using Affine = std::array<double, 16>;

/// Steps of `step` mm along the axes, the centre of the grid at 0.
inline Affine centred(const std::array<std::int64_t, 3>& shape, double step) {
  Affine affine{};
  for (std::size_t axis = 0; axis < 3; ++axis) {
    affine[5 * axis] = step;
    affine[4 * axis + 3] = -step * static_cast<double>(shape[axis] - 1) / 2;
  }
  affine[15] = 1;
  return affine;
}

/// Label of a point in mm: blocks of 8 mm by eights of space, numbers with gaps; 0 outside of a ball of 18 mm.
inline int label_at(const std::array<double, 3>& mm) {
  if (std::hypot(mm[0], mm[1], mm[2]) > 18) return 0;
  const auto block = [](double x) { return static_cast<int>(std::floor((x + 20) / 10)); };
  return 3 + 5 * (block(mm[0]) + 4 * (block(mm[1]) + 4 * block(mm[2])));
}

struct MadeAtlas {
  std::array<std::int64_t, 3> shape{};
  Affine affine{};
  std::vector<float> labels;  // X fastest

  MadeAtlas(const std::array<std::int64_t, 3>& extents, const Affine& to_mm) : shape(extents), affine(to_mm) {
    for (std::int64_t k = 0; k < shape[2]; ++k)
      for (std::int64_t j = 0; j < shape[1]; ++j)
        for (std::int64_t i = 0; i < shape[0]; ++i) {
          std::array<double, 3> mm{};
          for (std::size_t r = 0; r < 3; ++r)
            mm[r] = affine[4 * r] * static_cast<double>(i) + affine[4 * r + 1] * static_cast<double>(j) +
                    affine[4 * r + 2] * static_cast<double>(k) + affine[4 * r + 3];
          labels.push_back(static_cast<float>(label_at(mm)));
        }
  }

  void write(const std::filesystem::path& path, io::NiftiType type = io::NiftiType::kInt16) const {
    io::NiftiHeader header;
    header.dimensions = 3;
    header.shape = {shape[0], shape[1], shape[2], 1};
    header.type = type;
    header.affine = affine;
    io::write_nifti_gz(path, header,
                       [&](std::int64_t, std::span<float> frame) { std::ranges::copy(labels, frame.begin()); });
  }
};

/// 3 mm voxels, 14x13x12, a ball-shaped mask, scans of 20, 37 and 5 frames (`scans` of them, in turn) of noise whose
/// outermost voxels hold the fill value throughout.
inline io::CohortLayout made_layout(std::size_t scans) {
  io::CohortLayout layout;
  layout.grid = {14, 13, 12};
  layout.affine = centred({14, 13, 12}, 3);
  for (std::uint32_t y = 0; y < 13; ++y)
    for (std::uint32_t x = 0; x < 14; ++x)
      for (std::uint32_t z = 0; z < 12; ++z)
        if (std::hypot(x - 6.5, y - 6.0, z - 5.5) < 6.4) layout.voxels.push_back((y * 14 + x) * 12 + z);
  layout.normalization = "zscore";
  layout.processing = R"({"fill":"lowest"})";
  layout.provenance = "test";
  std::vector<double> age;
  for (std::size_t s = 0; s < scans; ++s) {
    constexpr std::array<std::uint64_t, 3> kFrames{20, 37, 5};
    layout.scans.push_back({.participant_id = "sub-0" + std::to_string(s),
                            .source = "sub-0" + std::to_string(s) + ".nii.gz",
                            .frames = kFrames[s % 3],
                            .repetition_time = 0.8});
    age.push_back(40 + static_cast<double>(s));
  }
  layout.phenotypes = {{"age", age}};
  return layout;
}

inline std::uint16_t made_fill(std::size_t scan) { return io::float_to_half(-3.25f - static_cast<float>(scan)); }

/// Packed frames of a scan, [frame, voxel].
inline std::vector<std::uint16_t> made_frames(const io::CohortLayout& layout, std::size_t scan) {
  Philox random(5, 2, scan);
  std::vector<std::uint16_t> frames(layout.scans[scan].frames * layout.voxels.size());
  for (std::uint16_t& value : frames) value = io::float_to_half(static_cast<float>(random.normal()));
  for (std::size_t i = 0; i < frames.size(); ++i) {
    const std::size_t v = i % layout.voxels.size();
    if (v < 40 + scan * 30 || v % 97 == 5) frames[i] = made_fill(scan);  // another head's voxels, and some inside
  }
  return frames;
}

inline void write_made_cohort(MPI_Comm comm, const std::filesystem::path& path, std::size_t scans) {
  const io::CohortLayout layout = made_layout(scans);
  io::CohortWriter writer(comm, path, layout);
  int rank = 0;
  MPI_Comm_rank(comm, &rank);
  for (std::size_t s = 0; rank == 0 && s < scans; ++s) {
    writer.write_frames(s, 0, made_frames(layout, s));
    writer.set_scan_statistics(s, {.mean = 100, .std = 10, .fill = made_fill(s)});
  }
  writer.commit();
}

}  // namespace brainmt::test
