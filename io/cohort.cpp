#include "io/cohort.hpp"

#include <algorithm>

#include "base/error.hpp"
#include "io/checksum.hpp"
#include "io/hdf5_reader.hpp"

namespace brainmt::io {
namespace {

constexpr std::size_t kMostPhenotypes = 65536;

// The arrays of one value a scan; all have the length of the first.
class ScanColumns {
 public:
  ScanColumns(const Hdf5Reader& file, const std::filesystem::path& path)
      : path_(path), file_(file), ids_(file.texts("scans/participant_id", cohort_format::kLongestText)) {}

  std::vector<CohortScan> scans() const {
    const auto source = checked(file_.texts("scans/source", cohort_format::kLongestText));
    const auto first = checked(file_.array<std::uint64_t>("scans/first_frame"));
    const auto frames = checked(file_.array<std::uint64_t>("scans/frames"));
    const auto period = checked(file_.array<double>("scans/repetition_time"));
    const auto mean = checked(file_.array<double>("scans/mean"));
    const auto deviation = checked(file_.array<double>("scans/std"));
    const auto fill = checked(file_.halfs("scans/fill_value"));
    const auto run = checked(file_.texts("scans/run", cohort_format::kLongestText));
    const auto mean_fd = checked(file_.array<double>("scans/mean_fd"));
    std::vector<CohortScan> scans;
    for (std::size_t s = 0; s < ids_.size(); ++s) {
      scans.push_back({ids_[s], source[s], frames[s], period[s], {mean[s], deviation[s], fill[s]}, first[s],
                       run[s], mean_fd[s]});
    }
    return scans;
  }

 private:
  template <class T>
  std::vector<T> checked(std::vector<T> values) const {
    if (values.size() == ids_.size()) return values;
    throw DataError(fmt::format("'{}': an array under /scans has {} values for {} scans", path_.string(), values.size(),
                                ids_.size()));
  }

  const std::filesystem::path& path_;
  const Hdf5Reader& file_;
  std::vector<std::string> ids_;
};

void check_format(const Hdf5Reader& file, const std::filesystem::path& path) {
  const std::string format = file.text_attribute("format", cohort_format::kLongestText);
  const std::uint32_t version = file.number_attribute("version");
  if (format != cohort_format::kFormat || version != cohort_format::kVersion) {
    throw DataError(
        fmt::format("'{}' is '{}' version {}, this program reads '{}' version {}: make it again with prepare",
                    path.string(), format, version, cohort_format::kFormat, cohort_format::kVersion));
  }
}

void read_mask(const Hdf5Reader& file, CohortLayout& layout) {
  std::vector<hsize_t> extents;
  const auto mask = file.array<std::uint8_t>("mask", 3, &extents);
  layout.grid = {static_cast<std::uint32_t>(extents[1]), static_cast<std::uint32_t>(extents[0]),
                 static_cast<std::uint32_t>(extents[2])};
  for (std::size_t v = 0; v < mask.size(); ++v) {
    if (mask[v] != 0) layout.voxels.push_back(static_cast<std::uint32_t>(v));
  }
}

void read_affine(const Hdf5Reader& file, const std::filesystem::path& path, CohortLayout& layout) {
  const auto affine = file.array<double>("affine", 2);
  if (affine.size() != layout.affine.size()) throw DataError(fmt::format("'{}': /affine is not 4x4", path.string()));
  std::copy(affine.begin(), affine.end(), layout.affine.begin());
}

void read_phenotypes(const Hdf5Reader& file, CohortLayout& layout) {
  for (const std::string& name : file.names_in("phenotypes", kMostPhenotypes)) {
    const std::string full = "phenotypes/" + name;
    if (file.is_text(full)) {
      layout.phenotypes.push_back({name, file.texts(full, cohort_format::kLongestText)});
    } else {
      layout.phenotypes.push_back({name, file.array<double>(full)});
    }
  }
}

void check_rows(const CohortLayout& layout, const std::filesystem::path& path) {
  std::uint64_t row = 0;
  for (const CohortScan& scan : layout.scans) {
    if (scan.first_frame != row) {
      throw DataError(fmt::format("'{}': the scan of {} begins at frame {}, {} is expected", path.string(),
                                  scan.participant_id, scan.first_frame, row));
    }
    row += scan.frames;
  }
}

}  // namespace

Cohort::Cohort(const std::filesystem::path& path) : path_(path) {
  const Hdf5Reader file(path);
  check_format(file, path);
  layout_.normalization = file.text_attribute("normalization", cohort_format::kLongestText);
  layout_.provenance = file.text_attribute("provenance", cohort_format::kLongestText);
  layout_.layout = file.text_attribute("layout", cohort_format::kLongestText);
  layout_.processing = file.text_attribute("processing", cohort_format::kLongestText);
  read_mask(file, layout_);
  read_affine(file, path, layout_);
  layout_.scans = ScanColumns(file, path).scans();
  read_phenotypes(file, layout_);
  check_layout(layout_, fmt::format("'{}'", path.string()));
  check_rows(layout_, path);

  checksums_ = file.array<std::uint32_t>("frame_crc32");
  const Hdf5Reader::Place frames = file.locate("frames", half_type());
  const std::vector<hsize_t> expected{layout_.total_frames(), layout_.voxels.size()};
  if (frames.extents != expected || checksums_.size() != expected[0]) {
    throw DataError(fmt::format("'{}': /frames or /frame_crc32 does not have the {} frames of {} voxels of its scans",
                                path.string(), expected[0], expected[1]));
  }
  frames_at_ = frames.offset;
  fd_ = open_for_reading(path);
}

const PhenotypeColumn* Cohort::phenotype(const std::string& name) const {
  const auto& all = layout_.phenotypes;
  const auto found = std::find_if(all.begin(), all.end(), [&](const PhenotypeColumn& c) { return c.name == name; });
  return found == all.end() ? nullptr : &*found;
}

void Cohort::read_window(std::size_t scan, std::uint64_t first_frame, std::span<std::uint16_t> out,
                         Verify verify) const {
  const std::size_t frames = out.size() / voxels();
  BRAINMT_CHECK(scan < scans().size() && out.size() % voxels() == 0 && first_frame <= scans()[scan].frames &&
                    frames <= scans()[scan].frames - first_frame,
                "window {}+{} does not fit in scan {}", first_frame, frames, scan);
  const std::uint64_t row = scans()[scan].first_frame + first_frame;
  read_exactly(fd_, path_, frames_at_ + row * voxels() * sizeof(std::uint16_t), std::as_writable_bytes(out));
  bytes_read_ += out.size_bytes();
  if (verify == Verify::kNo) return;
  for (std::size_t f = 0; f < frames; ++f) {
    if (crc32(std::as_bytes(out.subspan(f * voxels(), voxels()))) == checksums_[row + f]) continue;
    throw DataError(
        fmt::format("'{}' is damaged: frame {} of scan {} ({}) differs from its checksum; copy or make it again",
                    path_.string(), first_frame + f, scan, scans()[scan].participant_id));
  }
}

void Cohort::verify() const {
  constexpr std::uint64_t kFramesAtOnce = 16;
  std::vector<std::uint16_t> frames;
  for (std::size_t s = 0; s < scans().size(); ++s) {
    for (std::uint64_t first = 0; first < scans()[s].frames; first += kFramesAtOnce) {
      frames.resize(std::min(kFramesAtOnce, scans()[s].frames - first) * voxels());
      read_window(s, first, frames, Verify::kYes);
    }
  }
}

}  // namespace brainmt::io
