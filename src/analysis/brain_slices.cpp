#include "analysis/brain_slices.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "io/float16.hpp"

namespace brainmt::analysis {
namespace {

constexpr std::size_t kScans = 32;
constexpr int kLevels = 16;  // of grey
constexpr double kHeight = 190, kGap = 44, kMargin = 18;

// For each world axis (right, anterior, superior): which voxel axis follows it best, and whether backwards.
struct Axes {
  std::array<std::size_t, 3> axis{0, 1, 2};
  std::array<bool, 3> backwards{};
  bool known = false;
};

Axes axes_of(const std::array<double, 16>& a) {
  Axes axes;
  std::array<bool, 3> taken{};
  for (std::size_t world = 0; world < 3; ++world) {
    std::size_t best = 3;
    for (std::size_t axis = 0; axis < 3; ++axis)
      if (!taken[axis] && (best == 3 || std::abs(a[4 * world + axis]) > std::abs(a[4 * world + best]))) best = axis;
    if (!(std::abs(a[4 * world + best]) > 0)) return {};
    taken[best] = true;
    axes.axis[world] = best;
    axes.backwards[world] = a[4 * world + best] < 0;
  }
  axes.known = true;
  return axes;
}

// The volume seen along world axes: right, anterior, superior.
class View {
 public:
  View(const Volume& volume, const Axes& axes) : volume_(volume), axes_(axes) {
    const std::array<std::size_t, 3> extents{volume.grid.x, volume.grid.y, volume.grid.z};
    for (std::size_t w = 0; w < 3; ++w) {
      const std::size_t axis = axes.axis[w];
      extent_[w] = extents[axis];
      const double edge = std::hypot(volume.affine[axis], volume.affine[4 + axis], volume.affine[8 + axis]);
      millimetres_[w] = static_cast<double>(extent_[w]) * (edge > 0 ? edge : 1);
    }
  }

  std::size_t extent(std::size_t world) const { return extent_[world]; }
  double millimetres(std::size_t world) const { return millimetres_[world]; }
  float at(std::array<std::size_t, 3> voxel) const {
    std::array<std::size_t, 3> v{};
    for (std::size_t w = 0; w < 3; ++w) v[axes_.axis[w]] = axes_.backwards[w] ? extent_[w] - 1 - voxel[w] : voxel[w];
    return volume_.values[(v[1] * volume_.grid.x + v[0]) * volume_.grid.z + v[2]];
  }
  /// The middle of the voxels that are not NaN.
  std::array<std::size_t, 3> middle() const {
    std::array<double, 3> sum{};
    double count = 0;
    std::array<std::size_t, 3> p{};
    for (p[0] = 0; p[0] < extent_[0]; ++p[0])
      for (p[1] = 0; p[1] < extent_[1]; ++p[1])
        for (p[2] = 0; p[2] < extent_[2]; ++p[2]) {
          if (std::isnan(at(p))) continue;
          ++count;
          for (std::size_t w = 0; w < 3; ++w) sum[w] += static_cast<double>(p[w]);
        }
    std::array<std::size_t, 3> voxel{};
    for (std::size_t w = 0; w < 3 && count > 0; ++w) voxel[w] = static_cast<std::size_t>(std::lround(sum[w] / count));
    return voxel;
  }

 private:
  const Volume& volume_;
  Axes axes_;
  std::array<std::size_t, 3> extent_{};
  std::array<double, 3> millimetres_{};
};

// One slice: world axis `across` to the right, `up` upwards, `through` fixed.
struct Slice {
  std::size_t across, up, through;
  const char *left, *right, *top, *bottom;
};
constexpr std::array<Slice, 3> kSlices{{{1, 2, 0, "P", "A", "S", "I"},    // sagittal
                                        {0, 2, 1, "L", "R", "S", "I"},    // coronal
                                        {0, 1, 2, "L", "R", "A", "P"}}};  // axial

// One SVG path per grey level, of runs along rows: sharp at any zoom, and no embedded bitmap.
std::string grey_paths(const View& view, const Slice& slice, std::array<std::size_t, 3> voxel, float low, float high) {
  std::array<std::string, kLevels> paths;
  for (std::size_t row = 0; row < view.extent(slice.up); ++row) {
    int level = -1;
    std::size_t first = 0;
    const auto end = [&](std::size_t column) {
      if (level >= 0)
        paths[static_cast<std::size_t>(level)] +=
            fmt::format("M{} {}h{}v1h-{}z", first, view.extent(slice.up) - 1 - row, column - first, column - first);
    };
    for (std::size_t column = 0; column < view.extent(slice.across); ++column) {
      voxel[slice.across] = column;
      voxel[slice.up] = row;
      const float value = view.at(voxel);
      const float scaled = std::clamp((value - low) / (high - low), 0.0F, 1.0F);
      const int now = std::isnan(value) ? -1 : std::min(kLevels - 1, static_cast<int>(scaled * kLevels));
      if (now == level) continue;
      end(column);
      level = now;
      first = column;
    }
    end(view.extent(slice.across));
  }
  std::string svg;
  for (int level = 0; level < kLevels; ++level) {
    const int grey = 28 + level * 227 / (kLevels - 1);
    if (const std::string& path = paths[static_cast<std::size_t>(level)]; !path.empty())
      svg += fmt::format("<path fill=\"#{0:02x}{0:02x}{0:02x}\" d=\"{1}\"/>\n", grey, path);
  }
  return svg;
}

// The edges between voxels inside and outside of the mask.
std::string outline(const View& view, const Slice& slice, std::array<std::size_t, 3> voxel) {
  const auto width = static_cast<int>(view.extent(slice.across)), height = static_cast<int>(view.extent(slice.up));
  const auto inside = [&](int column, int row) {
    if (column < 0 || row < 0 || column >= width || row >= height) return false;
    voxel[slice.across] = static_cast<std::size_t>(column);
    voxel[slice.up] = static_cast<std::size_t>(row);
    return !std::isnan(view.at(voxel));
  };
  std::string path;
  for (int row = 0; row < height; ++row)
    for (int column = 0; column < width; ++column) {
      if (inside(column, row) != inside(column - 1, row)) path += fmt::format("M{} {}v1", column, height - 1 - row);
      if (inside(column, row) != inside(column, row - 1)) path += fmt::format("M{} {}h1", column, height - row);
      if (column == width - 1 && inside(column, row)) path += fmt::format("M{} {}v1", width, height - 1 - row);
      if (row == height - 1 && inside(column, row)) path += fmt::format("M{} 0h1", column);
    }
  return fmt::format(
      "<path fill=\"none\" stroke=\"#c8502b\" stroke-width=\"1.4\" vector-effect=\"non-scaling-stroke\" "
      "d=\"{}\"/>\n",
      path);
}

std::string letter(double x, double y, const char* text) {
  return fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"middle\">{}</text>\n", x, y, text);
}

}  // namespace

