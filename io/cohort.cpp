#include "io/cohort.hpp"

#include <algorithm>
#include <tuple>
#include <utility>

#include "base/error.hpp"
#include "io/checksum.hpp"
#include "io/cohort_index.hpp"

namespace brainmt::io {
namespace {

// The scans of all files, by file and by row in it.
struct ScanPlace {
  std::uint32_t file = 0, scan = 0;
};

std::vector<ScanPlace> places_by_source(const std::vector<CohortFile>& files) {
  std::vector<ScanPlace> places;
  for (std::uint32_t f = 0; f < files.size(); ++f)
    for (std::uint32_t s = 0; s < files[f].description.scans.size(); ++s) places.push_back({f, s});
  std::ranges::sort(places, {}, [&](const ScanPlace& p) {
    const CohortScan& scan = files[p.file].description.scans[p.scan];
    return std::tie(scan.source, scan.participant_id);  // no two scans have both alike
  });
  return places;
}

// The column `index` of all files, in the order of `places`.
template <class T>
PhenotypeColumn merged_column(const std::vector<CohortFile>& files, const std::vector<ScanPlace>& places,
                              std::size_t index) {
  std::vector<T> values;
  values.reserve(places.size());
  for (const ScanPlace& p : places) {
    values.push_back(std::get<std::vector<T>>(files[p.file].description.phenotypes[index].values)[p.scan]);
  }
  return {files.front().description.phenotypes[index].name, std::move(values)};
}

}  // namespace

Cohort::Cohort(const std::filesystem::path& path) : path_(path) {
  const Hdf5Reader file(path);
  if (is_cohort_index(file)) {
    files_ = read_shards(file, path);
    merge();
  } else {
    files_.push_back(read_cohort_file(file, path));
    layout_ = files_.front().description;
    file_of_.assign(layout_.scans.size(), 0);
  }
  for (const CohortFile& each : files_) open_.push_back(open_for_reading(each.path));
}

void Cohort::merge() {
  const CohortDescription& first = files_.front().description;
  layout_ = {first.grid, first.affine, first.normalization, first.layout, first.processing, first.provenance, {}, {}};
  const std::vector<ScanPlace> places = places_by_source(files_);
  for (const ScanPlace& p : places) {
    layout_.scans.push_back(files_[p.file].description.scans[p.scan]);
    file_of_.push_back(p.file);
  }
  for (std::size_t c = 0; c < first.phenotypes.size(); ++c) {
    const bool numbers = std::holds_alternative<std::vector<double>>(first.phenotypes[c].values);
    layout_.phenotypes.push_back(numbers ? merged_column<double>(files_, places, c)
                                         : merged_column<std::string>(files_, places, c));
  }
}

const PhenotypeColumn* Cohort::phenotype(const std::string& name) const {
  const auto& all = layout_.phenotypes;
  const auto found = std::find_if(all.begin(), all.end(), [&](const PhenotypeColumn& c) { return c.name == name; });
  return found == all.end() ? nullptr : &*found;
}

void Cohort::read_window(std::size_t scan, std::uint64_t first_frame, std::span<std::uint16_t> out,
                         Verify verify) const {
  BRAINMT_CHECK(scan < scans().size(), "there is no scan {}", scan);
  const CohortFile& file = file_of(scan);
  const std::size_t voxels = file.scatter.voxels(), frames = out.size() / voxels;
  BRAINMT_CHECK(
      out.size() % voxels == 0 && first_frame <= scans()[scan].frames && frames <= scans()[scan].frames - first_frame,
      "window {}+{} does not fit in scan {}", first_frame, frames, scan);
  read_exactly(open_[file_of_[scan]], file.path, file.place_of(scans()[scan], first_frame),
               std::as_writable_bytes(out));
  bytes_read_ += out.size_bytes();
  if (verify == Verify::kNo) return;
  const std::uint64_t row = scans()[scan].first_frame + first_frame;
  for (std::size_t f = 0; f < frames; ++f) {
    if (crc32(std::as_bytes(out.subspan(f * voxels, voxels))) == file.checksums[row + f]) continue;
    throw DataError(
        fmt::format("'{}' is damaged: frame {} of scan {} ({}) differs from its checksum; copy or make it again",
                    file.path.string(), first_frame + f, scan, scans()[scan].participant_id));
  }
}

void Cohort::verify() const {
  constexpr std::uint64_t kFramesAtOnce = 16;
  std::vector<std::uint16_t> frames;
  for (std::size_t s = 0; s < scans().size(); ++s) {
    for (std::uint64_t first = 0; first < scans()[s].frames; first += kFramesAtOnce) {
      frames.resize(std::min(kFramesAtOnce, scans()[s].frames - first) * voxels(s));
      read_window(s, first, frames, Verify::kYes);
    }
  }
}

}  // namespace brainmt::io
