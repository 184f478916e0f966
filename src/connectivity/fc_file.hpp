#pragma once
// Files of functional connectivity: one row of edges a participant, the parcels, and how it was made (layout:
// docs/connectivity.md). Written atomically by all ranks; rows and description have checksums.
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

#include "io/file_descriptor.hpp"
#include "io/parcel_table.hpp"

namespace brainmt::connectivity {

/// What is known of one row: a participant, or one of its runs.
struct FcRow {
  std::string id;
  std::string run{};         // of a row of runs, where the cohort names them
  std::uint64_t frames = 0;  // that were used; 0: not known
  std::uint32_t runs = 1;
  double mean_fd = std::numeric_limits<double>::quiet_NaN();  // mm, mean over the runs; NaN: not known
  std::uint64_t edges_missing = 0;                            // NaN in the row; known once it is written
};

/// Numbers that were fitted on the training part: "reference" [P, P], "subspace" [components, parcels of the cohort].
struct FcFitted {
  std::string name;
  std::vector<std::uint64_t> extents;
  std::vector<double> values;
};

/// All but the edges.
struct FcDescription {
  nlohmann::ordered_json metadata{};  // a flat object: docs/connectivity.md lists it
  std::string values{};               // the array: "fisher", "partial" or "tangent"
  io::ParcelTable parcels{};  // or components of a subspace; its texts (atlas, space, ...) are read from the metadata
  std::vector<FcRow> participants{};
  std::vector<FcRow> runs{};  // with fc.rows=run: below /runs
  std::vector<FcFitted> fitted{};

  /// Values of a row: P (P - 1) / 2 edges, the upper triangle row by row; of "tangent" the diagonal behind them.
  std::size_t edges() const {
    const std::size_t p = parcels.size();
    return values == "tangent" ? p * (p + 1) / 2 : p * (p - 1) / 2;
  }
};

class FcWriter {
 public:
  /// Collective, the same description on every rank. Throws OutputError.
  FcWriter(MPI_Comm comm, const std::filesystem::path& target, const FcDescription& description);
  ~FcWriter();

  /// Independent: each row by exactly one rank. `edges` [edges()]; NaN: missing. Throws OutputError.
  void write(std::size_t participant, std::span<const float> edges);
  void write_run(std::size_t run, std::span<const float> edges);

  /// Collective, once. `failure`: what went wrong on this rank, or null; then every rank throws and no file appears.
  void commit(std::exception_ptr failure);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// Reads such a file without trusting it.
class FcFile {
 public:
  /// Reads everything but the edges. Throws DataError when the file is cut short, of another format, or when its
  /// description does not match its checksum.
  explicit FcFile(const std::filesystem::path& path);

  const std::filesystem::path& path() const { return path_; }
  const FcDescription& description() const { return description_; }
  const std::vector<FcRow>& participants() const { return description_.participants; }
  const std::vector<FcRow>& runs() const { return description_.runs; }
  const io::ParcelTable& parcels() const { return description_.parcels; }
  const nlohmann::ordered_json& metadata() const { return description_.metadata; }
  std::size_t edges() const { return description_.edges(); }
  bool has_diagonal() const { return description_.values == "tangent"; }

  /// Rows [first, first + count) of the participants into `out` [count, edges()], each compared with its checksum: a
  /// DataError names the participant whose row differs. NaN: missing. Safe to call from several threads.
  void read_rows(std::size_t first, std::size_t count, std::span<float> out) const;
  void read_runs(std::size_t first, std::size_t count, std::span<float> out) const;

 private:
  struct Rows {
    std::uint64_t offset = 0;
    std::vector<std::uint32_t> checksums;
  };
  void read(const Rows& rows, const std::vector<FcRow>& about, std::size_t first, std::size_t count,
            std::span<float> out) const;

  std::filesystem::path path_;
  io::FileDescriptor file_;
  FcDescription description_;
  Rows participants_, runs_;
};

/// Does an HDF5 file say that it holds connectivity? Throws DataError when it is no HDF5 file.
bool is_fc_file(const std::filesystem::path& path);

namespace fc_format {
inline constexpr const char* kFormat = "brainmt-connectivity";
inline constexpr std::uint32_t kVersion = 1;
inline constexpr std::size_t kMaxTextBytes = std::size_t{1} << 20;  // of an attribute
/// SHA-256 over metadata, rows (without edges_missing) and parcels as text, and over what was fitted.
std::string hash_of(const FcDescription& description);
}  // namespace fc_format

}  // namespace brainmt::connectivity
