#include "io/cohort_index.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <functional>
#include <map>
#include <system_error>
#include <utility>

#include "base/error.hpp"
#include "io/atomic_file.hpp"
#include "io/hdf5_writer.hpp"
#include "io/printable.hpp"

namespace brainmt::io {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMaxFileNameBytes = 255;
constexpr std::size_t kMaxShards = 65536;
constexpr std::size_t kDigestDigits = 64;

std::string name_and_type(const PhenotypeColumn& column) {
  const bool numbers = std::holds_alternative<std::vector<double>>(column.values);
  return fmt::format("{} ({})", printable(column.name), numbers ? "numbers" : "text");
}

std::string column_difference(const std::vector<PhenotypeColumn>& a, const std::vector<PhenotypeColumn>& b) {
  const std::size_t common = std::min(a.size(), b.size());
  for (std::size_t i = 0; i < common; ++i) {
    const std::string x = name_and_type(a[i]), y = name_and_type(b[i]);
    if (x != y) return fmt::format("phenotype column {}: {} and {}", i + 1, x, y);
  }
  if (a.size() == b.size()) return "";
  const auto& more = a.size() > b.size() ? a : b;
  return fmt::format("phenotype columns: {} and {}; one lacks {}", a.size(), b.size(), name_and_type(more[common]));
}

// Why two files cannot be shards of one cohort, or "".
std::string difference(const CohortDescription& a, const CohortDescription& b) {
  if (a.parcels.has_value() != b.parcels.has_value())
    return fmt::format("content: {} and {}", a.parcels ? "parcels" : "voxels", b.parcels ? "parcels" : "voxels");
  if (a.parcels) {
    const std::string parcels = parcel_difference(*a.parcels, *b.parcels);
    if (!parcels.empty()) return parcels;
  }
  if (a.grid != b.grid) {
    return fmt::format("grid: {}x{}x{} and {}x{}x{}", a.grid.x, a.grid.y, a.grid.z, b.grid.x, b.grid.y, b.grid.z);
  }
  for (std::size_t i = 0; i < a.affine.size(); ++i) {
    if (a.affine[i] != b.affine[i])
      return fmt::format("affine, row {} column {}: {} and {}", i / 4 + 1, i % 4 + 1, a.affine[i], b.affine[i]);
  }
  using Text = std::pair<const char*, std::string CohortDescription::*>;
  for (const auto& [name, member] :
       {Text{"normalization", &CohortDescription::normalization}, Text{"layout", &CohortDescription::layout},
        Text{"processing", &CohortDescription::processing}}) {
    if (a.*member != b.*member) return fmt::format("{}: {} and {}", name, printable(a.*member), printable(b.*member));
  }
  return column_difference(a.phenotypes, b.phenotypes);
}

// Throws DataError unless the files can be one cohort.
void check_fit(const std::vector<CohortFile>& shards) {
  std::map<std::pair<std::string_view, std::string_view>, const CohortFile*> seen;
  for (const CohortFile& shard : shards) {
    const std::string differs = difference(shards.front().description, shard.description);
    if (!differs.empty()) {
      throw DataError(
          fmt::format("'{}' and '{}' cannot be one cohort: they differ in {}; prepare them with the same options",
                      shards.front().path.string(), shard.path.string(), differs));
    }
    for (const CohortScan& scan : shard.description.scans) {
      const auto [found, is_new] = seen.try_emplace({scan.participant_id, scan.source}, &shard);
      if (!is_new) {
        throw DataError(fmt::format("'{}' and '{}' both hold {} of participant {}: each scan belongs to one shard",
                                    found->second->path.string(), shard.path.string(), printable(scan.source),
                                    scan.participant_id));
      }
    }
  }
}

fs::path folder_of(const fs::path& file) { return file.has_parent_path() ? file.parent_path() : fs::path("."); }

bool is_plain_name(const std::string& name) {
  return !name.empty() && name.size() <= kMaxFileNameBytes && name != "." && name != ".." &&
         name.find('/') == std::string::npos;
}

// True when `file`, with links resolved, lies in `folder`.
bool lies_in(const fs::path& folder, const fs::path& file) {
  std::error_code failed;
  const fs::path real = fs::canonical(file, failed);
  return !failed && real.parent_path() == fs::canonical(folder, failed) && !failed;
}

CohortFile open_shard(const fs::path& path) {
  const Hdf5Reader file(path);
  if (is_cohort_index(file)) {
    throw DataError(fmt::format("'{}' is itself an index: an index names store files only", path.string()));
  }
  return read_cohort_file(file, path);
}

void store_texts(Hdf5Writer& file, const std::string& name, const std::vector<std::string>& texts) {
  const TextBlock block = pack_texts(texts);
  const Hdf5Type type = text_type(block.cell);
  file.write(file.create(name, type, std::array{hsize_t{texts.size()}}), type, block.bytes.data());
}

void write_entries(const fs::path& path, const fs::path& shown, const std::vector<CohortFile>& shards) {
  std::vector<std::string> names, digests;
  std::vector<std::uint64_t> bytes;
  for (const CohortFile& shard : shards) {
    names.push_back(shard.path.filename().string());
    digests.push_back(shard.digest());
    bytes.push_back(shard.bytes);
  }
  prepare_hdf5();
  const Hdf5Properties access(H5Pcreate(H5P_FILE_ACCESS));
  H5Pset_libver_bounds(access.get(), H5F_LIBVER_V110, H5F_LIBVER_V110);  // checksums on metadata
  Hdf5Writer file(path, access.get(), shown);
  file.text_attribute("format", cohort_index::kFormat);
  file.number_attribute("version", cohort_index::kVersion);
  file.create_group("shards");
  store_texts(file, "shards/file", names);
  store_texts(file, "shards/digest", digests);
  const Hdf5Type type = element_type<std::uint64_t>();
  file.write(file.create("shards/bytes", type, std::array{hsize_t{bytes.size()}}), type, bytes.data());
  file.close();
}

}  // namespace

