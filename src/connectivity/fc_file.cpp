// Reading; fc_writer.cpp writes.
#include "connectivity/fc_file.hpp"

#include <algorithm>
#include <set>

#include "base/error.hpp"
#include "io/checksum.hpp"
#include "io/file_kind.hpp"
#include "io/hdf5_reader.hpp"

namespace brainmt::connectivity {
namespace {

namespace fs = std::filesystem;
using fc_format::kMaxTextBytes;

[[noreturn]] void refuse(const fs::path& path, const std::string& why) {
  throw DataError(fmt::format("'{}': {}: copy or make it again", path.string(), why));
}

std::vector<FcRow> read_about(const io::Hdf5Reader& file, const fs::path& path, const std::string& folder) {
  const auto ids = file.texts(folder + "participant_id", kMaxTextBytes);
  const auto frames = file.array<std::uint64_t>(folder + "frames");
  const auto fd = file.array<double>(folder + "mean_fd");
  const auto missing = file.array<std::uint64_t>(folder + "edges_missing");
  const bool of_runs = !folder.empty();
  const auto names = of_runs ? file.texts(folder + "run", kMaxTextBytes) : std::vector<std::string>(ids.size());
  const auto runs = of_runs ? std::vector<std::uint32_t>(ids.size(), 1) : file.array<std::uint32_t>(folder + "n_runs");
  for (const std::size_t size : {frames.size(), fd.size(), missing.size(), names.size(), runs.size()}) {
    if (size != ids.size()) refuse(path, "its arrays are of different lengths");
  }
  std::vector<FcRow> rows;
  for (std::size_t i = 0; i < ids.size(); ++i)
    rows.push_back({ids[i], names[i], frames[i], runs[i], fd[i], missing[i]});
  return rows;
}

io::ParcelTable read_parcels(const io::Hdf5Reader& file, const fs::path& path, const nlohmann::ordered_json& metadata) {
  io::ParcelTable parcels;
  parcels.index = file.array<std::int32_t>("index");
  parcels.name = file.texts("name", kMaxTextBytes);
  parcels.network = file.texts("network", kMaxTextBytes);
  parcels.hemisphere = file.texts("hemisphere", kMaxTextBytes);
  std::vector<hsize_t> extents;
  const std::vector<double> xyz = file.array<double>("xyz", 2, &extents);
  if (extents[1] != 3) refuse(path, "/xyz does not hold three numbers a parcel");
  for (std::size_t p = 0; p < extents[0]; ++p) parcels.centroid.push_back({xyz[3 * p], xyz[3 * p + 1], xyz[3 * p + 2]});
  const auto text = [&](const char* key) { return metadata.value(key, nlohmann::ordered_json("")); };
  const auto set = [&](std::string& to, const char* key) {
    if (text(key).is_string()) to = text(key).get<std::string>();
  };
  set(parcels.atlas, "atlas");
  set(parcels.atlas_sha256, "atlas_sha256");
  set(parcels.table_sha256, "table_sha256");
  set(parcels.space, "space");
  if (metadata.contains("min_coverage") && metadata["min_coverage"].is_number())
    parcels.min_coverage = metadata["min_coverage"].get<double>();
  io::check_parcels(parcels, fmt::format("'{}'", path.string()));
  return parcels;
}

}  // namespace

bool is_fc_file(const fs::path& path) {
  const io::Hdf5Reader file(path);
  return file.has_attribute("format") && file.text_attribute("format", kMaxTextBytes) == fc_format::kFormat;
}

FcFile::FcFile(const fs::path& path) : path_(path) {
  io::refuse_other_kinds(path, io::FileKind::kHdf5, "a file of connectivity");
  const io::Hdf5Reader file(path);
  if (!is_fc_file(path))
    throw DataError(fmt::format("'{}': expected a file of 'brainmt fc' (format {}), found another HDF5 file",
                                path.string(), fc_format::kFormat));
  if (const auto version = file.number_attribute("version"); version != fc_format::kVersion)
    throw DataError(fmt::format("'{}': version {} of the format, this program reads version {}", path.string(), version,
                                fc_format::kVersion));
  FcDescription& d = description_;
  d.metadata = nlohmann::ordered_json::parse(file.text_attribute("metadata", kMaxTextBytes), nullptr, false);
  if (!d.metadata.is_object()) refuse(path, "its metadata are not a JSON object");
  d.values = file.text_attribute("values", kMaxTextBytes);
  if (d.values != "fisher" && d.values != "partial" && d.values != "tangent")
    refuse(path, "its attribute 'values' names no array of edges");
  d.parcels = read_parcels(file, path, d.metadata);
  const auto locate = [&](const std::string& folder, std::vector<FcRow>& about, Rows& rows) {
    about = read_about(file, path, folder);
    const auto [extents, offset, bytes] = file.locate(folder + d.values, io::element_type<float>());
    rows.checksums = file.array<std::uint32_t>(folder + "row_crc32");
    if (extents.size() != 2 || extents[0] != about.size() || extents[1] != d.edges() ||
        rows.checksums.size() != about.size())
      refuse(path, fmt::format("/{}{} is not {} x {}", folder, d.values, about.size(), d.edges()));
    rows.offset = offset;
  };
  locate("", d.participants, participants_);
  if (d.metadata.value("rows", "") == "run") locate("runs/", d.runs, runs_);
  for (const char* name : {"subspace", "reference"}) {
    if (d.metadata.value("fitted", "none").find(name) == std::string::npos) continue;
    std::vector<hsize_t> extents;
    std::vector<double> values = file.array<double>(name, 2, &extents);
    d.fitted.push_back({name, {extents.begin(), extents.end()}, std::move(values)});
  }
  if (file.text_attribute("description_sha256", kMaxTextBytes) != fc_format::hash_of(d))
    refuse(path, "its description does not match its checksum");
  std::set<std::string> ids;
  for (const FcRow& row : d.participants) {
    if (!ids.insert(row.id).second) refuse(path, fmt::format("participant {} has two rows", row.id));
  }
  file_ = io::open_for_reading(path);
}

void FcFile::read(const Rows& rows, const std::vector<FcRow>& about, std::size_t first, std::size_t count,
                  std::span<float> out) const {
  const std::size_t width = edges();
  BRAINMT_CHECK(first + count <= about.size() && out.size() == count * width, "rows [{}, {}) of {} into {} values",
                first, first + count, about.size(), out.size());
  io::read_exactly(file_, path_, rows.offset + first * width * sizeof(float), std::as_writable_bytes(out));
  for (std::size_t i = 0; i < count; ++i) {
    if (io::crc32(std::as_bytes(out.subspan(i * width, width))) == rows.checksums[first + i]) continue;
    refuse(path_, fmt::format("the row of participant {} does not match its checksum", about[first + i].id));
  }
}

void FcFile::read_rows(std::size_t first, std::size_t count, std::span<float> out) const {
  read(participants_, description_.participants, first, count, out);
}

void FcFile::read_runs(std::size_t first, std::size_t count, std::span<float> out) const {
  read(runs_, description_.runs, first, count, out);
}

}  // namespace brainmt::connectivity
