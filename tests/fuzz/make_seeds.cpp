// Writes the inputs that the corpus grew from. Usage: make_seeds FOLDER; makes FOLDER/<target>/<name>. The corpus in
// the repository is what scripts/fuzz.sh --minimise kept of these and of what the fuzzers found.
#include <cstdio>
#include <filesystem>
#include <string>

#include "support/cifti_bytes.hpp"
#include "support/nifti_bytes.hpp"
#include "support/temporary_directory.hpp"

namespace {

namespace fs = std::filesystem;
using brainmt::test::gzipped;
using brainmt::test::NiftiBytes;
using brainmt::test::write_file;

void nifti_seeds(const fs::path& folder) {
  constexpr struct {
    int code, bits;
  } kTypes[] = {{2, 8}, {4, 16}, {8, 32}, {16, 32}, {64, 64}, {256, 8}, {512, 16}, {768, 32}, {1024, 64}, {1280, 64}};
  for (const auto& type : kTypes) {
    for (const int version : {1, 2}) {
      for (const bool swapped : {false, true}) {
        NiftiBytes file({2, 3, 2, 2}, type.code, type.bits, version, swapped);
        file.set_scaling(2, -3);
        if (swapped) {  // geometry by quaternion, millimetres and milliseconds
          file.set_sform_code(0);
          file.set_qform_code(1);
          file.set_quaternion(2, 0.5);
          version == 1 ? file.put<std::uint8_t>(123, 2 + 16) : file.put<std::int32_t>(500, 2 + 16);
        }
        file.bytes().append(static_cast<std::size_t>(2 * 3 * 2 * 2 * type.bits / 8), '\x41');
        const std::string name = std::to_string(type.code) + "_v" + std::to_string(version) + (swapped ? "_big" : "");
        write_file(folder / name, file.bytes());
        write_file(folder / (name + "_gz"), gzipped(file.bytes()));
      }
    }
  }
  NiftiBytes plain({3, 2, 1, 4}, 2, 8);  // no code: voxel sizes alone
  plain.set_sform_code(0);
  write_file(folder / "no_codes", plain.bytes() + std::string(24, 'x'));
  write_file(folder / "junk_behind", plain.bytes() + std::string(25, 'x'));
  write_file(folder / "data_missing", plain.bytes());
  std::string pair = plain.bytes();
  pair[345] = 'i';
  write_file(folder / "pair", pair);
}

void cifti_seeds(const fs::path& folder) {
  for (const bool parcels_fastest : {false, true}) {
    for (const bool swapped : {false, true}) {
      brainmt::test::CiftiBytes file;
      file.names = {"V1", "A &amp; B"};
      file.frames = 3;
      file.parcels_fastest = parcels_fastest;
      file.swapped = swapped;
      file.is_double = swapped;
      const std::string name = std::string(parcels_fastest ? "parcels" : "series") + (swapped ? "_big" : "");
      write_file(folder / name, file.bytes());
      write_file(folder / (name + "_gz"), gzipped(file.bytes()));
    }
  }
  brainmt::test::CiftiBytes dense;
  dense.parcel_type = "CIFTI_INDEX_TYPE_BRAIN_MODELS";
  dense.before = "<?xml version=\"1.0\"?><!-- c -->";
  write_file(folder / "dense", dense.bytes());
}

void gzip_seeds(const fs::path& folder) {
  const auto with = [](std::size_t wanted, int step, int skip, const std::string& file) {
    return std::string{static_cast<char>(wanted % 256), static_cast<char>(wanted / 256), static_cast<char>(step),
                       static_cast<char>(skip)} +
           file;
  };
  std::string text;
  for (int i = 0; i < 300; ++i) text += std::to_string(i * i) + ' ';
  for (const int level : {0, 1, 9})
    write_file(folder / ("level" + std::to_string(level)), with(text.size(), 100, 7, gzipped(text, level)));
  const std::string packed = gzipped(text);
  write_file(folder / "plain", with(text.size(), 255, 3, text));
  write_file(folder / "empty_member", with(0, 0, 0, gzipped("")));
  write_file(folder / "cut", with(text.size(), 50, 0, packed.substr(0, packed.size() / 2)));
  write_file(folder / "two_members", with(text.size(), 50, 0, packed + packed));
  write_file(folder / "junk", with(text.size(), 50, 0, packed + "junk"));
  write_file(folder / "longer", with(text.size() - 9, 50, 0, packed));
  write_file(folder / "shorter", with(text.size() + 9, 50, 0, packed));
  std::string flipped = packed;
  flipped[flipped.size() - 6] ^= 0x40;  // in the checksum
  write_file(folder / "checksum", with(text.size(), 50, 0, flipped));
  for (const std::size_t bit : {90u, 333u, 2000u, 5001u}) {
    flipped = packed;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << bit % 8));
    write_file(folder / ("bit" + std::to_string(bit)), with(text.size(), 50, 0, flipped));
  }
  write_file(folder / "zeros", with(60000, 255, 0, gzipped(std::string(60000, '\0'))));
}