void write_cohort_index(const fs::path& target, const std::vector<fs::path>& shards) {
  if (shards.empty()) throw UsageError(fmt::format("'{}': an index needs at least one shard", target.string()));
  if (shards.size() > kMaxShards)
    throw UsageError(fmt::format("'{}': more than {} shards", target.string(), kMaxShards));
  std::vector<CohortFile> files;
  for (const fs::path& shard : shards) {
    CohortFile file = open_shard(shard);
    if (!lies_in(folder_of(target), shard)) {
      throw UsageError(fmt::format("'{}' does not lie in the folder of '{}': an index lies beside its shards",
                                   shard.string(), target.string()));
    }
    files.push_back(std::move(file));
  }
  std::ranges::sort(files, {}, [](const CohortFile& file) { return file.path.filename(); });
  check_fit(files);

  const TemporaryFile made = create_beside(target);
  const fs::path& temporary = made.path;
  try {
    write_entries(temporary, target, files);
    sync_file(temporary);
    rename_durably(temporary, target);
  } catch (...) {
    ::unlink(temporary.c_str());
    throw;
  }
}

bool is_cohort_index(const Hdf5Reader& file) {
  return file.has_attribute("format") &&
         file.text_attribute("format", cohort_format::kMaxTextBytes) == cohort_index::kFormat;
}

std::vector<CohortFile> read_shards(const Hdf5Reader& file, const fs::path& index) {
  const std::uint32_t version = file.number_attribute("version");
  if (version != cohort_index::kVersion) {
    throw DataError(fmt::format("'{}' is an index of version {}, this program reads version {}: merge the shards again",
                                index.string(), version, cohort_index::kVersion));
  }
  const auto names = file.texts("shards/file", kMaxFileNameBytes);
  const auto digests = file.texts("shards/digest", kDigestDigits);
  const auto bytes = file.array<std::uint64_t>("shards/bytes");
  if (names.empty() || names.size() > kMaxShards || names.size() != digests.size() || names.size() != bytes.size()) {
    throw DataError(fmt::format("'{}': the arrays under /shards have {}, {} and {} values: expected 1 to {} of each",
                                index.string(), names.size(), digests.size(), bytes.size(), kMaxShards));
  }
  const fs::path folder = folder_of(index);
  std::vector<CohortFile> shards;
  for (std::size_t i = 0; i < names.size(); ++i) {
    const std::string where = fmt::format("'{}': its shard {}", index.string(), printable(names[i]));
    if (!is_plain_name(names[i]))
      throw DataError(where + " is not the plain name of a file beside it, which is refused");
    std::error_code unknown;
    if (!fs::exists(folder / names[i], unknown)) throw DataError(where + " is missing: copy it beside the index");
    if (!lies_in(folder, folder / names[i])) throw DataError(where + " is a link to elsewhere, which is refused");
    try {
      shards.push_back(open_shard(folder / names[i]));
    } catch (const DataError& error) {
      throw DataError(fmt::format("{} cannot be used: {}", where, error.what()));
    }
    if (shards.back().bytes != bytes[i] || shards.back().digest() != digests[i]) {
      throw DataError(
          fmt::format("{} is not the file that was merged (expected {} bytes with digest {:.12}..., found {} "
                      "with {:.12}...): copy it again, or merge the shards again",
                      where, bytes[i], digests[i], shards.back().bytes, shards.back().digest()));
    }
  }
  check_fit(shards);
  return shards;
}

}  // namespace brainmt::io
