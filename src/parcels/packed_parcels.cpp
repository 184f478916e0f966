#include "parcels/packed_parcels.hpp"

#include <algorithm>
#include <future>
#include <utility>

#include "base/error.hpp"
#include "io/float16.hpp"
#include "parcels/voxel_stat.hpp"

namespace brainmt::parcels {
namespace {

std::vector<std::uint32_t> image_voxels(std::span<const std::uint32_t> voxels, const Grid& grid) {
  std::vector<std::uint32_t> image;
  image.reserve(voxels.size());
  for (const std::uint32_t voxel : voxels) image.push_back(image_voxel(voxel, grid.shape));
  return image;
}

template <class T>
std::vector<T> taken(std::span<const T> from, const std::vector<std::uint32_t>& which) {
  std::vector<T> values;
  values.reserve(from.empty() ? 0 : which.size());
  for (const std::uint32_t index : which)
    if (!from.empty()) values.push_back(from[index]);
  return values;
}

}  // namespace

std::uint32_t image_voxel(std::uint32_t stored, const std::array<std::int64_t, 3>& shape) {
  const auto width = static_cast<std::uint32_t>(shape[0]), height = static_cast<std::uint32_t>(shape[1]),
             depth = static_cast<std::uint32_t>(shape[2]);
  const std::uint32_t z = stored % depth, x = stored / depth % width, y = stored / depth / width;
  return x + width * (y + height * z);
}

PackedParcels::PackedParcels(const GridParcels& parcels, std::span<const std::uint32_t> voxels,
                             std::span<const float> weights)
    : PackedParcels(parcels, Image{image_voxels(voxels, parcels.grid)}, weights) {}

PackedParcels::PackedParcels(const GridParcels& parcels, const Image& image, std::span<const float> weights)
    : parcels_(parcels),
      columns_(taken(std::span(parcels.column), image.voxels)),
      weights_(taken(weights, image.voxels)),
      sums_(columns_, weights_, parcels.parcels()) {
  constexpr std::uint32_t kOutside = 0xffffffff;
  std::vector<std::uint32_t> packed(parcels.grid.voxels(), kOutside);
  for (std::uint32_t v = 0; v < image.voxels.size(); ++v) packed[image.voxels[v]] = v;
  for (const GridParcels::Share& share : parcels.shares)
    if (packed[share.voxel] != kOutside) shares_.push_back({packed[share.voxel], share.count, share.parcel});
}

void PackedParcels::each_block(const Frames& read, std::uint64_t frames, const std::function<void()>& on_block,
                               const std::function<void(std::span<const std::uint16_t>)>& take) {
  // The next block is read while this one is summed.
  const auto begin_reading = [&](std::uint64_t first, std::vector<std::uint16_t>& into) {
    into.resize(std::min<std::uint64_t>(ParcelSums::kBlock, frames - first) * columns_.size());
    return std::async(std::launch::async, [&read, &into, first] { read(first, into); });
  };
  std::future<void> reading = begin_reading(0, chunk_[0]);
  for (std::uint64_t first = 0; first < frames; first += ParcelSums::kBlock) {
    reading.get();
    const std::uint64_t next = first + ParcelSums::kBlock;
    if (next < frames) reading = begin_reading(next, chunk_[1]);
    take(chunk_[0]);
    if (on_block) on_block();
    if (next < frames) reading.wait();
    std::swap(chunk_[0], chunk_[1]);
  }
}

ScanParcels PackedParcels::of_scan(const Frames& read, std::uint64_t frames, std::uint16_t fill, Stat stat,
                                   const std::function<void()>& on_block) {
  sums_.begin(fill, frames);
  each_block(read, frames, on_block, [&](std::span<const std::uint16_t> chunk) { sums_.add(chunk); });
  ScanParcels scan = sums_.finish();
  const std::vector<std::uint8_t> covered = sums_.covered();
  scan.coverage = coverage_of(shares_, parcels_.own, covered);
  if (stat == Stat::kMean) return scan;
  BRAINMT_CHECK(weights_.empty(), "weights go with the mean");
  VoxelStat values(columns_, covered, parcels_.parcels(), stat);
  std::vector<float> frame(columns_.size());
  scan.series.clear();
  each_block(read, frames, on_block, [&](std::span<const std::uint16_t> chunk) {
    for (std::size_t at = 0; at < chunk.size(); at += frame.size()) {
      io::halfs_to_floats(chunk.subspan(at, frame.size()), frame);
      values.add_row(frame, scan.series);
    }
  });
  return scan;
}

}  // namespace brainmt::parcels
