#include "io/cohort_writer.hpp"

#include <algorithm>
#include <array>
#include <string>
#include <utility>
#include <vector>

#include "base/error.hpp"
#include "comm/gather.hpp"
#include "io/checksum.hpp"
#include "io/parcel_arrays.hpp"
#include "io/shared_hdf5.hpp"

namespace brainmt::io {
namespace {

// One transfer stays below the 2 GiB that a count of bytes in an int allows in HDF5 and in MPI-IO.
constexpr std::size_t kMaxWrite = std::size_t{256} << 20;

// The layout with the rows of its scans assigned.
CohortLayout laid_out(CohortLayout layout, const std::filesystem::path& target) {
  check_layout(layout, fmt::format("cannot store '{}'", target.string()));
  std::uint64_t row = 0;
  for (CohortScan& scan : layout.scans) {
    scan.first_frame = row;
    row += scan.frames;
  }
  return layout;
}

// One value a scan, in the order of the scans.
template <class T, class Get>
std::vector<T> gather_field(const std::vector<CohortScan>& scans, Get get) {
  std::vector<T> values;
  values.reserve(scans.size());
  for (const CohortScan& scan : scans) values.push_back(get(scan));
  return values;
}

}  // namespace

struct CohortWriter::State {
  SharedHdf5 shared;
  CohortLayout layout;
  const Hdf5Dataset *frames = nullptr, *checksums = nullptr, *means = nullptr, *deviations = nullptr, *fills = nullptr;
  const Hdf5Dataset *voxels = nullptr, *coverage = nullptr;  // of parcels
  std::vector<std::uint32_t> crc;                            // of the frames that this rank wrote, by row of the store
  std::vector<std::uint8_t> written;                         // how often this rank wrote the frame
  std::vector<double> statistics;     // a scan: {times set, mean, std, fill}, zero where another rank sets it
  std::vector<std::uint8_t> covered;  // of parcels: how often this rank set the scan's coverage

  State(MPI_Comm comm, const std::filesystem::path& target, CohortLayout rows)
      : shared(comm, target, rows.total_frames() * rows.row_bytes()), layout(std::move(rows)) {}

