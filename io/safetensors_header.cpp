#include "io/safetensors_header.hpp"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <optional>
#include <tuple>
#include <utility>

#include "base/error.hpp"
#include "io/printable.hpp"

namespace brainmt::io {
namespace {

struct TypeRow {
  StoredType type;
  std::string_view name;
  std::size_t bytes;
};
constexpr std::array<TypeRow, 13> kTypes{{{StoredType::kBool, "BOOL", 1},
                                          {StoredType::kU8, "U8", 1},
                                          {StoredType::kI8, "I8", 1},
                                          {StoredType::kU16, "U16", 2},
                                          {StoredType::kI16, "I16", 2},
                                          {StoredType::kF16, "F16", 2},
                                          {StoredType::kBF16, "BF16", 2},
                                          {StoredType::kU32, "U32", 4},
                                          {StoredType::kI32, "I32", 4},
                                          {StoredType::kF32, "F32", 4},
                                          {StoredType::kU64, "U64", 8},
                                          {StoredType::kI64, "I64", 8},
                                          {StoredType::kF64, "F64", 8}}};

const TypeRow& row_of(StoredType type) { return kTypes[static_cast<std::size_t>(type)]; }

struct Refused {
  std::string why;
};

// Receives the JSON events of the header. Reading events instead of building a document keeps memory near the size of
// the header and lets a duplicate key be seen.
class HeaderEvents : public nlohmann::json_sax<nlohmann::json> {
 public:
  SafetensorsHeader take() { return std::move(header_); }

  bool start_object(std::size_t) override {
    switch (state_) {
      case State::kStart:
        state_ = State::kRoot;
        return true;
      case State::kMetadataEntry:
        state_ = State::kMetadata;
        return true;
      case State::kTensorEntry:
        state_ = State::kTensor;
        return true;
      default:
        refuse("unexpected object");
    }
  }

  bool key(string_t& key) override {
    switch (state_) {
      case State::kRoot:
        enter(key);
        return true;
      case State::kMetadata:
        text_key_ = key;
        return true;
      case State::kTensor:
        field(key);
        return true;
      default:
        refuse("unexpected key");
    }
  }

  bool end_object() override {
    if (state_ == State::kTensor) {
      for (const auto seen : {has_type_, has_shape_, has_offsets_}) {
        if (!seen) refuse("needs dtype, shape and data_offsets");
      }
    }
    state_ = state_ == State::kRoot ? State::kEnd : State::kRoot;
    return true;
  }

  bool string(string_t& text) override {
    if (state_ == State::kMetadata) {
      if (!header_.metadata.emplace(text_key_, text).second)
        refuse("the key " + printable(text_key_) + " occurs twice");
      return true;
    }
    if (state_ != State::kType) refuse("unexpected text");
    const auto row = std::find_if(kTypes.begin(), kTypes.end(), [&](const TypeRow& r) { return r.name == text; });
    if (row == kTypes.end()) refuse("the dtype " + printable(text) + " is not known");
    tensor_->type = row->type;
    state_ = State::kTensor;
    return true;
  }

  bool start_array(std::size_t) override {
    if (state_ == State::kShapeEntry) return move_to(State::kShape);
    if (state_ == State::kOffsetsEntry) return move_to(State::kOffsets);
    refuse("unexpected array");
  }

  bool end_array() override {
    if (state_ == State::kOffsets && offsets_.size() != 2) refuse("data_offsets needs two numbers");
    if (state_ == State::kOffsets) std::tie(tensor_->begin, tensor_->end) = std::pair(offsets_[0], offsets_[1]);
    return move_to(State::kTensor);
  }

  bool number_unsigned(number_unsigned_t number) override {
    constexpr std::size_t kMaxDimensions = 32;
    if (state_ == State::kShape && tensor_->shape.size() < kMaxDimensions) {
      tensor_->shape.push_back(number);
    } else if (state_ == State::kOffsets && offsets_.size() < 2) {
      offsets_.push_back(number);
    } else {
      refuse("unexpected number");
    }
    return true;
  }

  bool number_integer(number_integer_t) override { refuse("a number is negative"); }
  bool number_float(number_float_t, const string_t&) override { refuse("a number is not an integer below 2^64"); }
  bool boolean(bool) override { refuse("unexpected boolean"); }
  bool null() override { refuse("unexpected null"); }
  bool binary(binary_t&) override { refuse("unexpected binary data"); }
  bool parse_error(std::size_t position, const std::string&, const nlohmann::detail::exception&) override {
    entry_.reset();
    refuse("it is not JSON in UTF-8 at byte " + std::to_string(position));
  }