Volume mean_image(const io::Cohort& cohort) {
  Volume volume{cohort.layout().grid, cohort.layout().affine, {}};
  std::vector<double> sum(volume.grid.voxels(), 0), count(volume.grid.voxels(), 0);
  const std::size_t scans = cohort.scans().size(), step = (scans + kScans - 1) / kScans;
  for (std::size_t s = 0; s < scans; s += step) {
    if (!cohort.usable(s)) continue;
    const std::vector<std::uint32_t> voxels = cohort.voxels_of(s);
    std::vector<std::uint16_t> frame(voxels.size());
    for (const std::uint64_t t : {std::uint64_t{0}, cohort.scans()[s].frames / 2}) {
      cohort.read_window(s, t, frame, io::Cohort::Verify::kNo);
      for (std::size_t v = 0; v < voxels.size(); ++v) {
        const float value = io::half_to_float(frame[v]);
        if (!std::isfinite(value)) continue;
        sum[voxels[v]] += value;
        ++count[voxels[v]];
      }
    }
  }
  volume.values.resize(sum.size());
  for (std::size_t v = 0; v < sum.size(); ++v)
    volume.values[v] = count[v] > 0 ? static_cast<float>(sum[v] / count[v]) : std::numeric_limits<float>::quiet_NaN();
  return volume;
}

Figure slices_figure(const Volume& volume) {
  const Axes axes = axes_of(volume.affine);
  const View view(volume, axes);
  const auto middle = view.middle();
  std::vector<float> known;
  std::ranges::copy_if(volume.values, std::back_inserter(known), [](float v) { return !std::isnan(v); });
  if (known.empty()) return {};
  std::ranges::sort(known);
  const float low = known[known.size() / 50], high = std::max(known[known.size() - 1 - known.size() / 50], low + 1e-6F);
  std::string body;
  double x = kMargin;
  for (const Slice& slice : kSlices) {
    const double width = kHeight * view.millimetres(slice.across) / view.millimetres(slice.up);
    body += fmt::format(
        "<svg x=\"{:.1f}\" y=\"{}\" width=\"{:.1f}\" height=\"{}\" viewBox=\"0 0 {} {}\" "
        "preserveAspectRatio=\"none\">\n<g shape-rendering=\"crispEdges\">{}</g>\n{}</svg>\n",
        x, kMargin, width, kHeight, view.extent(slice.across), view.extent(slice.up),
        grey_paths(view, slice, middle, low, high), outline(view, slice, middle));
    if (axes.known)
      body +=
          letter(x - 8, kMargin + kHeight / 2, slice.left) + letter(x + width + 8, kMargin + kHeight / 2, slice.right) +
          letter(x + width / 2, kMargin - 5, slice.top) + letter(x + width / 2, kMargin + kHeight + 14, slice.bottom);
    x += width + kGap;
  }
  const double width = x - kGap + kMargin, height = kHeight + 2 * kMargin;
  return {.title = "Mean image and mask",
          .svg = fmt::format("<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{0:.0f}\" height=\"{1:.0f}\" "
                             "viewBox=\"0 0 {0:.0f} {1:.0f}\" font-family=\"Helvetica, Arial, sans-serif\" "
                             "font-size=\"13\" fill=\"#333333\">\n{2}</svg>\n",
                             width, height, body),
          .note = axes.known
                      ? "Sagittal, coronal and axial slice through the middle of the mask (red outline); mean of "
                        "some frames of up to 32 scans, as stored. Sides are those of the participant: L is left."
                      : "Slices through the middle of the mask (red outline); the cohort's affine does not say "
                        "which side is which."};
}

}  // namespace brainmt::analysis
