#include "io/safetensors.hpp"

#include <sys/mman.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>

#include "base/bfloat16.hpp"
#include "base/error.hpp"
#include "io/atomic_file.hpp"
#include "io/file_kind.hpp"
#include "io/float16.hpp"
#include "io/printable.hpp"

namespace brainmt::io {
namespace {

static_assert(std::endian::native == std::endian::little, "the format is little endian and is read in place");

constexpr std::size_t kLengthBytes = 8;
constexpr std::uint64_t kMaxHeaderBytes = 100'000'000;  // as the reference implementation

// The elements of `bytes` as T, converted to float one by one; `bytes` need not be aligned.
template <class T, class Convert>
void copy_as_float(std::span<const std::byte> bytes, std::span<float> out, Convert convert) {
  for (std::size_t i = 0; i < out.size(); ++i) {
    T value;
    std::memcpy(&value, bytes.data() + i * sizeof(T), sizeof(T));
    out[i] = convert(value);
  }
}

std::uint64_t bytes_of(const TensorToWrite& tensor) {
  std::uint64_t bytes = bytes_of(tensor.type);
  for (const std::uint64_t extent : tensor.shape) bytes *= extent;
  return bytes;
}

// The header of `order`ed tensors, padded with spaces so that the data begin at a multiple of 8.
std::string make_header(std::span<const TensorToWrite* const> order,
                        const std::map<std::string, std::string>& metadata) {
  nlohmann::ordered_json header = nlohmann::ordered_json::object();
  if (!metadata.empty()) header["__metadata__"] = metadata;
  std::uint64_t at = 0;
  for (const TensorToWrite* tensor : order) {
    BRAINMT_CHECK(tensor->name != "__metadata__" && !header.contains(tensor->name),
                  "tensor name {} cannot be used twice", printable(tensor->name));
    const std::uint64_t end = at + bytes_of(*tensor);
    header[tensor->name] = {{"dtype", name_of(tensor->type)}, {"shape", tensor->shape}, {"data_offsets", {at, end}}};
    at = end;
  }
  std::string text = header.dump();
  text.resize((text.size() + 7) / 8 * 8, ' ');
  return text;
}

}  // namespace

SafetensorsFile::Mapping::Mapping(const std::filesystem::path& path) {
  const FileDescriptor fd = open_for_reading(path);
  const std::uint64_t size = file_size(fd, path);
  if (size < kLengthBytes) {
    throw DataError(fmt::format("'{}' is not a sound safetensors file: it has {} bytes", path.string(), size));
  }
  void* at = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, fd.get(), 0);
  if (at == MAP_FAILED) throw DataError(fmt::format("cannot map '{}': {}", path.string(), errno_text(errno)));
  bytes_ = {static_cast<const std::byte*>(at), size};
}

SafetensorsFile::Mapping::~Mapping() {
  if (!bytes_.empty()) ::munmap(const_cast<std::byte*>(bytes_.data()), bytes_.size());
}

SafetensorsFile::SafetensorsFile(std::filesystem::path path, Mapping mapping, std::size_t data_at,
                                 SafetensorsHeader header)
    : path_(std::move(path)),
      mapping_(std::move(mapping)),
      data_(mapping_.bytes().subspan(data_at)),
      header_(std::move(header)) {}

SafetensorsFile SafetensorsFile::open(const std::filesystem::path& path) {
  refuse_other_kinds(path, FileKind::kWeights, "weights (safetensors)");
  Mapping mapping(path);
  const std::span<const std::byte> bytes = mapping.bytes();
  std::uint64_t length = 0;
  std::memcpy(&length, bytes.data(), kLengthBytes);
  if (length > kMaxHeaderBytes || length > bytes.size() - kLengthBytes) {
    throw DataError(fmt::format("'{}' is not a sound safetensors file: a header of {} bytes in a file of {}",
                                path.string(), length, bytes.size()));
  }
  const std::string_view json(reinterpret_cast<const char*>(bytes.data()) + kLengthBytes, length);
  if (!json.starts_with('{')) {
    throw DataError(
        fmt::format("'{}' is not a sound safetensors file: its header does not begin with '{{'", path.string()));
  }
  const std::size_t data_at = kLengthBytes + length;
  SafetensorsHeader header = parse_safetensors_header(path, json, bytes.size() - data_at);
  return {path, std::move(mapping), data_at, std::move(header)};
}

std::vector<std::string> SafetensorsFile::names() const {
  std::vector<std::string> names;
  for (const auto& entry : header_.tensors) names.push_back(entry.first);
  return names;
}

const StoredTensor& SafetensorsFile::info(const std::string& name) const {
  const auto found = header_.tensors.find(name);
  if (found == header_.tensors.end()) {
    throw DataError(fmt::format("'{}' has no tensor {}", path_.string(), printable(name)));
  }
  return found->second;
}

std::span<const std::byte> SafetensorsFile::bytes(const std::string& name) const {
  const StoredTensor& tensor = info(name);
  return data_.subspan(tensor.begin, tensor.end - tensor.begin);
}

void SafetensorsFile::read_f32(const std::string& name, std::span<float> out) const {
  const StoredTensor& tensor = info(name);
  const std::span<const std::byte> raw = bytes(name);
  if (tensor.elements() != out.size()) {
    throw DataError(fmt::format("'{}': tensor {} has {} elements, {} are expected", path_.string(), printable(name),
                                tensor.elements(), out.size()));
  }
  switch (tensor.type) {
    case StoredType::kF32:
      if (!raw.empty()) std::memcpy(out.data(), raw.data(), raw.size());
      return;
    case StoredType::kF64:
      return copy_as_float<double>(raw, out, [](double v) { return static_cast<float>(v); });
    case StoredType::kF16:
      return copy_as_float<std::uint16_t>(raw, out, [](std::uint16_t v) { return half_to_float(v); });
    case StoredType::kBF16:
      return copy_as_float<bf16>(raw, out, [](bf16 v) { return static_cast<float>(v); });
    default:
      throw DataError(fmt::format("'{}': tensor {} is {}, a floating-point type is expected", path_.string(),
                                  printable(name), name_of(tensor.type)));
  }
}

void write_safetensors(const std::filesystem::path& path, std::span<const TensorToWrite> tensors,
                       const std::map<std::string, std::string>& metadata) {
  std::vector<const TensorToWrite*> order;
  for (const TensorToWrite& tensor : tensors) order.push_back(&tensor);
  std::sort(order.begin(), order.end(), [](const TensorToWrite* a, const TensorToWrite* b) {
    const std::size_t a_bytes = bytes_of(a->type), b_bytes = bytes_of(b->type);
    return a_bytes != b_bytes ? a_bytes > b_bytes : a->name < b->name;
  });
  const std::string header = make_header(order, metadata);
  const std::uint64_t length = header.size();
  AtomicFile file(path);
  file.write(std::as_bytes(std::span(&length, 1)));
  file.write(header);
  for (const TensorToWrite* tensor : order) {
    file.write({static_cast<const std::byte*>(tensor->data), bytes_of(*tensor)});
  }
  file.commit();
}

}  // namespace brainmt::io