void table_seeds(const fs::path& folder) {
  write_file(folder / "plain", "participant_id,sex,age,site\ns1,1,30.5,A\ns2,0,NA,\"B, C\"\n");
  write_file(folder / "tabs", "participant_id\tsex\tage\r\ns1\tmale\t1e-3\r\ns2\tfemale\t.\r\n");
  write_file(folder / "mark", "\xEF\xBB\xBFid,\"a \"\"b\"\"\"\n\"two\nlines\", +5\n\n\n");
  write_file(folder / "biobank", "eid,31-0.0,p31,20016_i2,54-2.0\n1000001,1,Male,12,11025\n1000002,0,Female,,\n");
  write_file(folder / "twice", "id,id\n1,2\n");
  write_file(folder / "ragged", "id,a\n1,2,3\n");
  write_file(folder / "unclosed", "id,a\n1,\"2\n");
  write_file(folder / "behind", "id,a\n1,\"2\"x\n");
  write_file(folder / "middle", "id,a\n1,2\"\n");
  write_file(folder / "zero", std::string("id,a\n1,\0\n", 9));
  write_file(folder / "header", "id,a\n");
  write_file(folder / "unnamed", "id,\n1,2\n");
  write_file(folder / "repeated", "id,a\n1,nan\n1,null\n,n/a\n");
}

void safetensors_seeds(const fs::path& folder) {
  const auto file = [](const std::string& header, std::size_t data) {
    std::string out(8, '\0');
    const std::uint64_t length = header.size();
    std::memcpy(out.data(), &length, 8);
    return out + header + std::string(data, '\x40');
  };
  const auto tensor = [](const std::string& type, const std::string& shape, std::size_t begin, std::size_t end) {
    return "{\"dtype\":\"" + type + "\",\"shape\":" + shape + ",\"data_offsets\":[" + std::to_string(begin) + "," +
           std::to_string(end) + "]}";
  };
  write_file(folder / "one", file("{\"w\":" + tensor("F32", "[2,2]", 0, 16) + "}", 16));
  write_file(folder / "metadata", file("{\"__metadata__\":{\"format\":\"pt\"},\"a\":" + tensor("BF16", "[3]", 0, 6) +
                                           ",\"b\":" + tensor("U8", "[]", 6, 7) + "}",
                                       7));
  const char* types[] = {"BOOL", "U8", "I8", "U16", "I16", "F16", "BF16", "U32", "I32", "F32", "U64", "I64", "F64"};
  const std::size_t sizes[] = {1, 1, 1, 2, 2, 2, 2, 4, 4, 4, 8, 8, 8};
  std::string all = "{";
  std::size_t at = 0;
  for (std::size_t i = 0; i < 13; ++i) {
    all += (i ? ",\"" : "\"") + std::string(types[i]) + "\":" + tensor(types[i], "[2]", at, at + 2 * sizes[i]);
    at += 2 * sizes[i];
  }
  write_file(folder / "types", file(all + "}", at));
  write_file(folder / "empty", file("{\"n\":" + tensor("F64", "[0,4]", 0, 0) + "}  ", 0));
  write_file(folder / "gap", file("{\"w\":" + tensor("F32", "[1]", 4, 8) + "}", 8));
  write_file(folder / "wrap", file("{\"w\":" + tensor("F32", "[4611686018427387905]", 0, 4) + "}", 4));
  write_file(folder / "twice",
             file("{\"w\":" + tensor("U8", "[1]", 0, 1) + ",\"w\":" + tensor("U8", "[1]", 0, 1) + "}", 1));
}

void config_seeds(const fs::path& folder) {
  write_file(folder / "prepare", "input: scans\noutput: c.h5\nmax_bad: 0.25\nmin_frames: 8\nnormalize: minmax\n");
  write_file(folder / "train",
             "run:\n  dir: runs/a\n  epochs: 3\nmodel:\n  depth: [2, 1]\n  embed_dim: 32\noptimizer:\n  lr: 1e-4\n"
             "  betas: [0.9, 0.999]\ntask: classification\ndata:\n  cohort: \"a: b.h5\"\n  split_fractions: [0.7, "
             "0.15, 0.15]\n");
  write_file(folder / "dotted", "run.epochs: 3\nmodel.bidirectional: false\nprecision: bf16\n");
  write_file(folder / "unknown", "run:\n  epoch: 3\n");
  write_file(folder / "nested", "run: {dir: x, epochs: [1]}\n? [a, b]\n: c\n");
  write_file(folder / "anchor", "run: &a {dir: x}\nmodel: *a\n");
  write_file(folder / "broken", "run: [1, 2\n  x: 'y\n");
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: make_seeds FOLDER\n");
    return 2;
  }
  const fs::path folder = argv[1];
  const auto make = [&](const char* target, void (*seeds)(const fs::path&)) {
    fs::create_directories(folder / target);
    seeds(folder / target);
  };
  make("nifti", nifti_seeds);
  make("gzip", gzip_seeds);
  make("table", table_seeds);
  make("safetensors", safetensors_seeds);
  make("config", config_seeds);
  make("cifti", cifti_seeds);
  return 0;
}
