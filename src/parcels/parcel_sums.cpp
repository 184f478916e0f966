#include "parcels/parcel_sums.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/error.hpp"
#include "io/float16.hpp"

namespace brainmt::parcels {
namespace {

constexpr std::size_t kBlock = ParcelSums::kBlock;
// Voxels sorted by parcel at a time: their 16 frames, 128 KiB, stay in the second-level cache. Summing voxel by voxel
// instead takes four times as long on an AMD EPYC (Zen 3, 2026-11): each addition waits for the one before.
constexpr std::size_t kTile = 4096;

#if defined(__F16C__) && defined(__AVX2__)

// out[v * kBlock + f] of eight voxels, each to its slot, from eight rows.
void transpose_8x8(const std::uint16_t* const* rows, std::size_t at, const std::uint16_t* slots, std::uint16_t* out) {
  const auto row = [&](int f) { return _mm_loadu_si128(reinterpret_cast<const __m128i*>(rows[f] + at)); };
  const __m128i a0 = _mm_unpacklo_epi16(row(0), row(1)), a1 = _mm_unpackhi_epi16(row(0), row(1));
  const __m128i a2 = _mm_unpacklo_epi16(row(2), row(3)), a3 = _mm_unpackhi_epi16(row(2), row(3));
  const __m128i a4 = _mm_unpacklo_epi16(row(4), row(5)), a5 = _mm_unpackhi_epi16(row(4), row(5));
  const __m128i a6 = _mm_unpacklo_epi16(row(6), row(7)), a7 = _mm_unpackhi_epi16(row(6), row(7));
  const __m128i b0 = _mm_unpacklo_epi32(a0, a2), b1 = _mm_unpackhi_epi32(a0, a2);
  const __m128i b2 = _mm_unpacklo_epi32(a1, a3), b3 = _mm_unpackhi_epi32(a1, a3);
  const __m128i b4 = _mm_unpacklo_epi32(a4, a6), b5 = _mm_unpackhi_epi32(a4, a6);
  const __m128i b6 = _mm_unpacklo_epi32(a5, a7), b7 = _mm_unpackhi_epi32(a5, a7);
  const auto store = [&](int v, __m128i frames) {
    _mm_storeu_si128(reinterpret_cast<__m128i*>(out + slots[v] * kBlock), frames);
  };
  store(0, _mm_unpacklo_epi64(b0, b4));
  store(1, _mm_unpackhi_epi64(b0, b4));
  store(2, _mm_unpacklo_epi64(b1, b5));
  store(3, _mm_unpackhi_epi64(b1, b5));
  store(4, _mm_unpacklo_epi64(b2, b6));
  store(5, _mm_unpackhi_epi64(b2, b6));
  store(6, _mm_unpacklo_epi64(b3, b7));
  store(7, _mm_unpackhi_epi64(b3, b7));
}

// sums[f] += frames[v * kBlock + f] for each v in order.
void add_voxels(const std::uint16_t* frames, std::size_t voxels, double* sums) {
  __m256d s0 = _mm256_loadu_pd(sums), s1 = _mm256_loadu_pd(sums + 4);
  __m256d s2 = _mm256_loadu_pd(sums + 8), s3 = _mm256_loadu_pd(sums + 12);
  for (std::size_t v = 0; v < voxels; ++v, frames += kBlock) {
    const auto* const packed = reinterpret_cast<const __m128i*>(frames);
    const __m256 low = _mm256_cvtph_ps(_mm_loadu_si128(packed)), high = _mm256_cvtph_ps(_mm_loadu_si128(packed + 1));
    s0 = _mm256_add_pd(s0, _mm256_cvtps_pd(_mm256_castps256_ps128(low)));
    s1 = _mm256_add_pd(s1, _mm256_cvtps_pd(_mm256_extractf128_ps(low, 1)));
    s2 = _mm256_add_pd(s2, _mm256_cvtps_pd(_mm256_castps256_ps128(high)));
    s3 = _mm256_add_pd(s3, _mm256_cvtps_pd(_mm256_extractf128_ps(high, 1)));
  }
  _mm256_storeu_pd(sums, s0);
  _mm256_storeu_pd(sums + 4, s1);
  _mm256_storeu_pd(sums + 8, s2);
  _mm256_storeu_pd(sums + 12, s3);
}

constexpr std::size_t kVoxels = 8;  // that transpose_8x8() takes

#else

constexpr std::size_t kVoxels = std::numeric_limits<std::size_t>::max();
void transpose_8x8(const std::uint16_t* const*, std::size_t, const std::uint16_t*, std::uint16_t*) {}

void add_voxels(const std::uint16_t* frames, std::size_t voxels, double* sums) {
  for (std::size_t v = 0; v < voxels; ++v, frames += kBlock)
    for (std::size_t f = 0; f < kBlock; ++f) sums[f] += static_cast<double>(io::half_to_float(frames[f]));
}

#endif

// differ[v] |= row[v] ^ fill: values, not members, so that the loop becomes vectors.
void mark(const std::uint16_t* row, std::size_t voxels, std::uint16_t fill, std::uint16_t* differ) {
  for (std::size_t v = 0; v < voxels; ++v) differ[v] |= static_cast<std::uint16_t>(row[v] ^ fill);
}

}  // namespace

ParcelSums::ParcelSums(std::span<const std::uint16_t> columns, std::span<const float> weights, std::size_t parcels)
    : columns_(columns), weights_(weights), parcels_(parcels) {
  BRAINMT_CHECK(weights.empty() || weights.size() == columns.size(), "{} weights for {} voxels", weights.size(),
                columns.size());
  if (!weights.empty()) return;
  make_tiles();
  block_.resize(parcels_ * kBlock);
  scratch_.resize((kTile + 1) * kBlock);  // the last slot takes what has no parcel
}

// Counting sort of each tile's voxels by parcel, which keeps their order within a parcel.
void ParcelSums::make_tiles() {
  slots_.resize(columns_.size());
  std::vector<std::uint16_t> count(parcels_ + 1, 0), present;
  for (std::size_t first = 0; first < columns_.size(); first += kTile) {
    const std::span<const std::uint16_t> tile = columns_.subspan(first, std::min(kTile, columns_.size() - first));
    tiles_.push_back({static_cast<std::uint32_t>(first), static_cast<std::uint32_t>(tile.size()), segments_.size()});
    present.clear();
    for (const std::uint16_t column : tile)
      if (column != 0 && count[column]++ == 0) present.push_back(column);
    std::ranges::sort(present);
    std::uint16_t at = 0;
    for (const std::uint16_t column : present) {
      segments_.push_back({static_cast<std::uint16_t>(column - 1), at, count[column]});
      at = static_cast<std::uint16_t>(at + count[column]);
      count[column] = static_cast<std::uint16_t>(at - count[column]);  // the next slot of this parcel
    }
    for (std::size_t v = 0; v < tile.size(); ++v)
      slots_[first + v] = tile[v] == 0 ? static_cast<std::uint16_t>(kTile) : count[tile[v]]++;
    for (const std::uint16_t column : present) count[column] = 0;
  }
}

void ParcelSums::begin(std::uint16_t fill, std::size_t frames) {
  fill_ = fill;
  differ_.assign(columns_.size(), 0);
  complete_.assign(tiles_.size(), 0);
  sums_.clear();
  sums_.reserve(frames * parcels_);
}

void ParcelSums::add_block(const Rows& rows, std::size_t count) {
  std::ranges::fill(block_, 0.0);
  for (std::size_t t = 0; t < tiles_.size(); ++t) {
    const Tile& tile = tiles_[t];
    std::size_t v = tile.first;
    const std::size_t end = v + tile.count;
    for (; kVoxels <= end - v; v += kVoxels) {
      transpose_8x8(rows.data(), v, slots_.data() + v, scratch_.data());
      transpose_8x8(rows.data() + 8, v, slots_.data() + v, scratch_.data() + 8);
    }
    for (; v < end; ++v)
      for (std::size_t f = 0; f < kBlock; ++f) scratch_[slots_[v] * kBlock + f] = rows[f][v];
    const std::size_t last = t + 1 < tiles_.size() ? tiles_[t + 1].segments : segments_.size();
    for (std::size_t s = tile.segments; s < last; ++s) {
      const Segment& segment = segments_[s];
      add_voxels(scratch_.data() + segment.first * kBlock, segment.count, block_.data() + segment.parcel * kBlock);
    }
    if (complete_[t] != 0) continue;
    std::uint16_t* const differ = differ_.data() + tile.first;
    for (std::size_t f = 0; f < count; ++f) mark(rows[f] + tile.first, tile.count, fill_, differ);
    complete_[t] = std::find(differ, differ + tile.count, 0) == differ + tile.count ? 1 : 0;
  }
  const std::size_t before = sums_.size();
  sums_.resize(before + count * parcels_);
  for (std::size_t f = 0; f < count; ++f)
    for (std::size_t p = 0; p < parcels_; ++p) sums_[before + f * parcels_ + p] = block_[p * kBlock + f];
}

void ParcelSums::add_weighted(const std::uint16_t* frame, double* sums) {
  const double fill = io::half_to_float(fill_);
  for (std::size_t v = 0; v < columns_.size(); ++v) {
    differ_[v] |= static_cast<std::uint16_t>(frame[v] ^ fill_);
    if (columns_[v] == 0) continue;
    sums[columns_[v] - 1u] +=
        static_cast<double>(weights_[v]) * (static_cast<double>(io::half_to_float(frame[v])) - fill);
  }
}

void ParcelSums::add(std::span<const std::uint16_t> frames) {
  const std::size_t voxels = columns_.size(), count = frames.size() / voxels;
  BRAINMT_CHECK(frames.size() == count * voxels, "{} values are no frames of {} voxels", frames.size(), voxels);
  if (!weights_.empty()) {
    const std::size_t before = sums_.size();
    sums_.resize(before + count * parcels_);
    for (std::size_t f = 0; f < count; ++f)
      add_weighted(frames.data() + f * voxels, sums_.data() + before + f * parcels_);
    return;
  }
  for (std::size_t first = 0; first < count; first += kBlock) {
    const std::size_t rows = std::min(kBlock, count - first);
    Rows block;
    for (std::size_t f = 0; f < kBlock; ++f)  // a short block repeats its last row, whose sums are not kept
      block[f] = frames.data() + (first + std::min(f, rows - 1)) * voxels;
    add_block(block, rows);
  }
}

std::vector<std::uint8_t> ParcelSums::covered() const {
  std::vector<std::uint8_t> flags(differ_.size());
  for (std::size_t v = 0; v < flags.size(); ++v) flags[v] = differ_[v] != 0 ? 1 : 0;
  return flags;
}

ScanParcels ParcelSums::finish() const {
  const double fill = io::half_to_float(fill_);
  ScanParcels out;
  out.voxels.assign(parcels_, 0);
  std::vector<double> weight(parcels_, 0), filled(parcels_, 0);  // of covered voxels; how many others there are
  for (std::size_t v = 0; v < columns_.size(); ++v) {
    if (columns_[v] == 0) continue;
    const std::size_t p = columns_[v] - 1u;
    const double w = weights_.empty() ? 1.0 : static_cast<double>(weights_[v]);
    if (differ_[v] == 0) {
      filled[p] += 1;
    } else if (w > 0) {
      ++out.voxels[p];
      weight[p] += w;
    }
  }
  out.series.resize(sums_.size());
  for (std::size_t i = 0; i < sums_.size(); ++i) {
    const std::size_t p = i % parcels_;
    const double mean = weights_.empty() ? (sums_[i] - filled[p] * fill) / weight[p] : fill + sums_[i] / weight[p];
    out.series[i] = weight[p] > 0 ? static_cast<float>(mean) : std::numeric_limits<float>::quiet_NaN();
  }
  return out;
}

}  // namespace brainmt::parcels
