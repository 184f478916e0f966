#include <algorithm>
#include <array>

#include "analysis/embedding_layout.hpp"
#include "base/error.hpp"
#include "comm/gather.hpp"
#include "io/checksum.hpp"
#include "io/shared_hdf5.hpp"

namespace brainmt::analysis {
namespace {

std::uint64_t bytes_of(const EmbeddingDescription& d) {
  return d.participants.size() * d.width * (d.arrays.size() + d.token_frames) * sizeof(float);
}

template <class T, class Get>
std::vector<T> field(const std::vector<EmbeddedParticipant>& participants, Get get) {
  std::vector<T> values;
  for (const EmbeddedParticipant& p : participants) values.push_back(get(p));
  return values;
}

void write_attribute(io::Hdf5Writer& file, const std::string& name, const nlohmann::ordered_json& value) {
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

namespace embedding_layout {

std::string hash_of(const EmbeddingDescription& description) {
  std::string text = description.metadata.dump() + '\n';
  for (const EmbeddedParticipant& p : description.participants)
    text += fmt::format("{}\t{}\t{}\t{}\t{}\t{}\n", p.id, p.part, p.windows, p.runs, p.mean_fd, p.repetition_time);
  return io::sha256(std::as_bytes(std::span(text)));
}

std::uint32_t checksum_of(const EmbeddingRow& row) {
  std::vector<float> all = row.values;
  all.insert(all.end(), row.tokens.begin(), row.tokens.end());
  return io::crc32(std::as_bytes(std::span(all)));
}

}  // namespace embedding_layout

struct EmbeddingWriter::State {
  io::SharedHdf5 shared;
  std::size_t width, token_values;
  std::vector<const io::Hdf5Dataset*> arrays;
  const io::Hdf5Dataset *tokens = nullptr, *checksums = nullptr;
  std::vector<std::uint32_t> crc;      // of the rows that this rank wrote
  std::vector<std::uint32_t> written;  // how often it wrote each

  State(MPI_Comm comm, const std::filesystem::path& target, const EmbeddingDescription& d)
      : shared(comm, target, bytes_of(d)), width(d.width), token_values(d.token_frames * d.width) {}

  void describe(const EmbeddingDescription& d);
  void create_arrays(const EmbeddingDescription& d);
  void complete();
};

// Every rank creates, rank 0 fills in.
void EmbeddingWriter::State::describe(const EmbeddingDescription& d) {
  io::Hdf5Writer& file = shared.file();
  file.text_attribute("format", embedding_format::kFormat);
  file.number_attribute("version", embedding_format::kVersion);
  for (const auto& [name, value] : d.metadata.items()) write_attribute(file, name, value);
  file.text_attribute("metadata", d.metadata.dump());
  file.text_attribute("description_sha256", embedding_layout::hash_of(d));
  const auto& all = d.participants;
  const std::array rows{hsize_t{all.size()}};
  shared.store("participant_id", field<std::string>(all, [](const auto& p) { return p.id; }));
  shared.store("split", field<std::string>(all, [](const auto& p) { return p.part; }));
  shared.store("n_windows", field<std::uint32_t>(all, [](const auto& p) { return p.windows; }), rows);
  shared.store("n_runs", field<std::uint32_t>(all, [](const auto& p) { return p.runs; }), rows);
  shared.store("mean_fd", field<double>(all, [](const auto& p) { return p.mean_fd; }), rows);
  shared.store("repetition_time", field<double>(all, [](const auto& p) { return p.repetition_time; }), rows);
  std::string group;
  for (const FittedArray& array : d.fitted) {
    const std::string folder = array.name.substr(0, array.name.find('/'));
    if (folder != group) file.create_group(group = folder);
    shared.store(array.name, array.values, std::vector<hsize_t>(array.extents.begin(), array.extents.end()));
  }
}

void EmbeddingWriter::State::create_arrays(const EmbeddingDescription& d) {
  const hsize_t rows = d.participants.size();
  const io::Hdf5Type type = io::element_type<float>();
  for (const std::string& name : d.arrays)
    arrays.push_back(&shared.create(name, type, std::array{rows, hsize_t{width}}));
  if (d.token_frames > 0)
    tokens = &shared.create("tokens", type, std::array{rows, hsize_t{d.token_frames}, hsize_t{width}});
  checksums = &shared.create("row_crc32", io::element_type<std::uint32_t>(), std::array{rows});
  crc.assign(rows, 0);
  written.assign(rows, 0);
}

// Brings the checksums to rank 0, which checks that every row was written once and stores them.
void EmbeddingWriter::State::complete() {
  for (std::vector<std::uint32_t>* values : {&crc, &written})
    comm::all_reduce(shared.comm(), std::span(*values), comm::ReduceOp::kSum);
  if (shared.comm().rank() != 0) return;
  const auto wrong = std::ranges::find_if(written, [](std::uint32_t times) { return times != 1; });
  BRAINMT_CHECK(wrong == written.end(), "row {} was written {} times", wrong - written.begin(), *wrong);
  shared.file().write(*checksums, io::element_type<std::uint32_t>(), crc.data());
}

EmbeddingWriter::EmbeddingWriter(MPI_Comm comm, const std::filesystem::path& target,
                                 const EmbeddingDescription& description)
    : state_(std::make_unique<State>(comm, target, description)) {
  State& s = *state_;
  s.shared.carry_out([&] {
    s.describe(description);
    s.create_arrays(description);
  });
}

EmbeddingWriter::~EmbeddingWriter() = default;

void EmbeddingWriter::write(std::size_t participant, const EmbeddingRow& row) {
  State& s = *state_;
  BRAINMT_CHECK(participant < s.crc.size() && row.values.size() == s.arrays.size() * s.width &&
                    row.tokens.size() == s.token_values,
                "a row of {} values and {} token values at {}", row.values.size(), row.tokens.size(), participant);
  const io::Hdf5Type type = io::element_type<float>();
  for (std::size_t a = 0; a < s.arrays.size(); ++a)
    s.shared.file().write_entry(*s.arrays[a], type, participant, row.values.data() + a * s.width);
  if (s.token_values > 0) s.shared.file().write_entry(*s.tokens, type, participant, row.tokens.data());
  s.crc[participant] = embedding_layout::checksum_of(row);
  ++s.written[participant];
}

void EmbeddingWriter::commit(std::exception_ptr failure) {
  State& s = *state_;
  s.shared.require(failure);
  s.shared.carry_out([&] { s.complete(); });
  s.shared.commit({});
}

}  // namespace brainmt::analysis
