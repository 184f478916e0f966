// The safetensors reader and writer: round trip, layout, golden files, and every kind of invalid header (row 22 of the
// fault matrix).
#include "io/safetensors.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include "base/bfloat16.hpp"
#include "base/error.hpp"
#include "io/float16.hpp"
#include "support/expect_error.hpp"
#include "support/source_root.hpp"
#include "support/temporary_directory.hpp"

namespace brainmt::io {
namespace {

using test::expect_error;
using test::TemporaryDirectory;

std::string with_length(const std::string& header, std::size_t data_bytes, std::uint64_t length) {
  std::string file(8, '\0');
  std::memcpy(file.data(), &length, 8);
  return file + header + std::string(data_bytes, '\x01');
}

std::string file_of(const std::string& header, std::size_t data_bytes) {
  return with_length(header, data_bytes, header.size());
}

TEST(Safetensors, RoundTripKeepsEveryType) {
  const TemporaryDirectory directory;
  const std::vector<float> f32{1.5f, -0.0f, 3e38f, 1e-40f, 2, 3};
  const std::vector<double> f64{0.1, -7};
  const std::vector<bf16> bf{bf16(1.5f), bf16(-2.0f)};
  const std::vector<std::uint16_t> f16{float_to_half(0.25f), float_to_half(-65504.0f), float_to_half(6e-8f)};
  const std::vector<std::int64_t> i64{-1, std::int64_t{1} << 40};
  const std::vector<std::uint8_t> u8{7};
  const std::vector<TensorToWrite> tensors{
      {"weight", StoredType::kF32, {2, 3}, f32.data()}, {"double", StoredType::kF64, {2}, f64.data()},
      {"brain", StoredType::kBF16, {1, 2}, bf.data()},  {"half", StoredType::kF16, {3}, f16.data()},
      {"steps", StoredType::kI64, {2}, i64.data()},     {"flag", StoredType::kU8, {}, u8.data()},
      {"none", StoredType::kF32, {0, 4}, nullptr}};
  const auto path = directory / "a.safetensors";
  write_safetensors(path, tensors, {{"format", "pt"}, {"note", "line\nbreak \"quoted\" µ"}});

  const auto file = SafetensorsFile::open(path);
  EXPECT_EQ(file.names(), (std::vector<std::string>{"brain", "double", "flag", "half", "none", "steps", "weight"}));
  EXPECT_EQ(file.metadata().at("note"), "line\nbreak \"quoted\" µ");
  for (const TensorToWrite& tensor : tensors) {
    EXPECT_EQ(file.info(tensor.name).type, tensor.type) << tensor.name;
    EXPECT_EQ(file.info(tensor.name).shape, tensor.shape) << tensor.name;
    const auto bytes = file.bytes(tensor.name);
    const auto* expected = static_cast<const std::byte*>(tensor.data);
    EXPECT_TRUE(std::equal(bytes.begin(), bytes.end(), expected)) << tensor.name;
  }
  std::vector<float> half(3), brain(2), wide(2);
  file.read_f32("half", half);
  file.read_f32("brain", brain);
  file.read_f32("double", wide);
  EXPECT_EQ(half, (std::vector<float>{0.25f, -65504.0f, 0x1p-24f}));
  EXPECT_EQ(brain, (std::vector<float>{1.5f, -2.0f}));
  EXPECT_EQ(wide, (std::vector<float>{0.1f, -7.0f}));
  EXPECT_EQ(directory.entries(), 1u) << "a temporary file was left";
}

TEST(Safetensors, BytesDoNotDependOnTheOrderOfTheArguments) {
  const TemporaryDirectory directory;
  const std::vector<float> a{1, 2, 3};
  const std::vector<std::uint8_t> b{4, 5, 6};
  const TensorToWrite first{"a", StoredType::kF32, {3}, a.data()}, second{"b", StoredType::kU8, {3}, b.data()};
  write_safetensors(directory / "1", std::vector{first, second});
  write_safetensors(directory / "2", std::vector{second, first});
  const std::string bytes = test::read_file(directory / "1");
  EXPECT_EQ(bytes, test::read_file(directory / "2"));
  std::uint64_t length = 0;
  std::memcpy(&length, bytes.data(), 8);
  EXPECT_EQ(length % 8, 0u) << "the data must begin at a multiple of 8";
}

TEST(Safetensors, GoldenFilesLoad) {
  for (const char* name : {"brainmt_released_regression", "brainmt_bidirectional_classification"}) {
    const auto file =
        SafetensorsFile::open(test::source_root() / ("tests/golden/" + std::string(name) + ".safetensors"));
    EXPECT_GT(file.names().size(), 50u) << name;
    for (const std::string& tensor : file.names()) {
      if (file.info(tensor).type != StoredType::kF32) continue;
      std::vector<float> values(file.info(tensor).elements());
      file.read_f32(tensor, values);
    }
  }
}

TEST(Safetensors, UnexpectedRequestsNameTheTensor) {
  const TemporaryDirectory directory;
  const std::vector<std::int64_t> values{1, 2};
  const auto path = directory / "i.safetensors";
  write_safetensors(path, std::vector{TensorToWrite{"steps", StoredType::kI64, {2}, values.data()}});
  const auto file = SafetensorsFile::open(path);
  std::vector<float> two(2), three(3);
  expect_error<DataError>([&] { file.info("absent"); }, {"absent", path.string()});
  expect_error<DataError>([&] { file.read_f32("steps", two); }, {"steps", "I64"});
  expect_error<DataError>([&] { file.read_f32("steps", three); }, {"steps", "2", "3"});
  expect_error<InternalError>(
      [&] {
        const TensorToWrite tensor{"same", StoredType::kI64, {2}, values.data()};
        write_safetensors(path, std::vector{tensor, tensor});
      },
      {"same"});
}

struct Lie {
  const char* name;
  std::string file;
  std::string why;  // part of the message
};

class SafetensorsFault22 : public testing::TestWithParam<Lie> {};

TEST_P(SafetensorsFault22, HeaderLiesAreRefused) {
  const TemporaryDirectory directory;
  const auto path = directory / "lie.safetensors";
  test::write_file(path, GetParam().file);
  expect_error<DataError>([&] { SafetensorsFile::open(path); }, {path.string(), GetParam().why});
}

const std::string kOne = R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})";

