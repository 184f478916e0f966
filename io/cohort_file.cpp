#include "io/cohort_file.hpp"

#include <algorithm>
#include <utility>

#include "base/error.hpp"
#include "io/checksum.hpp"
#include "io/parcel_arrays.hpp"
#include "io/printable.hpp"

namespace brainmt::io {
namespace {

constexpr std::size_t kMaxPhenotypes = 65536;

// The arrays of one value a scan; all have the length of the first.
class ScanColumns {
 public:
  ScanColumns(const Hdf5Reader& file, const std::filesystem::path& path, bool parcels)
      : path_(path),
        file_(file),
        parcels_(parcels),
        ids_(file.texts("scans/participant_id", cohort_format::kMaxTextBytes)) {}

  std::vector<CohortScan> scans() const {
    const auto source = checked(file_.texts("scans/source", cohort_format::kMaxTextBytes));
    const auto first = checked(file_.array<std::uint64_t>("scans/first_frame"));
    const auto frames = checked(file_.array<std::uint64_t>("scans/frames"));
    const auto period = checked(file_.array<double>("scans/repetition_time"));
    const auto mean = checked(file_.array<double>("scans/mean"));
    const auto deviation = checked(file_.array<double>("scans/std"));
    const auto fill = parcels_ ? std::vector<std::uint16_t>(ids_.size()) : checked(file_.halfs("scans/fill_value"));
    const auto run = checked(file_.texts("scans/run", cohort_format::kMaxTextBytes));
    const auto mean_fd = checked(file_.array<double>("scans/mean_fd"));
    const auto quality = read_quality();
    std::vector<CohortScan> scans;
    for (std::size_t s = 0; s < ids_.size(); ++s) {
      scans.push_back({ids_[s],
                       source[s],
                       frames[s],
                       period[s],
                       {mean[s], deviation[s], fill[s]},
                       first[s],
                       run[s],
                       mean_fd[s],
                       quality[s]});
    }
    return scans;
  }

 private:
  // Older files do not have these arrays.
  std::vector<std::optional<ScanQuality>> read_quality() const {
    std::vector<std::optional<ScanQuality>> quality(ids_.size());
    constexpr std::size_t kMaxNames = 1024;
    const std::vector<std::string> names = file_.names_in("scans", kMaxNames);
    if (std::ranges::find(names, "spikes") == names.end()) return quality;
    for (std::size_t a = 0; a < cohort_format::kQuality.size(); ++a) {
      const auto& [name, member] = cohort_format::kQuality[a];
      const auto counts = checked(file_.array<std::uint32_t>(fmt::format("scans/{}", name)));
      for (std::size_t s = 0; s < counts.size(); ++s) {
        if (a == 0) quality[s].emplace();
        (*quality[s]).*member = counts[s];
      }
    }
    return quality;
  }

  template <class T>
  std::vector<T> checked(std::vector<T> values) const {
    if (values.size() == ids_.size()) return values;
    throw DataError(fmt::format("'{}': an array under /scans has {} values for {} scans", path_.string(), values.size(),
                                ids_.size()));
  }

