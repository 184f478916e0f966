#include <algorithm>
#include <array>
#include <cmath>

#include "base/error.hpp"
#include "comm/gather.hpp"
#include "connectivity/fc_file.hpp"
#include "io/checksum.hpp"
#include "io/shared_hdf5.hpp"

namespace brainmt::connectivity {
namespace {

using Json = nlohmann::ordered_json;

std::uint64_t bytes_of(const FcDescription& d) {
  return (d.participants.size() + d.runs.size()) * d.edges() * sizeof(float);
}

template <class T, class Get>
std::vector<T> field(const std::vector<FcRow>& rows, Get get) {
  std::vector<T> values;
  for (const FcRow& row : rows) values.push_back(get(row));
  return values;
}

void write_attribute(io::Hdf5Writer& file, const std::string& name, const Json& value) {
  if (value.is_string())
    file.text_attribute(name, value.get<std::string>());
  else if (value.is_number_float())
    file.real_attribute(name, value.get<double>());
  else if (value.is_number_unsigned() && value.get<std::uint64_t>() <= std::numeric_limits<std::uint32_t>::max())
    file.number_attribute(name, value.get<std::uint32_t>());
  else
    file.text_attribute(name, value.dump());
}

}  // namespace

std::string fc_format::hash_of(const FcDescription& d) {
  std::string text = d.metadata.dump() + '\n' + d.values + '\n';
  for (const auto* rows : {&d.participants, &d.runs}) {
    for (const FcRow& row : *rows)
      text += fmt::format("{}\t{}\t{}\t{}\t{}\n", row.id, row.run, row.frames, row.runs, row.mean_fd);
    text += '\n';
  }
  for (std::size_t p = 0; p < d.parcels.size(); ++p) {
    const auto& [x, y, z] = d.parcels.centroid[p];
    text += fmt::format("{}\t{}\t{}\t{}\t{}\t{}\t{}\n", d.parcels.index[p], d.parcels.name[p], d.parcels.network[p],
                        d.parcels.hemisphere[p], x, y, z);
  }
  io::Sha256 hash;
  hash.update(std::as_bytes(std::span(text)));
  for (const FcFitted& array : d.fitted) hash.update(std::as_bytes(std::span(array.values)));
  return hash.finish();
}

// Edges of participants, or of runs, with what is counted of each row while it is written.
struct EdgeRows {
  const io::Hdf5Dataset *edges = nullptr, *checksums = nullptr, *missing = nullptr;
  std::vector<std::uint32_t> crc, written;  // of a row: its checksum; how often this rank wrote it
  std::vector<std::uint64_t> missing_edges;
};

struct FcWriter::State {
  io::SharedHdf5 shared;
  std::size_t width;
  EdgeRows participants, runs;

  State(MPI_Comm comm, const std::filesystem::path& target, const FcDescription& d)
      : shared(comm, target, bytes_of(d)), width(d.edges()) {}