INSTANTIATE_TEST_SUITE_P(
    Vectors, SafetensorsFault22,
    testing::Values(
        Lie{"EmptyFile", "", "an empty file"}, Lie{"ShorterThanItsLength", "1234567", "a text file"},
        Lie{"HeaderLongerThanFile", with_length(kOne, 4, 1000), "1000"},
        Lie{"HeaderLengthWraps", with_length(kOne, 4, ~std::uint64_t{0}), "18446744073709551615"},
        Lie{"HeaderOverTheCap", with_length(kOne, 4, 100'000'001), "100000001"},
        Lie{"HeaderOfLengthZero", with_length("", 0, 0), "begin"}, Lie{"LeadingSpace", file_of(" " + kOne, 4), "begin"},
        Lie{"NotJson", file_of("{not json}", 0), "not JSON"},
        Lie{"NotUtf8", file_of("{\"\xff\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4), "UTF-8"},
        Lie{"TextAfterTheObject", file_of(kOne + "x", 4), "not JSON"},
        Lie{"DuplicateTensor",
            file_of(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},)"
                    R"("a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})",
                    4),
            "twice"},
        Lie{"DuplicateField", file_of(R"({"a":{"dtype":"F32","dtype":"F32","shape":[1],"data_offsets":[0,4]}})", 4),
            "twice"},
        Lie{"DuplicateMetadata", file_of(R"({"__metadata__":{"k":"v","k":"w"}})", 0), "twice"},
        Lie{"MetadataNumber", file_of(R"({"__metadata__":{"k":1}})", 0), "number"},
        Lie{"UnknownType", file_of(R"({"a":{"dtype":"F33","shape":[1],"data_offsets":[0,4]}})", 4), "F33"},
        Lie{"UnknownField", file_of(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4],"x":1}})", 4), "'x'"},
        Lie{"MissingField", file_of(R"({"a":{"dtype":"F32","data_offsets":[0,4]}})", 4), "needs"},
        Lie{"ShapeIsText", file_of(R"({"a":{"dtype":"F32","shape":"1","data_offsets":[0,4]}})", 4), "text"},
        Lie{"ShapeHasNull", file_of(R"({"a":{"dtype":"F32","shape":[null],"data_offsets":[0,4]}})", 4), "null"},
        Lie{"NegativeOffset", file_of(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[-4,0]}})", 4), "negative"},
        Lie{"ReversedOffsets", file_of(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[4,0]}})", 4), "[4, 0]"},
        Lie{"FractionalOffset", file_of(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0.0,4]}})", 4), "integer"},
        Lie{"OffsetAbove64Bits",
            file_of(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,18446744073709551620]}})", 4), "integer"},
        Lie{"ThreeOffsets", file_of(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4,8]}})", 4), "number"},
        Lie{"ShapeProductWrapsTo4",
            file_of(R"({"a":{"dtype":"F32","shape":[4294967296,4294967296,1],"data_offsets":[0,4]}})", 4), "overflow"},
        Lie{"MillionElementsIn4Bytes", file_of(R"({"a":{"dtype":"F32","shape":[1000000],"data_offsets":[0,4]}})", 4),
            "4000000"},
        Lie{"SpanBeyondTheFile", file_of(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})", 4), "8"},
        Lie{"Overlap",
            file_of(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},)"
                    R"("b":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}})",
                    8),
            "begins"},
        Lie{"Gap",
            file_of(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},)"
                    R"("b":{"dtype":"F32","shape":[1],"data_offsets":[8,12]}})",
                    12),
            "begins"},
        Lie{"TrailingBytes", file_of(kOne, 5), "5"}),
    [](const auto& info) { return std::string(info.param.name); });

TEST(SafetensorsFault22Single, EmptyTensorMayShareAnOffset) {
  const TemporaryDirectory directory;
  const auto path = directory / "empty.safetensors";
  test::write_file(path, file_of(R"({"z":{"dtype":"F32","shape":[0],"data_offsets":[0,0]},)"
                                 R"("a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})",
                                 4));
  EXPECT_EQ(SafetensorsFile::open(path).info("a").elements(), 1u);
}

TEST(SafetensorsFault22Single, DeepNestingIsRefusedWithoutRecursion) {
  const TemporaryDirectory directory;
  const auto path = directory / "deep.safetensors";
  test::write_file(path, file_of("{\"a\":" + std::string(1'000'000, '['), 0));
  expect_error<DataError>([&] { SafetensorsFile::open(path); }, {"array"});
}

TEST(SafetensorsFault22Single, EveryTruncationIsRefused) {
  const TemporaryDirectory directory;
  const auto path = directory / "cut.safetensors";
  const std::string whole = file_of(kOne, 4);
  for (std::size_t size = 0; size < whole.size(); ++size) {
    test::write_file(path, whole.substr(0, size));
    EXPECT_THROW(SafetensorsFile::open(path), DataError) << size;
  }
}

}  // namespace
}  // namespace brainmt::io
