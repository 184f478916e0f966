// Reading; embedding_writer.cpp writes.
#include "analysis/embedding_file.hpp"

#include <cmath>

#include "analysis/embedding_layout.hpp"
#include "base/error.hpp"
#include "io/file_kind.hpp"
#include "io/hdf5_reader.hpp"

namespace brainmt::analysis {
namespace {

using embedding_layout::kMaxTextBytes;

bool same(double a, double b) { return a == b || (std::isnan(a) && std::isnan(b)); }

// Throws DataError about `path`.
[[noreturn]] void refuse(const std::filesystem::path& path, const std::string& why) {
  throw DataError(fmt::format("'{}': {}: copy or make it again", path.string(), why));
}

bool is_residualized(const std::filesystem::path& path) {
  try {
    io::Hdf5Reader(path).text_attribute("residualized_by", kMaxTextBytes);
    return true;
  } catch (const DataError&) {
    return false;
  }
}

std::vector<EmbeddedParticipant> read_participants(const io::Hdf5Reader& file, const std::filesystem::path& path) {
  const auto ids = file.texts("participant_id", kMaxTextBytes), parts = file.texts("split", kMaxTextBytes);
  const auto windows = file.array<std::uint32_t>("n_windows"), runs = file.array<std::uint32_t>("n_runs");
  const auto fd = file.array<double>("mean_fd"), tr = file.array<double>("repetition_time");
  for (const std::size_t size : {parts.size(), windows.size(), runs.size(), fd.size(), tr.size()})
    if (size != ids.size()) refuse(path, "its arrays are of different lengths");
  std::vector<EmbeddedParticipant> participants;
  for (std::size_t i = 0; i < ids.size(); ++i)
    participants.push_back({ids[i], parts[i], windows[i], runs[i], fd[i], tr[i]});
  return participants;
}

nlohmann::ordered_json read_metadata(const io::Hdf5Reader& file, const std::filesystem::path& path) {
  auto metadata = nlohmann::ordered_json::parse(file.text_attribute("metadata", kMaxTextBytes), nullptr, false);
  if (!metadata.is_object()) refuse(path, "its metadata are not a JSON object");
  return metadata;
}

}  // namespace

bool EmbeddedParticipant::operator==(const EmbeddedParticipant& other) const {
  return id == other.id && part == other.part && windows == other.windows && runs == other.runs &&
         same(mean_fd, other.mean_fd) && same(repetition_time, other.repetition_time);
}

bool is_embedding_file(const std::filesystem::path& path) {
  const io::Hdf5Reader file(path);
  try {
    return file.text_attribute("format", kMaxTextBytes) == embedding_format::kFormat;
  } catch (const DataError&) {
    return false;
  }
}

run::OutputKind embeddings_kind(bool residualized) {
  return run::hdf5_kind(residualized ? "a file of 'brainmt embed residualize'" : "a file of 'brainmt embed'",
                        [=](const std::filesystem::path& path, const std::string& format) {
                          if (format != embedding_format::kFormat) return run::Standing::kForeign;
                          return is_residualized(path) == residualized ? run::Standing::kOwn : run::Standing::kOther;
                        });
}

EmbeddingFile::EmbeddingFile(const std::filesystem::path& path) : path_(path) {
  io::refuse_other_kinds(path, io::FileKind::kHdf5, "a file of embeddings");
  const io::Hdf5Reader file(path);
  if (!is_embedding_file(path)) refuse(path, fmt::format("no file of the format {}", embedding_format::kFormat));
  if (const auto version = file.number_attribute("version"); version != embedding_format::kVersion)
    throw DataError(fmt::format("'{}': version {} of the format, this program reads version {}", path.string(), version,
                                embedding_format::kVersion));
  description_.metadata = read_metadata(file, path);
  description_.participants = read_participants(file, path);
  if (file.text_attribute("description_sha256", kMaxTextBytes) != embedding_layout::hash_of(description_))
    refuse(path, "its description does not match its checksum");
  const io::Hdf5Type type = io::element_type<float>();
  const auto& pooling = description_.metadata.value("pooling", "");
  description_.arrays = {"embeddings"};
  if (pooling == "both") description_.arrays.push_back("embeddings_mean");
  for (const std::string& name : description_.arrays) {
    const auto extents = file.locate(name, type).extents;
    if (extents.size() != 2 || extents[0] != description_.participants.size() || extents[1] == 0 ||
        (description_.width != 0 && extents[1] != description_.width))
      refuse(path, fmt::format("/{} is not an array of a row for each participant", name));
    description_.width = extents[1];
  }
  if (description_.metadata.value("tokens", "none") == "none") return;
  const auto extents = file.locate("tokens", type).extents;
  if (extents.size() != 3 || extents[0] != description_.participants.size() || extents[2] != description_.width)
    refuse(path, "/tokens does not fit /embeddings");
  description_.token_frames = extents[1];
}

std::vector<EmbeddingRow> EmbeddingFile::rows() const {
  const io::Hdf5Reader file(path_);
  const std::size_t count = description_.participants.size(), width = description_.width;
  const std::size_t token_values = description_.token_frames * width;
  std::vector<EmbeddingRow> rows(count);
  const auto append = [&](const std::vector<float>& values, std::size_t each, std::vector<float> EmbeddingRow::*where) {
    for (std::size_t i = 0; i < count; ++i) {
      const auto first = values.begin() + static_cast<std::ptrdiff_t>(i * each);
      (rows[i].*where).insert((rows[i].*where).end(), first, first + static_cast<std::ptrdiff_t>(each));
    }
  };
  for (const std::string& name : description_.arrays) append(file.array<float>(name, 2), width, &EmbeddingRow::values);
  if (token_values > 0) append(file.array<float>("tokens", 3), token_values, &EmbeddingRow::tokens);
  const auto checksums = file.array<std::uint32_t>("row_crc32");
  if (checksums.size() != count) refuse(path_, "its checksums are not one a row");
  for (std::size_t i = 0; i < count; ++i)
    if (checksums[i] != embedding_layout::checksum_of(rows[i]))
      refuse(path_,
             fmt::format("the row of participant {} does not match its checksum", description_.participants[i].id));
  return rows;
}

}  // namespace brainmt::analysis