  void describe(const FcDescription& d);
  void create(EdgeRows& table, const std::vector<FcRow>& rows, const std::string& folder, const std::string& values);
  void write(EdgeRows& table, std::size_t row, std::span<const float> edges);
  void complete(EdgeRows& table);
};

// Every rank creates, rank 0 fills in.
void FcWriter::State::describe(const FcDescription& d) {
  io::Hdf5Writer& file = shared.file();
  file.text_attribute("format", fc_format::kFormat);
  file.number_attribute("version", fc_format::kVersion);
  file.text_attribute("values", d.values);
  for (const auto& [name, value] : d.metadata.items()) write_attribute(file, name, value);
  file.text_attribute("metadata", d.metadata.dump());
  file.text_attribute("description_sha256", fc_format::hash_of(d));
  const std::array parcels{hsize_t{d.parcels.size()}};
  shared.store("index", d.parcels.index, parcels);
  shared.store("name", d.parcels.name);
  shared.store("network", d.parcels.network);
  shared.store("hemisphere", d.parcels.hemisphere);
  std::vector<double> xyz;
  for (const auto& centre : d.parcels.centroid) xyz.insert(xyz.end(), centre.begin(), centre.end());
  shared.store("xyz", xyz, std::array{parcels[0], hsize_t{3}});
  for (const FcFitted& array : d.fitted)
    shared.store(array.name, array.values, std::vector<hsize_t>(array.extents.begin(), array.extents.end()));
}

void FcWriter::State::create(EdgeRows& table, const std::vector<FcRow>& rows, const std::string& folder,
                             const std::string& values) {
  const std::array count{hsize_t{rows.size()}};
  shared.store(folder + "participant_id", field<std::string>(rows, [](const FcRow& row) { return row.id; }));
  if (!folder.empty()) shared.store(folder + "run", field<std::string>(rows, [](const FcRow& row) { return row.run; }));
  shared.store(folder + "frames", field<std::uint64_t>(rows, [](const FcRow& row) { return row.frames; }), count);
  if (folder.empty())
    shared.store("n_runs", field<std::uint32_t>(rows, [](const FcRow& row) { return row.runs; }), count);
  shared.store(folder + "mean_fd", field<double>(rows, [](const FcRow& row) { return row.mean_fd; }), count);
  table.edges = &shared.create(folder + values, io::element_type<float>(), std::array{count[0], hsize_t{width}});
  table.checksums = &shared.create(folder + "row_crc32", io::element_type<std::uint32_t>(), count);
  table.missing = &shared.create(folder + "edges_missing", io::element_type<std::uint64_t>(), count);
  table.crc.assign(rows.size(), 0);
  table.written.assign(rows.size(), 0);
  table.missing_edges.assign(rows.size(), 0);
}

void FcWriter::State::write(EdgeRows& table, std::size_t row, std::span<const float> edges) {
  BRAINMT_CHECK(row < table.crc.size() && edges.size() == width, "{} edges at row {}", edges.size(), row);
  shared.file().write_entry(*table.edges, io::element_type<float>(), row, edges.data());
  table.crc[row] = io::crc32(std::as_bytes(edges));
  table.missing_edges[row] =
      static_cast<std::uint64_t>(std::ranges::count_if(edges, [](float value) { return std::isnan(value); }));
  ++table.written[row];
}

// Brings what was counted to rank 0, which checks that every row was written once and stores it.
void FcWriter::State::complete(EdgeRows& table) {
  if (table.edges == nullptr) return;
  comm::all_reduce(shared.comm(), std::span(table.crc), comm::ReduceOp::kSum);
  comm::all_reduce(shared.comm(), std::span(table.written), comm::ReduceOp::kSum);
  std::vector<std::int64_t> missing(table.missing_edges.begin(), table.missing_edges.end());
  comm::all_reduce(shared.comm(), std::span(missing), comm::ReduceOp::kSum);
  table.missing_edges.assign(missing.begin(), missing.end());
  if (shared.comm().rank() != 0) return;
  const auto wrong = std::ranges::find_if(table.written, [](std::uint32_t times) { return times != 1; });
  BRAINMT_CHECK(wrong == table.written.end(), "row {} was written {} times", wrong - table.written.begin(), *wrong);
  shared.file().write(*table.checksums, io::element_type<std::uint32_t>(), table.crc.data());
  shared.file().write(*table.missing, io::element_type<std::uint64_t>(), table.missing_edges.data());
}

FcWriter::FcWriter(MPI_Comm comm, const std::filesystem::path& target, const FcDescription& description)
    : state_(std::make_unique<State>(comm, target, description)) {
  State& s = *state_;
  s.shared.carry_out([&] {
    s.describe(description);
    s.create(s.participants, description.participants, "", description.values);
    if (description.runs.empty()) return;
    s.shared.file().create_group("runs");
    s.create(s.runs, description.runs, "runs/", description.values);
  });
}

FcWriter::~FcWriter() = default;

void FcWriter::write(std::size_t participant, std::span<const float> edges) {
  state_->write(state_->participants, participant, edges);
}

void FcWriter::write_run(std::size_t run, std::span<const float> edges) { state_->write(state_->runs, run, edges); }

void FcWriter::commit(std::exception_ptr failure) {
  State& s = *state_;
  s.shared.require(failure);
  s.shared.carry_out([&] {
    s.complete(s.participants);
    s.complete(s.runs);
  });
  s.shared.commit({});
}

}  // namespace brainmt::connectivity
