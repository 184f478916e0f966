#include "prepare/staged_scan.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "base/error.hpp"
#include "io/checksum.hpp"

namespace brainmt::prepare {
namespace {

constexpr std::array<char, 8> kMagic{'B', 'M', 'T', 'S', 'T', 'A', 'G', 'E'};
constexpr std::uint32_t kVersion = 3;
constexpr std::uint64_t kMaxReasonBytes = 64 << 10;
constexpr std::uint64_t kMaxParcels = 65536;
constexpr std::size_t kBlockBytes = std::size_t{4} << 20;

// Layout in the file, native byte order: a staging area is read on the machine that wrote it.
struct FileHeader {
  std::array<char, 8> magic = kMagic;
  std::uint32_t version = kVersion;
  std::uint32_t checksum = 0;  // of everything up to the frames, with this field 0
  std::array<char, 64> identity{};
  std::array<std::uint32_t, 3> grid{};
  std::uint32_t reason_bytes = 0;
  std::uint64_t voxels = 0, frames = 0;
  double mean = 0, std = 0;
  std::uint64_t fill = 0;
  std::array<std::uint32_t, 4> quality{};  // spikes, empty frames, frozen frames, dead slices
  std::uint64_t nan_voxels = 0;
  std::uint64_t parcels = 0;
};
static_assert(sizeof(FileHeader) == 168, "no padding: its bytes are hashed");

std::string pack_mask(const std::vector<std::uint8_t>& mask) {
  std::string bits((mask.size() + 7) / 8, '\0');
  for (std::size_t v = 0; v < mask.size(); ++v) {
    if (mask[v]) bits[v / 8] = static_cast<char>(static_cast<unsigned char>(bits[v / 8]) | (1u << (v % 8)));
  }
  return bits;
}

std::vector<std::uint8_t> unpack_mask(const std::string& bits, std::size_t voxels) {
  std::vector<std::uint8_t> mask(voxels);
  for (std::size_t v = 0; v < voxels; ++v) mask[v] = (static_cast<unsigned char>(bits[v / 8]) >> (v % 8)) & 1u;
  return mask;
}

std::uint32_t checksum_of(FileHeader header, const std::string& rest) {
  header.checksum = 0;
  std::string all(reinterpret_cast<const char*>(&header), sizeof header);
  all += rest;
  return io::crc32(std::as_bytes(std::span(all)));
}

}  // namespace

std::size_t StagedHeader::voxels() const { return static_cast<std::size_t>(std::ranges::count(mask, 1)); }

StagedWriter::StagedWriter(std::filesystem::path target, const StagedHeader& given)
    : target_(std::move(target)), temporary_(io::create_beside(target_)), rows_(given.rows()) {
  FileHeader header;
  BRAINMT_CHECK(given.identity.size() == header.identity.size(), "an identity is a SHA-256");
  std::ranges::copy(given.identity, header.identity.begin());
  header.grid = {given.grid.x, given.grid.y, given.grid.z};
  header.voxels = given.voxels();
  header.frames = given.frames;
  header.mean = given.statistics.mean;
  header.std = given.statistics.std;
  header.fill = given.statistics.fill;
  const io::ScanQuality& q = given.quality;
  header.quality = {q.spikes, q.empty_frames, q.frozen_frames, q.dead_slices};
  header.nan_voxels = given.nan_voxels;
  header.parcels = given.parcels;
  const std::string reason = given.reason.substr(0, kMaxReasonBytes);
  header.reason_bytes = static_cast<std::uint32_t>(reason.size());
  const std::string rest = reason + pack_mask(given.mask);
  header.checksum = checksum_of(header, rest);
  io::write_all(temporary_.fd, target_, std::as_bytes(std::span(&header, 1)));
  io::write_all(temporary_.fd, target_, rest);
}

StagedWriter::~StagedWriter() {
  if (!committed_) ::unlink(temporary_.path.c_str());
}

void StagedWriter::add_frame(std::span<const std::uint16_t> frame) {
  io::write_all(temporary_.fd, target_, std::as_bytes(frame));
  checksums_.push_back(io::crc32(std::as_bytes(frame)));
}

void StagedWriter::commit() {
  BRAINMT_CHECK(checksums_.size() == rows_, "{} of {} rows were staged", checksums_.size(), rows_);
  io::write_all(temporary_.fd, target_, std::as_bytes(std::span(checksums_)));
  int error = temporary_.fd.close();
  if (error == 0 && ::rename(temporary_.path.c_str(), target_.c_str()) != 0) error = errno;
  if (error != 0) throw OutputError(fmt::format("cannot write '{}': {}", target_.string(), io::errno_text(error)));
  committed_ = true;
}

StagedScan::StagedScan(const std::filesystem::path& path) : path_(path), file_(io::open_for_reading(path)) {
  const auto refuse = [&](const char* why) {
    throw DataError(fmt::format("'{}': {}; remove it and run again", path.string(), why));
  };
  const std::uint64_t size = io::file_size(file_, path);
  FileHeader header;
  if (size < sizeof header) refuse("too short for a staged scan");
  io::read_exactly(file_, path, 0, std::as_writable_bytes(std::span(&header, 1)));
  if (header.magic != kMagic || header.version != kVersion) refuse("no staged scan of this version");
  const std::uint64_t grid_voxels = std::uint64_t{header.grid[0]} * header.grid[1] * header.grid[2];
  const std::uint64_t rest = header.reason_bytes + (header.frames > 0 ? (grid_voxels + 7) / 8 : 0);
  const bool has_parcels = header.parcels > 0 && header.frames > 0;
  const std::uint64_t words = has_parcels ? 2 * header.parcels : header.voxels;
  const std::uint64_t rows = header.frames + (has_parcels ? 3 : 0), row_bytes = words * sizeof(std::uint16_t);
  const std::uint64_t frame_bytes = row_bytes + sizeof(std::uint32_t);
  if (std::ranges::max(header.grid) > 2048 || header.voxels > grid_voxels || header.reason_bytes > kMaxReasonBytes ||
      header.parcels > kMaxParcels || rest > size || header.frames > size / frame_bytes ||
      size != sizeof header + rest + rows * frame_bytes) {
    refuse("damaged, its size is not what its header says");
  }
  std::string described(rest, '\0');
  io::read_exactly(file_, path, sizeof header, std::as_writable_bytes(std::span(described)));
  if (checksum_of(header, described) != header.checksum) refuse("damaged, its header differs from its checksum");
  header_.identity.assign(header.identity.begin(), header.identity.end());
  header_.reason = described.substr(0, header.reason_bytes);
  header_.grid = {header.grid[0], header.grid[1], header.grid[2]};
  header_.frames = header.frames;
  header_.quality = {header.quality[0], header.quality[1], header.quality[2], header.quality[3]};
  header_.nan_voxels = header.nan_voxels;
  header_.statistics = {header.mean, header.std, static_cast<std::uint16_t>(header.fill)};
  if (header.frames > 0) header_.mask = unpack_mask(described.substr(header.reason_bytes), grid_voxels);
  header_.parcels = static_cast<std::uint32_t>(header.parcels);
  voxels_ = header.voxels;
  words_ = words;
  if (header_.voxels() != voxels_) refuse("damaged, its mask does not have its voxels");
  frames_at_ = sizeof header + rest;
  checksums_.resize(rows);
  io::read_exactly(file_, path, frames_at_ + rows * row_bytes, std::as_writable_bytes(std::span(checksums_)));
}

void StagedScan::read_frames(std::uint64_t first, std::span<std::uint16_t> out) const {
  const std::uint64_t count = out.size() / words_;
  BRAINMT_CHECK(out.size() == count * words_ && first + count <= checksums_.size(), "rows {}+{} are not there", first,
                count);
  io::read_exactly(file_, path_, frames_at_ + first * words_ * sizeof(std::uint16_t), std::as_writable_bytes(out));
  for (std::uint64_t f = 0; f < count; ++f) {
    if (io::crc32(std::as_bytes(out.subspan(f * words_, words_))) == checksums_[first + f]) continue;
    throw DataError(
        fmt::format("'{}': frame {} differs from its checksum; remove it and run again", path_.string(), first + f));
  }
}

void StagedScan::verify() const {
  if (header_.frames == 0) return;
  const std::uint64_t rows = checksums_.size();
  const std::uint64_t block_frames = std::clamp<std::uint64_t>(kBlockBytes / (words_ * sizeof(std::uint16_t)), 1, rows);
  std::vector<std::uint16_t> block(block_frames * words_);
  for (std::uint64_t first = 0; first < rows; first += block_frames) {
    const std::uint64_t count = std::min(block_frames, rows - first);
    read_frames(first, std::span(block).first(count * words_));
  }
}

}  // namespace brainmt::prepare
