#include "prepare/processing.hpp"

#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "base/error.hpp"
#include "io/float16.hpp"
#include "io/table.hpp"

namespace brainmt::prepare {
namespace {

constexpr std::array<std::string_view, 3> kNormalizations{"zscore", "minmax", "none"};

}  // namespace

Normalize parse_normalize(std::string_view word) {
  const auto found = std::ranges::find(kNormalizations, word);
  if (found == kNormalizations.end()) {
    throw UsageError(fmt::format("normalize is '{}', expected zscore, minmax or none", word));
  }
  return static_cast<Normalize>(found - kNormalizations.begin());
}

std::string_view name_of(Normalize normalize) { return kNormalizations[static_cast<std::size_t>(normalize)]; }

std::array<double, 16> Crop::affine(const std::array<double, 16>& whole) const {
  std::array<double, 16> moved = whole;
  for (std::size_t row = 0; row < 3; ++row) {
    for (std::size_t axis = 0; axis < 3; ++axis) moved[4 * row + 3] += whole[4 * row + axis] * first[axis];
  }
  return moved;
}

std::optional<Crop> parse_crop(const std::vector<std::int64_t>& ranges) {
  constexpr std::int64_t kFarthest = 1 << 15;
  if (ranges.empty()) return std::nullopt;
  Crop crop;
  bool good = ranges.size() == 6;
  for (std::size_t axis = 0; good && axis < 3; ++axis) {
    const std::int64_t first = ranges[2 * axis], last = ranges[2 * axis + 1];
    good = first >= 0 && first < last && last <= kFarthest;
    crop.first[axis] = static_cast<std::uint32_t>(first);
    crop.last[axis] = static_cast<std::uint32_t>(last);
  }
  if (!good) {
    throw UsageError(
        fmt::format("crop=[{}]: expected [x0, x1, y0, y1, z0, z1] with 0 <= x0 < x1 and so on; x1 is the first "
                    "voxel that is left out",
                    fmt::join(ranges, ", ")));
  }
  return crop;
}

std::optional<double> parse_fill(std::string_view text) {
  if (text == "lowest") return std::nullopt;
  const std::optional<double> value = io::parse_number(text);
  if (!value || std::abs(*value) > io::kHalfMax) {
    throw UsageError(
        fmt::format("fill is '{}', expected lowest or a number from -{} to {}", text, io::kHalfMax, io::kHalfMax));
  }
  return value;
}

Processing Processing::from_config(const config::Config& config) {
  return {.normalize = parse_normalize(config.get<std::string>("normalize")),
          .fill = parse_fill(config.get<std::string>("fill")),
          .crop = parse_crop(config.get<std::vector<std::int64_t>>("crop")),
          .tr = config.get<double>("tr"),
          .censor_fd = config.get<double>("censor_fd"),
          .censor_max = config.get<double>("censor_max"),
          .mask = config.get<std::string>("mask")};
}

std::string Processing::json() const {
  nlohmann::ordered_json used = nlohmann::ordered_json::object();
  if (crop) {
    const Crop& c = *crop;
    used["crop"] = {c.first[0], c.last[0], c.first[1], c.last[1], c.first[2], c.last[2]};
  }
  if (mask != "auto") used["mask"] = mask;
  if (tr > 0) used["tr"] = tr;
  if (censor_fd > 0) {
    used["censor_fd"] = censor_fd;
    used["censor_max"] = censor_max;
  }
  if (fill) {
    used["fill"] = *fill;
  } else {
    used["fill"] = "lowest";
  }
  return used.dump();
}

std::string Processing::series_json() const {
  nlohmann::ordered_json used = nlohmann::ordered_json::parse(json());
  for (const char* of_voxels : {"crop", "mask", "fill"}) used.erase(of_voxels);
  return used.dump();
}

std::string Processing::series_in_words() const {
  std::string text = "as in the tables";
  if (tr > 0) text += fmt::format("; resampled to {} s", tr);
  if (censor_fd > 0) text += fmt::format("; frames of more than {} mm displacement left out", censor_fd);
  return text;
}

std::string Processing::in_words() const {
  constexpr std::array<std::string_view, 3> kWords{"z-scored per scan", "scaled to 0..1 per scan", "as in the files"};
  std::string text(kWords[static_cast<std::size_t>(normalize)]);
  if (fill || normalize != Normalize::kZscore)
    text += fmt::format("; background {}", fill.value_or(0.0));
  else
    text += "; background is the scan's lowest value";
  if (crop) text += "; cropped";
  if (tr > 0) text += fmt::format("; resampled to {} s", tr);
  if (censor_fd > 0) text += fmt::format("; frames of more than {} mm displacement left out", censor_fd);
  return text;
}

std::string Processing::identity() const { return fmt::format("normalize={} {}", name_of(normalize), json()); }

}  // namespace brainmt::prepare