 private:
  enum class State {
    kStart,
    kRoot,
    kMetadataEntry,
    kMetadata,
    kTensorEntry,
    kTensor,
    kType,
    kShapeEntry,
    kShape,
    kOffsetsEntry,
    kOffsets,
    kEnd
  };

  [[noreturn]] void refuse(const std::string& why) const {
    throw Refused{entry_ ? "entry " + printable(*entry_) + ": " + why : why};
  }

  bool move_to(State state) {
    state_ = state;
    return true;
  }

  void enter(const std::string& name) {
    entry_ = name;
    if (name == "__metadata__") {
      if (std::exchange(has_metadata_, true)) refuse("occurs twice");
      state_ = State::kMetadataEntry;
      return;
    }
    const auto [at, fresh] = header_.tensors.try_emplace(name);
    if (!fresh) refuse("occurs twice");
    tensor_ = &at->second;
    offsets_.clear();
    has_type_ = has_shape_ = has_offsets_ = false;
    state_ = State::kTensorEntry;
  }

  void field(const std::string& name) {
    const auto claim = [&](bool& seen, State state) {
      if (std::exchange(seen, true)) refuse("the key " + printable(name) + " occurs twice");
      state_ = state;
    };
    if (name == "dtype") return claim(has_type_, State::kType);
    if (name == "shape") return claim(has_shape_, State::kShapeEntry);
    if (name == "data_offsets") return claim(has_offsets_, State::kOffsetsEntry);
    refuse("the key " + printable(name) + " is not known");
  }

  SafetensorsHeader header_;
  State state_ = State::kStart;
  std::optional<std::string> entry_;  // for messages
  std::string text_key_;
  StoredTensor* tensor_ = nullptr;
  std::vector<std::uint64_t> offsets_;
  bool has_metadata_ = false, has_type_ = false, has_shape_ = false, has_offsets_ = false;
};

// Every tensor's span has the size of its shape, and the sorted spans leave no gap, overlap or tail.
void check_spans(const SafetensorsHeader& header, std::uint64_t data_bytes) {
  std::vector<std::pair<const std::string*, const StoredTensor*>> order;
  for (const auto& [name, tensor] : header.tensors) {
    std::uint64_t bytes = bytes_of(tensor.type);
    for (const std::uint64_t extent : tensor.shape) {
      if (__builtin_mul_overflow(bytes, extent, &bytes))
        throw Refused{"entry " + printable(name) + ": its shape overflows"};
    }
    if (tensor.begin > tensor.end || tensor.end - tensor.begin != bytes) {
      throw Refused{fmt::format("entry {}: shape and dtype need {} bytes, data_offsets are [{}, {}]", printable(name),
                                bytes, tensor.begin, tensor.end)};
    }
    order.emplace_back(&name, &tensor);
  }
  std::sort(order.begin(), order.end(), [](const auto& a, const auto& b) {
    return std::pair(a.second->begin, a.second->end) < std::pair(b.second->begin, b.second->end);
  });
  std::uint64_t at = 0;
  for (const auto& [name, tensor] : order) {
    if (tensor->begin != at) {
      throw Refused{
          fmt::format("entry {} begins at byte {}, the one before ends at {}", printable(*name), tensor->begin, at)};
    }
    at = tensor->end;
  }
  if (at != data_bytes) throw Refused{fmt::format("the entries cover {} bytes, the file holds {}", at, data_bytes)};
}

}  // namespace

std::size_t bytes_of(StoredType type) { return row_of(type).bytes; }

std::string_view name_of(StoredType type) { return row_of(type).name; }

SafetensorsHeader parse_safetensors_header(const std::filesystem::path& path, std::string_view json,
                                           std::uint64_t data_bytes) {
  try {
    HeaderEvents events;
    nlohmann::json::sax_parse(json, &events);
    SafetensorsHeader header = events.take();
    check_spans(header, data_bytes);
    return header;
  } catch (const Refused& refused) {
    throw DataError(fmt::format("'{}' is not a sound safetensors file: {}", path.string(), refused.why));
  }
}

}  // namespace brainmt::io
