#pragma once
// Files of embeddings: one row per participant, with metadata (layout: docs/embeddings.md). Written atomically; each
// row and the description have checksums.
#include <mpi.h>

#include <cstdint>
#include <exception>
#include <filesystem>
#include <limits>
#include <memory>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <vector>

#include "run/outputs.hpp"

namespace brainmt::analysis {

struct EmbeddedParticipant {
  std::string id;
  std::string part{};  // train, val, test, or none
  std::uint32_t windows = 0, runs = 0;
  double mean_fd = std::numeric_limits<double>::quiet_NaN();  // mm, mean over the runs; NaN: not known
  double repetition_time = 0;                                 // seconds, of the runs; their mean where they differ
  bool operator==(const EmbeddedParticipant& other) const;    // NaN equals NaN
};

/// Numbers that were fitted, beside the rows: "residualization/coefficients".
struct FittedArray {
  std::string name;
  std::vector<std::uint64_t> extents;
  std::vector<double> values;
};

struct EmbeddingDescription {
  /// A flat object: each entry is an attribute of the file too (objects and lists as JSON text).
  nlohmann::ordered_json metadata{};
  std::vector<EmbeddedParticipant> participants{};
  std::vector<std::string> arrays{};  // [S, width] each: "embeddings", with both poolings also "embeddings_mean"
  std::size_t width = 0;
  std::size_t token_frames = 0;  // T of /tokens [S, T, width]; 0: there are none
  std::vector<FittedArray> fitted{};
};

/// One participant's row.
struct EmbeddingRow {
  std::vector<float> values;  // [arrays, width]
  std::vector<float> tokens;  // [token_frames, width]
};

class EmbeddingWriter {
 public:
  /// Collective, the same description on every rank. Throws OutputError.
  EmbeddingWriter(MPI_Comm comm, const std::filesystem::path& target, const EmbeddingDescription& description);
  ~EmbeddingWriter();

  /// Independent: each participant by exactly one rank. Throws OutputError.
  void write(std::size_t participant, const EmbeddingRow& row);

  /// Collective, once. `failure`: what went wrong on this rank, or null; then every rank throws and no file appears.
  void commit(std::exception_ptr failure);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// Reads a file of embeddings without trusting it.
class EmbeddingFile {
 public:
  /// Reads everything but the rows. Throws DataError when the file is cut short, of another format, or when its
  /// description does not match its checksum.
  explicit EmbeddingFile(const std::filesystem::path& path);

  const std::filesystem::path& path() const { return path_; }
  const EmbeddingDescription& description() const { return description_; }

  /// All rows, each compared with its checksum: a DataError names the first participant whose row differs.
  std::vector<EmbeddingRow> rows() const;

 private:
  std::filesystem::path path_;
  EmbeddingDescription description_;
};

/// Does an HDF5 file say that it holds embeddings? Throws DataError when it is no HDF5 file.
bool is_embedding_file(const std::filesystem::path& path);

/// For run::check_outputs(): a file of 'brainmt embed', or one that covariates were removed from.
run::OutputKind embeddings_kind(bool residualized);

namespace embedding_format {
inline constexpr const char* kFormat = "brainmt-embeddings";
inline constexpr std::uint32_t kVersion = 1;
}  // namespace embedding_format

}  // namespace brainmt::analysis