  void create_arrays();
  void store_known();
  void store_space();
  void complete();
};

// The HDF5 arrays, and the checksums and statistics collected for them before commit().
void CohortWriter::State::create_arrays() {
  const hsize_t scans = layout.scans.size(), rows = layout.total_frames(), columns = layout.row_values();
  Hdf5Writer& file = shared.file();
  file.text_attribute("format", cohort_format::kFormat);
  file.number_attribute("version", layout.parcels ? cohort_format::kParcelVersion : cohort_format::kVersion);
  file.text_attribute("normalization", layout.normalization);
  file.text_attribute("provenance", layout.provenance);
  file.text_attribute("layout", layout.layout);
  file.text_attribute("processing", layout.processing);
  file.create_group("scans");
  file.create_group("phenotypes");
  frames = &shared.create("frames", layout.parcels ? element_type<float>() : half_type(), std::array{rows, columns});
  checksums = &shared.create("frame_crc32", element_type<std::uint32_t>(), std::array{rows});
  means = &shared.create("scans/mean", element_type<double>(), std::array{scans});
  deviations = &shared.create("scans/std", element_type<double>(), std::array{scans});
  if (!layout.parcels) fills = &shared.create("scans/fill_value", half_type(), std::array{scans});
  crc.assign(rows, 0);
  written.assign(rows, 0);
  statistics.assign(scans * 4, 0.0);
}

void CohortWriter::State::store_space() {
  if (layout.parcels) {
    store_parcels(shared, *layout.parcels);
    const std::array<hsize_t, 2> extents{layout.scans.size(), layout.parcels->size()};
    voxels = &shared.create("parcels/voxels", element_type<std::uint32_t>(), extents);
    coverage = &shared.create("parcels/coverage", element_type<double>(), extents);
    covered.assign(layout.scans.size(), 0);
    return;
  }
  std::vector<std::uint8_t> mask(layout.grid.voxels(), 0);
  for (const std::uint32_t voxel : layout.voxels) mask[voxel] = 1;
  shared.store("mask", mask, std::array<hsize_t, 3>{layout.grid.y, layout.grid.x, layout.grid.z});
  shared.store("affine", std::vector<double>(layout.affine.begin(), layout.affine.end()), std::array<hsize_t, 2>{4, 4});
}

// Writes the part of the file that is known before the first scan is read. All ranks create, rank 0 writes.
void CohortWriter::State::store_known() {
  const auto& scans = layout.scans;
  const std::array count{hsize_t{scans.size()}};
  store_space();
  shared.store("scans/participant_id",
               gather_field<std::string>(scans, [](const auto& s) { return s.participant_id; }));
  shared.store("scans/source", gather_field<std::string>(scans, [](const auto& s) { return s.source; }));
  shared.store("scans/run", gather_field<std::string>(scans, [](const auto& s) { return s.run; }));
  shared.store("scans/mean_fd", gather_field<double>(scans, [](const auto& s) { return s.mean_fd; }), count);
  shared.store("scans/first_frame", gather_field<std::uint64_t>(scans, [](const auto& s) { return s.first_frame; }),
               count);
  shared.store("scans/frames", gather_field<std::uint64_t>(scans, [](const auto& s) { return s.frames; }), count);
  shared.store("scans/repetition_time", gather_field<double>(scans, [](const auto& s) { return s.repetition_time; }),
               count);
  const bool counted = std::ranges::all_of(scans, [](const CohortScan& scan) { return scan.quality.has_value(); });
  for (const auto& [name, member] : cohort_format::kQuality) {
    if (!counted) break;
    shared.store(std::string("scans/") + name,
                 gather_field<std::uint32_t>(scans, [&](const auto& s) { return (*s.quality).*member; }), count);
  }
  for (const PhenotypeColumn& column : layout.phenotypes) {
    const std::string name = "phenotypes/" + column.name;
    if (const auto* numbers = std::get_if<std::vector<double>>(&column.values)) {
      shared.store(name, *numbers, count);
    } else {
      shared.store(name, std::get<std::vector<std::string>>(column.values));
    }
  }
}

// Brings checksums and statistics to rank 0, which checks that they are complete and writes them.
void CohortWriter::State::complete() {
  comm::all_reduce(shared.comm(), std::span(crc), comm::ReduceOp::kSum);
  comm::all_reduce(shared.comm(), std::span(written), comm::ReduceOp::kSum);
  comm::all_reduce(shared.comm(), std::span(statistics), comm::ReduceOp::kSum);
  if (layout.parcels) comm::all_reduce(shared.comm(), std::span(covered), comm::ReduceOp::kSum);
  if (shared.comm().rank() != 0) return;
  std::vector<double> mean, deviation;
  std::vector<std::uint16_t> fill;
  for (std::size_t s = 0; s < layout.scans.size(); ++s) {
    const CohortScan& scan = layout.scans[s];
    const auto first = written.begin() + static_cast<std::ptrdiff_t>(scan.first_frame);
    const auto once = std::count(first, first + static_cast<std::ptrdiff_t>(scan.frames), 1);
    BRAINMT_CHECK(once == static_cast<std::ptrdiff_t>(scan.frames) && statistics[4 * s] == 1.0,
                  "scan {} has {} of {} frames written once, statistics set {} times", s, once, scan.frames,
                  statistics[4 * s]);
    BRAINMT_CHECK(covered.empty() || covered[s] == 1, "the coverage of scan {} was set {} times", s, covered[s]);
    mean.push_back(statistics[4 * s + 1]);
    deviation.push_back(statistics[4 * s + 2]);
    fill.push_back(static_cast<std::uint16_t>(statistics[4 * s + 3]));
  }
  const Hdf5Writer& file = shared.file();
  file.write(*checksums, element_type<std::uint32_t>(), crc.data());
  file.write(*means, element_type<double>(), mean.data());
  file.write(*deviations, element_type<double>(), deviation.data());
  if (fills != nullptr) file.write(*fills, half_type(), fill.data());
}

CohortWriter::CohortWriter(MPI_Comm comm, const std::filesystem::path& target, const CohortLayout& layout) {
  CohortLayout rows;
  comm::MpiCommunicator ranks(comm);
  comm::run_agreed(ranks, [&] { rows = laid_out(layout, target); });
  state_ = std::make_unique<State>(comm, target, std::move(rows));
  state_->shared.carry_out([&] {
    state_->create_arrays();
    state_->store_known();
  });
}

CohortWriter::~CohortWriter() = default;

void CohortWriter::write_frames(std::size_t scan, std::uint64_t first_frame, std::span<const std::uint16_t> frames) {
  BRAINMT_CHECK(!state_->layout.parcels, "voxels for a store of parcels");
  write_rows(scan, first_frame, std::as_bytes(frames));
}

void CohortWriter::write_series(std::size_t scan, std::uint64_t first_frame, std::span<const float> frames) {
  BRAINMT_CHECK(state_->layout.parcels, "parcels for a store of voxels");
  write_rows(scan, first_frame, std::as_bytes(frames));
}

void CohortWriter::write_rows(std::size_t scan, std::uint64_t first_frame, std::span<const std::byte> frames) {
  State& s = *state_;
  const std::size_t size = s.layout.row_bytes(), count = frames.size() / size;
  BRAINMT_CHECK(!s.shared.finished() && scan < s.layout.scans.size() && frames.size() % size == 0 &&
                    first_frame + count <= s.layout.scans[scan].frames,
                "frames {}+{} do not fit in scan {}", first_frame, count, scan);
  const Hdf5Type type = s.layout.parcels ? element_type<float>() : half_type();
  const std::size_t step = std::max<std::size_t>(1, kMaxWrite / size);
  const std::uint64_t row = s.layout.scans[scan].first_frame + first_frame;
  for (std::size_t done = 0; done < count; done += step) {
    const std::size_t rows = std::min(step, count - done);
    s.shared.file().write_rows(*s.frames, type, row + done, rows, s.layout.row_values(), frames.data() + done * size);
  }
  for (std::size_t f = 0; f < count; ++f) {
    s.crc[row + f] = crc32(frames.subspan(f * size, size));
    ++s.written[row + f];
  }
}

void CohortWriter::set_parcel_coverage(std::size_t scan, std::span<const std::uint32_t> voxels,
                                       std::span<const double> share) {
  State& s = *state_;
  const std::size_t parcels = s.layout.row_values();
  BRAINMT_CHECK(
      s.coverage != nullptr && scan < s.layout.scans.size() && voxels.size() == parcels && share.size() == parcels,
      "coverage of {} and {} parcels for scan {} of {}", voxels.size(), share.size(), scan, parcels);
  Hdf5Writer& file = s.shared.file();
  file.write_rows(*s.voxels, element_type<std::uint32_t>(), scan, 1, parcels, voxels.data());
  file.write_rows(*s.coverage, element_type<double>(), scan, 1, parcels, share.data());
  ++s.covered[scan];
}

void CohortWriter::set_scan_statistics(std::size_t scan, const ScanStatistics& statistics) {
  State& s = *state_;
  BRAINMT_CHECK(scan < s.layout.scans.size(), "there is no scan {}", scan);
  const double row[4] = {1.0, statistics.mean, statistics.std, static_cast<double>(statistics.fill)};
  for (std::size_t i = 0; i < 4; ++i) s.statistics[4 * scan + i] += row[i];
}

void CohortWriter::commit(std::exception_ptr failure) {
  State& s = *state_;
  s.shared.require(failure);
  s.shared.carry_out([&] { s.complete(); });
  s.shared.commit({});
}

}  // namespace brainmt::io