  const std::filesystem::path& path_;
  const Hdf5Reader& file_;
  bool parcels_;  // which have no background
  std::vector<std::string> ids_;
};

// Throws unless it is a cohort of a version that is known; true where it holds parcels.
bool check_format(const Hdf5Reader& file, const std::filesystem::path& path) {
  if (!file.has_attribute("format"))
    throw DataError(
        fmt::format("'{}': expected a cohort, found an HDF5 file that brainmt did not make", path.string()));
  const std::string format = file.text_attribute("format", cohort_format::kMaxTextBytes);
  if (!format.starts_with(cohort_format::kFormat))
    throw DataError(
        fmt::format("'{}': expected a cohort, found an HDF5 file of the format {}", path.string(), printable(format)));
  const std::uint32_t version = file.number_attribute("version");
  const bool parcels = version == cohort_format::kParcelVersion;
  if (format != cohort_format::kFormat || (version != cohort_format::kVersion && !parcels)) {
    throw DataError(
        fmt::format("'{}' is '{}' version {}, this program reads '{}' version {} (voxels) and {} (parcels): make it "
                    "again with prepare",
                    path.string(), format, version, cohort_format::kFormat, cohort_format::kVersion,
                    cohort_format::kParcelVersion));
  }
  return parcels;
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
  for (const std::string& name : file.names_in("phenotypes", kMaxPhenotypes)) {
    const std::string full = "phenotypes/" + name;
    if (file.is_text(full)) {
      layout.phenotypes.push_back({name, file.texts(full, cohort_format::kMaxTextBytes)});
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

class Digest {
 public:
  void text(std::string_view text) {
    number(text.size());
    hash_.update(std::as_bytes(std::span(text)));
  }
  template <class T>
  void number(T value) {
    hash_.update(std::as_bytes(std::span(&value, 1)));
  }
  template <class T>
  void numbers(std::span<const T> values) {
    number(values.size());
    hash_.update(std::as_bytes(values));
  }
  std::string finish() { return hash_.finish(); }

 private:
  Sha256 hash_;
};

void add_scans(Digest& digest, const std::vector<CohortScan>& scans) {
  digest.number(scans.size());
  for (const CohortScan& scan : scans) {
    for (const std::string* text : {&scan.participant_id, &scan.run, &scan.source}) digest.text(*text);
    digest.number(scan.frames);
    for (const double number : {scan.repetition_time, scan.mean_fd, scan.statistics.mean, scan.statistics.std})
      digest.number(number);
    digest.number(scan.statistics.fill);
  }
}

void add_parcels(Digest& digest, const ParcelTable& parcels, const ParcelCoverage& coverage) {
  digest.numbers(std::span(parcels.index));
  for (const auto* column : {&parcels.name, &parcels.network, &parcels.hemisphere})
    for (const std::string& text : *column) digest.text(text);
  digest.numbers(std::span(parcels.centroid));
  for (const auto* text : {&parcels.atlas, &parcels.atlas_sha256, &parcels.table_sha256, &parcels.space})
    digest.text(*text);
  digest.number(parcels.min_coverage);
  digest.numbers(std::span(coverage.voxels));
  digest.numbers(std::span(coverage.share));
}

void add_columns(Digest& digest, const std::vector<PhenotypeColumn>& columns) {
  for (const PhenotypeColumn& column : columns) {
    digest.text(column.name);
    if (const auto* numbers = std::get_if<std::vector<double>>(&column.values)) {
      digest.numbers(std::span(*numbers));
    } else {
      for (const std::string& text : std::get<std::vector<std::string>>(column.values)) digest.text(text);
    }
  }
}

}  // namespace

std::string CohortFile::digest() const {
  Digest digest;
  if (description.parcels) {
    add_parcels(digest, *description.parcels, coverage);
  } else {
    const std::vector<std::uint32_t> voxels = scatter.voxel_list();
    digest.numbers(std::span(voxels));
  }
  digest.numbers(std::span(checksums));
  add_scans(digest, description.scans);
  add_columns(digest, description.phenotypes);
  return digest.finish();
}

CohortFile read_cohort_file(const Hdf5Reader& file, const std::filesystem::path& path) {
  const bool parcels = check_format(file, path);
  CohortLayout layout;
  layout.normalization = file.text_attribute("normalization", cohort_format::kMaxTextBytes);
  layout.provenance = file.text_attribute("provenance", cohort_format::kMaxTextBytes);
  layout.layout = file.text_attribute("layout", cohort_format::kMaxTextBytes);
  layout.processing = file.text_attribute("processing", cohort_format::kMaxTextBytes);
  if (parcels) {
    layout.parcels = read_parcels(file, path);
  } else {
    read_mask(file, layout);
    read_affine(file, path, layout);
  }
  layout.scans = ScanColumns(file, path, parcels).scans();
  read_phenotypes(file, layout);
  check_layout(layout, fmt::format("'{}'", path.string()));
  check_rows(layout, path);

  CohortFile result;
  result.path = path;
  result.bytes = file.file_bytes();
  result.checksums = file.array<std::uint32_t>("frame_crc32");
  const Hdf5Reader::Location frames = file.locate("frames", parcels ? element_type<float>() : half_type());
  const std::vector<hsize_t> expected{layout.total_frames(), layout.row_values()};
  if (frames.extents != expected || result.checksums.size() != expected[0]) {
    throw DataError(fmt::format("'{}': /frames or /frame_crc32 does not have the {} frames of {} {} of its scans",
                                path.string(), expected[0], expected[1], parcels ? "parcels" : "voxels"));
  }
  result.frames_at = frames.offset;
  if (parcels)
    result.coverage = read_parcel_coverage(file, path, layout.scans.size(), layout.row_values());
  else
    result.scatter = GridScatter(layout.voxels, layout.grid.voxels());
  result.description = std::move(static_cast<CohortDescription&>(layout));
  return result;
}

}  // namespace brainmt::io
