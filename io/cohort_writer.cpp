#include "io/cohort_writer.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "io/agreement.hpp"
#include "io/atomic_file.hpp"
#include "io/checksum.hpp"
#include "io/hdf5_writer.hpp"

namespace brainmt::io {
namespace {

// One transfer stays below the 2 GiB that a count of bytes in an int allows in HDF5 and in MPI-IO.
constexpr std::size_t kLargestWrite = std::size_t{256} << 20;

// Refuses at the start what would fail after hours. Quotas do not show here; they fail in write_frames.
void check_space(const std::filesystem::path& target, std::uint64_t bytes) {
  std::error_code unknown;
  const auto parent = target.has_parent_path() ? target.parent_path() : std::filesystem::path(".");
  const auto space = std::filesystem::space(parent, unknown);
  if (!unknown && space.capacity > 0 && space.available < bytes) {
    throw OutputError(fmt::format("'{}' needs {} bytes and its file system has {} free: choose another place",
                                  target.string(), bytes, space.available));
  }
}

std::string broadcast(MPI_Comm comm, std::string text) {
  int size = static_cast<int>(text.size());
  MPI_Bcast(&size, 1, MPI_INT, 0, comm);
  text.resize(static_cast<std::size_t>(size));
  MPI_Bcast(text.data(), size, MPI_CHAR, 0, comm);
  return text;
}

Hdf5Properties shared_access(MPI_Comm comm) {
  prepare_hdf5();
  Hdf5Properties access(H5Pcreate(H5P_FILE_ACCESS));
  const bool ok = H5Pset_fapl_mpio(access.get(), comm, MPI_INFO_NULL) >= 0 &&
                  H5Pset_libver_bounds(access.get(), H5F_LIBVER_V110, H5F_LIBVER_V110) >= 0;  // checksums on metadata
  BRAINMT_CHECK(ok, "HDF5 has no MPI-IO: {}", hdf5_reason());
  return access;
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
  MPI_Comm comm = MPI_COMM_NULL;
  int rank = 0;
  std::filesystem::path target, temporary;
  CohortLayout layout;
  bool finished = false;  // committed, or discarded by all ranks together
  std::optional<Hdf5Writer> file;
  Hdf5Dataset frames, checksums, means, deviations, fills;
  std::vector<std::uint32_t> crc;     // of the frames that this rank wrote, by row of the store
  std::vector<std::uint8_t> written;  // how often this rank wrote the frame
  std::vector<double> statistics;     // a scan: {times set, mean, std, fill}, zero where another rank sets it

  State(MPI_Comm parent, const std::filesystem::path& path, const CohortLayout& given) : target(path), layout(given) {
    MPI_Comm_dup(parent, &comm);
    MPI_Comm_rank(comm, &rank);
  }

  // Closing is collective and the other ranks may not be here: only the name is taken back.
  ~State() {
    if (finished) return;
    if (!temporary.empty()) ::unlink(temporary.c_str());
    for (Hdf5Dataset* array : {&frames, &checksums, &means, &deviations, &fills}) array->release();
    if (file) file->abandon();
  }

  void lay_out();
  void create_temporary();
  void create_arrays();
  template <class T>
  void store(const std::string& name, const std::vector<T>& values, std::vector<hsize_t> extents);
  void store(const std::string& name, std::span<const std::string> texts);
  void store_known();
  void complete();
  void close_all();
  void discard();
  void finish();
};

// Assigns the rows of the scans.
void CohortWriter::State::lay_out() {
  check_layout(layout, fmt::format("cannot store '{}'", target.string()));
  std::uint64_t row = 0;
  for (CohortScan& scan : layout.scans) {
    scan.first_frame = row;
    row += scan.frames;
  }
}

void CohortWriter::State::create_temporary() {
  collectively(comm, [&] {
    if (rank != 0) return;
    check_space(target, layout.total_frames() * layout.voxels.size() * sizeof(std::uint16_t));
    temporary = create_beside(target).path;
  });
  temporary = broadcast(comm, temporary.string());
  collectively(comm, [&] { file.emplace(temporary, shared_access(comm).get(), target); });
}

// The arrays that are filled from write_frames() to commit(), and what is collected for them until then.
void CohortWriter::State::create_arrays() {
  const hsize_t scans = layout.scans.size(), rows = layout.total_frames(), columns = layout.voxels.size();
  file->text_attribute("format", cohort_format::kFormat);
  file->number_attribute("version", cohort_format::kVersion);
  file->text_attribute("normalization", layout.normalization);
  file->text_attribute("provenance", layout.provenance);
  file->text_attribute("layout", layout.layout);
  file->text_attribute("processing", layout.processing);
  file->create_group("scans");
  file->create_group("phenotypes");
  frames = file->create("frames", half_type(), std::array{rows, columns});
  checksums = file->create("frame_crc32", element_type<std::uint32_t>(), std::array{rows});
  means = file->create("scans/mean", element_type<double>(), std::array{scans});
  deviations = file->create("scans/std", element_type<double>(), std::array{scans});
  fills = file->create("scans/fill_value", half_type(), std::array{scans});
  crc.assign(rows, 0);
  written.assign(rows, 0);
  statistics.assign(scans * 4, 0.0);
}

template <class T>
void CohortWriter::State::store(const std::string& name, const std::vector<T>& values, std::vector<hsize_t> extents) {
  const Hdf5Type type = element_type<T>();
  const Hdf5Dataset array = file->create(name, type, extents);
  if (rank == 0) file->write(array, type, values.data());
}

void CohortWriter::State::store(const std::string& name, std::span<const std::string> texts) {
  const TextBlock block = pack_texts(texts);
  const Hdf5Type type = text_type(block.cell);
  const Hdf5Dataset array = file->create(name, type, std::array{hsize_t{texts.size()}});
  if (rank == 0) file->write(array, type, block.bytes.data());
}

// Everything that the layout tells before the first scan is read. Every rank creates, rank 0 fills in.
void CohortWriter::State::store_known() {
  const auto& scans = layout.scans;
  const hsize_t count = scans.size();
  std::vector<std::uint8_t> mask(layout.grid.voxels(), 0);
  for (const std::uint32_t voxel : layout.voxels) mask[voxel] = 1;
  store("mask", mask, {layout.grid.y, layout.grid.x, layout.grid.z});
  store("affine", std::vector<double>(layout.affine.begin(), layout.affine.end()), {4, 4});
  store("scans/participant_id", gather_field<std::string>(scans, [](const auto& s) { return s.participant_id; }));
  store("scans/source", gather_field<std::string>(scans, [](const auto& s) { return s.source; }));
  store("scans/run", gather_field<std::string>(scans, [](const auto& s) { return s.run; }));
  store("scans/mean_fd", gather_field<double>(scans, [](const auto& s) { return s.mean_fd; }), {count});
  store("scans/first_frame", gather_field<std::uint64_t>(scans, [](const auto& s) { return s.first_frame; }), {count});
  store("scans/frames", gather_field<std::uint64_t>(scans, [](const auto& s) { return s.frames; }), {count});
  store("scans/repetition_time", gather_field<double>(scans, [](const auto& s) { return s.repetition_time; }), {count});
  for (const PhenotypeColumn& column : layout.phenotypes) {
    const std::string name = "phenotypes/" + column.name;
    if (const auto* numbers = std::get_if<std::vector<double>>(&column.values)) {
      store(name, *numbers, {count});
    } else {
      store(name, std::get<std::vector<std::string>>(column.values));
    }
  }
}

// Brings checksums and statistics to rank 0, which checks that they are complete and writes them.
void CohortWriter::State::complete() {
  const auto to_rank_0 = [&](auto& values, MPI_Datatype type) {
    const void* send = rank == 0 ? MPI_IN_PLACE : values.data();
    MPI_Reduce(send, values.data(), static_cast<int>(values.size()), type, MPI_SUM, 0, comm);
  };
  to_rank_0(crc, MPI_UINT32_T);
  to_rank_0(written, MPI_UINT8_T);
  to_rank_0(statistics, MPI_DOUBLE);
  if (rank != 0) return;
  std::vector<double> mean, deviation;
  std::vector<std::uint16_t> fill;
  for (std::size_t s = 0; s < layout.scans.size(); ++s) {
    const CohortScan& scan = layout.scans[s];
    const auto first = written.begin() + static_cast<std::ptrdiff_t>(scan.first_frame);
    const auto once = std::count(first, first + static_cast<std::ptrdiff_t>(scan.frames), 1);
    BRAINMT_CHECK(once == static_cast<std::ptrdiff_t>(scan.frames) && statistics[4 * s] == 1.0,
                  "scan {} has {} of {} frames written once, statistics set {} times", s, once, scan.frames,
                  statistics[4 * s]);
    mean.push_back(statistics[4 * s + 1]);
    deviation.push_back(statistics[4 * s + 2]);
    fill.push_back(static_cast<std::uint16_t>(statistics[4 * s + 3]));
  }
  file->write(checksums, element_type<std::uint32_t>(), crc.data());
  file->write(means, element_type<double>(), mean.data());
  file->write(deviations, element_type<double>(), deviation.data());
  file->write(fills, half_type(), fill.data());
}

// Collective.
void CohortWriter::State::close_all() {
  for (Hdf5Dataset* array : {&frames, &checksums, &means, &deviations, &fills}) array->close();
  file->close();
}

// Collective: takes the temporary file away and closes what is still open; the first failure is the one to report.
void CohortWriter::State::discard() {
  if (rank == 0) ::unlink(temporary.c_str());
  try {
    close_all();
  } catch (const OutputError&) {
  }
  finish();
}

void CohortWriter::State::finish() {
  finished = true;
  MPI_Comm_free(&comm);
}

CohortWriter::CohortWriter(MPI_Comm comm, const std::filesystem::path& target, const CohortLayout& layout)
    : state_(std::make_unique<State>(comm, target, layout)) {
  State& s = *state_;
  collectively(s.comm, [&] { s.lay_out(); });
  s.create_temporary();
  try {
    collectively(s.comm, [&] {
      s.create_arrays();
      s.store_known();
    });
  } catch (const Error&) {  // the same on every rank, so what follows is collective
    s.discard();
    throw;
  }
}

CohortWriter::~CohortWriter() = default;

void CohortWriter::write_frames(std::size_t scan, std::uint64_t first_frame, std::span<const std::uint16_t> frames) {
  State& s = *state_;
  const std::size_t voxels = s.layout.voxels.size();
  const std::size_t count = frames.size() / voxels;
  BRAINMT_CHECK(!s.finished && scan < s.layout.scans.size() && frames.size() % voxels == 0 &&
                    first_frame + count <= s.layout.scans[scan].frames,
                "frames {}+{} do not fit in scan {}", first_frame, count, scan);
  const Hdf5Type type = half_type();
  const std::size_t step = std::max<std::size_t>(1, kLargestWrite / (voxels * sizeof(std::uint16_t)));
  const std::uint64_t row = s.layout.scans[scan].first_frame + first_frame;
  for (std::size_t done = 0; done < count; done += step) {
    const std::size_t rows = std::min(step, count - done);
    s.file->write_rows(s.frames, type, row + done, rows, voxels, frames.data() + done * voxels);
  }
  for (std::size_t f = 0; f < count; ++f) {
    s.crc[row + f] = crc32(std::as_bytes(frames.subspan(f * voxels, voxels)));
    ++s.written[row + f];
  }
}

void CohortWriter::set_scan_statistics(std::size_t scan, const ScanStatistics& statistics) {
  State& s = *state_;
  BRAINMT_CHECK(scan < s.layout.scans.size(), "there is no scan {}", scan);
  const double row[4] = {1.0, statistics.mean, statistics.std, static_cast<double>(statistics.fill)};
  for (std::size_t i = 0; i < 4; ++i) s.statistics[4 * scan + i] += row[i];
}

void CohortWriter::commit(std::exception_ptr failure) {
  State& s = *state_;
  BRAINMT_CHECK(!s.finished, "a cohort is committed once");
  try {
    agree(s.comm, failure);
    collectively(s.comm, [&] { s.complete(); });
    collectively(s.comm, [&] { s.close_all(); });
    collectively(s.comm, [&] {
      if (s.rank != 0) return;
      sync_file(s.temporary);  // closing may have written after the last synchronisation
      rename_durably(s.temporary, s.target);
    });
  } catch (const Error&) {  // as in the constructor
    s.discard();
    throw;
  }
  s.finish();
}

}  // namespace brainmt::io
