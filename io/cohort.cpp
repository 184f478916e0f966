#include "io/cohort.hpp"

#include <algorithm>
#include <numeric>
#include <tuple>
#include <utility>

#include "base/error.hpp"
#include "base/log.hpp"
#include "io/checksum.hpp"
#include "io/cohort_index.hpp"
#include "io/file_kind.hpp"

namespace brainmt::io {
namespace {

// The scans of all files, by file and by row in it.
struct ScanInFile {
  std::uint32_t file = 0, scan = 0;
};

std::vector<ScanInFile> scans_by_source(const std::vector<CohortFile>& files) {
  std::vector<ScanInFile> order;
  for (std::uint32_t f = 0; f < files.size(); ++f)
    for (std::uint32_t s = 0; s < files[f].description.scans.size(); ++s) order.push_back({f, s});
  std::ranges::sort(order, {}, [&](const ScanInFile& p) {
    const CohortScan& scan = files[p.file].description.scans[p.scan];
    return std::tie(scan.source, scan.participant_id);  // unique for each scan
  });
  return order;
}

// The column `index` of all files, in the given order.
template <class T>
PhenotypeColumn merged_column(const std::vector<CohortFile>& files, const std::vector<ScanInFile>& order,
                              std::size_t index) {
  std::vector<T> values;
  values.reserve(order.size());
  for (const ScanInFile& p : order) {
    values.push_back(std::get<std::vector<T>>(files[p.file].description.phenotypes[index].values)[p.scan]);
  }
  return {files.front().description.phenotypes[index].name, std::move(values)};
}

// Equal for cohorts whose scans have the same frames in the same order.
std::string key_of(const std::vector<CohortFile>& files) {
  constexpr std::size_t kDigits = 32;
  Sha256 digest;
  for (const CohortFile& file : files) {
    const std::string of_file = file.digest();
    digest.update(std::as_bytes(std::span(of_file)));
  }
  return digest.finish().substr(0, kDigits);
}

}  // namespace

Cohort::Cohort(const std::filesystem::path& path, const ReadSettings& reading) : path_(path), reading_(reading) {
  refuse_other_kinds(path, FileKind::kHdf5, "a cohort");
  const Hdf5Reader file(path);
  if (is_cohort_index(file)) {
    files_ = read_shards(file, path);
    merge();
  } else {
    files_.push_back(read_cohort_file(file, path));
    layout_ = files_.front().description;
    file_of_.assign(layout_.scans.size(), 0);
    row_of_.resize(layout_.scans.size());
    std::iota(row_of_.begin(), row_of_.end(), 0u);
  }
  quarantined_ = read_quarantine(path, layout_.scans);
  if (!reading.cache.directory.empty()) cache_ = std::make_unique<NodeCache>(reading.cache, key_of(files_));
  if (quarantined() > 0)
    log::info("'{}' takes {} of {} scans out of use", quarantine_file(path).string(), quarantined(), scans().size());
}

void Cohort::merge() {
  const CohortDescription& first = files_.front().description;
  layout_ = {first.grid, first.affine, first.normalization, first.layout, first.processing, first.provenance,
             {},         {},           first.parcels};
  const std::vector<ScanInFile> order = scans_by_source(files_);
  for (const ScanInFile& p : order) {
    layout_.scans.push_back(files_[p.file].description.scans[p.scan]);
    file_of_.push_back(p.file);
    row_of_.push_back(p.scan);
  }
  for (std::size_t c = 0; c < first.phenotypes.size(); ++c) {
    const bool numbers = std::holds_alternative<std::vector<double>>(first.phenotypes[c].values);
    layout_.phenotypes.push_back(numbers ? merged_column<double>(files_, order, c)
                                         : merged_column<std::string>(files_, order, c));
  }
}

const PhenotypeColumn* Cohort::phenotype(const std::string& name) const {
  const auto& all = layout_.phenotypes;
  const auto found = std::find_if(all.begin(), all.end(), [&](const PhenotypeColumn& c) { return c.name == name; });
  return found == all.end() ? nullptr : &*found;
}

std::span<const std::uint32_t> Cohort::parcel_voxels(std::size_t scan) const {
  BRAINMT_CHECK(parcels() != nullptr && scan < scans().size(), "there are no parcels of scan {}", scan);
  const std::size_t count = parcels()->size();
  return std::span(file_of(scan).coverage.voxels).subspan(row_of_[scan] * count, count);
}

std::span<const double> Cohort::parcel_coverage(std::size_t scan) const {
  BRAINMT_CHECK(parcels() != nullptr && scan < scans().size(), "there are no parcels of scan {}", scan);
  const std::size_t count = parcels()->size();
  return std::span(file_of(scan).coverage.share).subspan(row_of_[scan] * count, count);
}

std::size_t Cohort::max_voxels() const {
  std::size_t voxels = 0;
  for (const CohortFile& file : files_) voxels = std::max(voxels, file.scatter.voxels());
  return voxels;
}

std::size_t Cohort::quarantined() const {
  return static_cast<std::size_t>(std::count(quarantined_.begin(), quarantined_.end(), true));
}

std::string Cohort::voxels_digest(std::span<const std::size_t> scans) const {
  std::vector<std::string> masks(files_.size());
  Sha256 digest;
  for (const std::size_t scan : scans) {
    const CohortFile& file = file_of(scan);
    const CohortScan& s = this->scans()[scan];
    std::string& mask = masks[file_of_[scan]];
    if (mask.empty() && file.description.parcels) {
      mask = sha256(std::as_bytes(std::span(file.description.parcels->index)));
    } else if (mask.empty()) {
      const std::vector<std::uint32_t> voxels = file.scatter.voxel_list();
      mask = sha256(std::as_bytes(std::span(voxels)));
    }
    digest.update(std::as_bytes(std::span(mask)));
    digest.update(std::as_bytes(std::span(&s.statistics.fill, 1)));
    digest.update(std::as_bytes(std::span(file.checksums).subspan(s.first_frame, s.frames)));
  }
  return digest.finish();
}

Cohort::Location Cohort::location_of(std::size_t scan, std::uint64_t first_frame, std::uint64_t frames) const {
  BRAINMT_CHECK(scan < scans().size(), "there is no scan {}", scan);
  BRAINMT_CHECK(first_frame <= scans()[scan].frames && frames <= scans()[scan].frames - first_frame,
                "window {}+{} does not fit in scan {}", first_frame, frames, scan);
  return {file_of_[scan], file_of(scan).offset_of(scans()[scan], first_frame)};
}

void Cohort::read_window(std::size_t scan, std::uint64_t first_frame, std::span<std::uint16_t> out,
                         Verify verify) const {
  BRAINMT_CHECK(parcels() == nullptr, "a window of voxels of '{}', which holds parcels", path_.string());
  read_rows(scan, first_frame, std::as_writable_bytes(out), verify);
}

void Cohort::read_series(std::size_t scan, std::uint64_t first_frame, std::span<float> out, Verify verify) const {
  BRAINMT_CHECK(parcels() != nullptr, "a series of parcels of '{}', which holds voxels", path_.string());
  read_rows(scan, first_frame, std::as_writable_bytes(out), verify);
}

void Cohort::read_rows(std::size_t scan, std::uint64_t first_frame, std::span<std::byte> out, Verify verify) const {
  BRAINMT_CHECK(scan < scans().size() && out.size() % file_of(scan).frame_bytes() == 0,
                "{} bytes are no window of scan {}", out.size(), scan);
  const Location location = location_of(scan, first_frame, out.size() / file_of(scan).frame_bytes());
  stores_.read(location.file, location.offset, out);
  if (verify == Verify::kYes) check_rows(scan, first_frame, out);
}

// False when there is no copy, or it does not match its checksums.
bool Cohort::read_copy(std::size_t scan, std::uint64_t first_frame, std::span<std::uint16_t> out) const {
  const std::uint64_t frame = voxels(scan) * sizeof(std::uint16_t), frames = scans()[scan].frames;
  const Location whole = location_of(scan, 0, frames);
  const auto from_store = [&](std::uint64_t offset, std::span<std::byte> piece) {
    stores_.read(whole.file, whole.offset + offset, piece);
  };
  if (!cache_->read(scan, frames * frame, first_frame * frame, std::as_writable_bytes(out), from_store)) return false;
  if (!reading_.checksums || sound_frames(scan, first_frame, std::as_bytes(out)) == out.size() / voxels(scan))
    return true;
  cache_->drop(scan);
  return false;
}

void Cohort::load_window(FrameReader& reader, std::size_t scan, std::uint64_t first_frame,
                         std::span<std::uint16_t> out) const {
  BRAINMT_CHECK(scan < scans().size() && out.size() % voxels(scan) == 0, "{} values are no window of scan {}",
                out.size(), scan);
  const Location location = location_of(scan, first_frame, out.size() / voxels(scan));
  if (cache_ && read_copy(scan, first_frame, out)) return;
  reader.read(location.file, location.offset, std::as_writable_bytes(out));
  if (reading_.checksums) check_window(scan, first_frame, out);
}

// Number of leading frames of the window that match their checksums.
std::size_t Cohort::sound_frames(std::size_t scan, std::uint64_t first_frame, std::span<const std::byte> window) const {
  const std::size_t size = file_of(scan).frame_bytes(), frames = window.size() / size;
  const std::uint64_t row = scans()[scan].first_frame + first_frame;
  const std::vector<std::uint32_t>& checksums = file_of(scan).checksums;
  std::size_t f = 0;
  while (f < frames && crc32(window.subspan(f * size, size)) == checksums[row + f]) ++f;
  return f;
}

void Cohort::check_window(std::size_t scan, std::uint64_t first_frame, std::span<const std::uint16_t> window) const {
  check_rows(scan, first_frame, std::as_bytes(window));
}

void Cohort::check_rows(std::size_t scan, std::uint64_t first_frame, std::span<const std::byte> rows) const {
  const std::size_t sound = sound_frames(scan, first_frame, rows);
  if (sound == rows.size() / file_of(scan).frame_bytes()) return;
  throw DataError(fmt::format(
      "'{}' is damaged: frame {} of scan {} ({}) differs from its checksum; copy or make it again, or leave damaged "
      "scans "
      "out with 'brainmt inspect --verify --quarantine {}'",
      file_of(scan).path.string(), first_frame + sound, scan, scans()[scan].participant_id, path_.string()));
}

void Cohort::check_scan(std::size_t scan) const {
  constexpr std::uint64_t kFramesAtOnce = 16;
  std::vector<std::byte> frames;
  for (std::uint64_t first = 0; first < scans()[scan].frames; first += kFramesAtOnce) {
    frames.resize(std::min(kFramesAtOnce, scans()[scan].frames - first) * file_of(scan).frame_bytes());
    read_rows(scan, first, frames, Verify::kYes);
  }
}

void Cohort::verify() const {
  for (std::size_t s = 0; s < scans().size(); ++s)
    if (usable(s)) check_scan(s);
}

std::vector<DamagedScan> Cohort::damaged_scans() const {
  std::vector<DamagedScan> damaged;
  std::vector<std::byte> frame;
  for (std::size_t s = 0; s < scans().size(); ++s) {
    frame.resize(file_of(s).frame_bytes());
    for (std::uint64_t f = 0; f < scans()[s].frames; ++f) {
      try {
        read_rows(s, f, frame, Verify::kNo);
        if (sound_frames(s, f, frame) == 1) continue;
        damaged.push_back({s, f, "differs from its checksum"});
      } catch (const DataError&) {
        damaged.push_back({s, f, "cannot be read"});
      }
      break;
    }
  }
  return damaged;
}

}  // namespace brainmt::io
