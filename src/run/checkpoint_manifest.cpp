#include "run/checkpoint_manifest.hpp"

#include <fmt/ranges.h>

#include <algorithm>
#include <cstring>
#include <nlohmann/json.hpp>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "io/checksum.hpp"
#include "io/file_descriptor.hpp"
#include "io/safetensors.hpp"

namespace brainmt::run {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

// The manifest ends with its own checksum, taken with zeros for its digits.
constexpr std::string_view kSelfKey = "manifest_sha256", kEnd = "\"\n}\n";
constexpr std::size_t kDigits = 64;
constexpr std::uint64_t kMaxManifest = std::uint64_t{64} << 20;

std::string hex_crc32(std::span<const std::byte> bytes) { return fmt::format("{:08x}", io::crc32(bytes)); }

std::vector<std::byte> read_bytes(const fs::path& path, std::uint64_t max_bytes) {
  const io::FileDescriptor file = io::open_for_reading(path);
  std::vector<std::byte> bytes(std::min(io::file_size(file, path), max_bytes));
  io::read_exactly(file, path, 0, bytes);
  return bytes;
}

std::uint64_t header_bytes_of(const io::SafetensorsFile& file) {
  std::uint64_t data = 0;
  for (const std::string& name : file.names()) data += file.bytes(name).size();
  return fs::file_size(file.path()) - data;
}

bool has_tensors(const fs::path& path) { return path.extension() == ".safetensors"; }

Json describe_file(const fs::path& path) {
  Json entry{{"bytes", fs::file_size(path)}, {"sha256", io::sha256_of_file(path)}};
  if (!has_tensors(path)) return entry;
  const auto file = io::SafetensorsFile::open(path);
  const std::uint64_t header = header_bytes_of(file);
  entry["header_bytes"] = header;
  entry["header_crc32"] = hex_crc32(read_bytes(path, header));
  Json& tensors = entry["crc32"] = Json::object();
  for (const std::string& name : file.names()) tensors[name] = hex_crc32(file.bytes(name));
  return entry;
}

// Which parts of a file of the right size are not what `entry` says: "its header", "tensor a.weight", ...
std::string damaged_parts(const fs::path& path, const nlohmann::json& entry) {
  if (!has_tensors(path) || !entry.contains("crc32")) return "";
  if (hex_crc32(read_bytes(path, entry.value("header_bytes", std::uint64_t{0}))) != entry.value("header_crc32", ""))
    return "; the damage is in its header";
  const auto file = io::SafetensorsFile::open(path);
  std::vector<std::string> damaged;
  for (const std::string& name : file.names())
    if (hex_crc32(file.bytes(name)) != entry["crc32"].value(name, "")) damaged.push_back(name);
  if (damaged.empty()) return "";
  constexpr std::size_t kNamed = 8;
  const std::size_t more = damaged.size() - std::min(damaged.size(), kNamed);
  damaged.resize(damaged.size() - more);
  return fmt::format("; the damage is in tensor {}{}", fmt::join(damaged, ", "),
                     more > 0 ? fmt::format(" and {} more", more) : "");
}

void verify_file(const fs::path& path, const nlohmann::json& entry) {
  if (!fs::is_regular_file(fs::symlink_status(path))) throw DataError(fmt::format("{}: missing", path.string()));
  if (!entry.is_object()) throw DataError(fmt::format("{}: its manifest does not mention it", path.string()));
  if (entry.value("bytes", nlohmann::json()) != fs::file_size(path))
    throw DataError(fmt::format("{}: {} bytes, its manifest says {}", path.string(), fs::file_size(path),
                                entry.value("bytes", nlohmann::json()).dump()));
  if (entry.value("sha256", nlohmann::json()) != io::sha256_of_file(path))
    throw DataError(fmt::format("{}: its SHA-256 is not the manifest's{}", path.string(), damaged_parts(path, entry)));
}

std::string read_manifest(const fs::path& path) {
  if (!fs::is_regular_file(fs::symlink_status(path))) throw DataError(fmt::format("{}: missing", path.string()));
  const std::vector<std::byte> bytes = read_bytes(path, kMaxManifest);
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::size_t digits_at(std::string_view text) {
  return text.size() >= kDigits + kEnd.size() ? text.size() - kEnd.size() - kDigits : 0;
}

std::string self_checksum(std::string text) {
  std::fill_n(text.begin() + static_cast<std::ptrdiff_t>(digits_at(text)), kDigits, '0');
  return io::sha256(std::as_bytes(std::span(text)));
}

bool vouches_for_itself(const std::string& text) {
  const std::size_t at = digits_at(text);
  return at > 0 && text.ends_with(kEnd) && std::string_view(text).substr(at, kDigits) == self_checksum(text);
}

}  // namespace

std::string make_manifest(const fs::path& directory, std::int64_t step, std::span<const char* const> names) {
  Json files;
  for (const char* name : names) files[name] = describe_file(directory / name);
  const Json manifest{
      {"format", kCheckpointFormat}, {"step", step}, {"files", files}, {kSelfKey, std::string(kDigits, '0')}};
  std::string text = manifest.dump(2) + "\n";
  return text.replace(digits_at(text), kDigits, self_checksum(text));
}

void verify_manifest(const fs::path& directory, std::int64_t step, std::span<const char* const> names) {
  const fs::path path = directory / kManifestFile;
  const std::string text = read_manifest(path);
  const auto manifest = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
  const auto format = manifest.is_object() ? manifest.value("format", nlohmann::json()) : nlohmann::json();
  const bool sound = vouches_for_itself(text);
  // Manifests of format 1 had no checksum of their own.
  if ((sound && format != kCheckpointFormat) || format == 1)
    throw UsageError(fmt::format("{}: checkpoint format {}, this program reads {}: use the version that wrote it",
                                 path.string(), format.dump(), kCheckpointFormat));
  if (!sound || !manifest.is_object() || !manifest.value("files", nlohmann::json()).is_object())
    throw DataError(fmt::format("{}: damaged: its own SHA-256 does not hold", path.string()));
  if (manifest.value("step", nlohmann::json()) != step)
    throw DataError(fmt::format("{}: is of step {}", path.string(), manifest.value("step", nlohmann::json()).dump()));
  try {
    for (const char* name : names) verify_file(directory / name, manifest["files"].value(name, nlohmann::json()));
  } catch (const nlohmann::json::exception& error) {
    throw DataError(fmt::format("{}: not a manifest: {}", path.string(), error.what()));
  }
}

}  // namespace brainmt::run
