#include "io/file_kind.hpp"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <string_view>

#include "base/error.hpp"
#include "io/foreign_file.hpp"
#include "io/lower_case.hpp"

namespace brainmt::io {
namespace {

namespace fs = std::filesystem;
using namespace std::string_view_literals;

bool contains(std::string_view text, std::string_view part) { return text.find(part) != std::string_view::npos; }

bool ends_with_any(const std::string& name, std::initializer_list<std::string_view> endings) {
  return std::ranges::any_of(endings, [&](std::string_view ending) { return name.ends_with(ending); });
}

std::string pytorch(const fs::path& path) {
  const std::string to = path.stem().string() + ".safetensors";
  return fmt::format(
      "a PyTorch file (torch.save): convert it with: import torch, safetensors.torch; "
      "safetensors.torch.save_file(torch.load('{}', weights_only=True, map_location='cpu'), '{}')",
      path.filename().string(), to);
}

// foreign_link() says "is a link of ...".
FoundKind named(const std::string& text) { return {FileKind::kOther, text.substr(std::string_view("is ").size())}; }

// By its name, or by that of its first member.
bool is_pytorch_archive(const std::string& name, std::string_view start) {
  return start.starts_with("PK\x03\x04"sv) &&
         (ends_with_any(name, {".pth", ".pt", ".ckpt", ".bin"}) || contains(start, "/data.pkl"));
}

std::string nifti(const std::string& name) {
  if (ends_with_any(name, {".dtseries.nii", ".ptseries.nii", ".dscalar.nii"})) return "a CIFTI file";
  return "a NIfTI scan";
}

bool is_nifti(std::string_view start) {
  if (start.size() < 348) return false;
  std::uint32_t size = 0;
  std::memcpy(&size, start.data(), sizeof size);
  if (size == 348 || size == __builtin_bswap32(348)) return contains("n+1 ni1"sv, start.substr(344, 3));
  return (size == 540 || size == __builtin_bswap32(540)) && contains("n+2 ni2"sv, start.substr(4, 3));
}

bool is_safetensors(std::string_view start, std::uint64_t bytes) {
  std::uint64_t length = 0;
  if (start.size() < sizeof length + 1) return false;
  std::memcpy(&length, start.data(), sizeof length);
  return start[sizeof length] == '{' && length <= bytes - sizeof length;
}

bool is_text(std::string_view start) {
  return std::ranges::none_of(start, [](unsigned char c) {
    return (c < 0x20 && c != '\n' && c != '\r' && c != '\t') || c == 0x7f || c == 0xff;
  });
}

std::string text_file(const fs::path& path, const std::string& name, std::string_view start) {
  if (path.parent_path().filename() == "checkpoints" && start.starts_with("step-"))
    return "the name of a checkpoint: give the directory of its run, or the model.safetensors of the checkpoint";
  if (ends_with_any(name, {".yaml", ".yml"})) return "a configuration (YAML)";
  const char first = start[std::min(start.find_first_not_of(" \t\r\n"), start.size() - 1)];
  if (ends_with_any(name, {".json"}) || first == '{' || first == '[') return "a JSON file";
  const std::string_view line = start.substr(0, start.find('\n'));
  if (ends_with_any(name, {".csv", ".tsv"}) || line.find_first_of(",;\t") != std::string_view::npos)
    return "a table (CSV or TSV)";
  return "a text file";
}

FoundKind kind_of_file(const fs::path& path) {
  const std::string start_bytes = start_of_file(path);
  const std::string_view start = start_bytes;
  const std::string name = lower_case(path.filename().string());
  const auto other = [](std::string text) { return FoundKind{FileKind::kOther, std::move(text)}; };
  std::error_code ignored;
  if (start.empty()) return std::ifstream(path) ? other("an empty file") : FoundKind{};
  if (start.starts_with("\x89HDF\r\n\x1a\n"sv)) return {FileKind::kHdf5, "an HDF5 file, as cohorts and embeddings are"};
  // Before a pickle, which may begin like the length of the header.
  if (is_safetensors(start, fs::file_size(path, ignored))) return {FileKind::kWeights, "a safetensors file"};
  if (is_nifti(start)) return other(nifti(name));
  if (is_pytorch_archive(name, start)) return other(pytorch(path));
  if (start.starts_with("\x1f\x8b"sv) && ends_with_any(name, {".nii.gz"})) return other("a NIfTI scan (compressed)");
  if (start[0] == '\x80' && start.size() > 1 && start[1] >= 2 && start[1] <= 5)
    return other(ends_with_any(name, {".pth", ".pt", ".ckpt", ".bin"}) || start.substr(2, 2) == "\x8a\x0a"sv
                     ? pytorch(path)
                     : "a Python pickle");
  if (const auto foreign = foreign_kind(path, start, Reader::kAny)) return other(foreign->text());
  if (is_text(start)) return other(text_file(path, name, start));
  return {};
}

// Looks into some of the folders below: layouts have scans up to four deep.
bool holds_scans(const fs::path& directory) {
  constexpr int kMaxDepth = 4, kMaxNames = 2000;
  int seen = 0;
  std::error_code failed;
  for (fs::recursive_directory_iterator at(directory, fs::directory_options::skip_permission_denied, failed), end;
       !failed && at != end && seen < kMaxNames; at.increment(failed), ++seen) {
    if (ends_with_any(lower_case(at->path().filename().string()), {".nii", ".nii.gz"})) return true;
    if (at.depth() >= kMaxDepth) at.disable_recursion_pending();
  }
  return false;
}

FoundKind kind_of_directory(const fs::path& path) {
  std::error_code ignored;
  if (is_run_directory(path)) return {FileKind::kRun, "a run directory"};
  if (fs::exists(path / "model.safetensors", ignored))
    return {FileKind::kOther, "a checkpoint: give the directory of its run, or the model.safetensors in it"};
  if (path.filename() == "checkpoints")
    return {FileKind::kOther, "the checkpoints of a run: give the directory of the run"};
  if (holds_scans(path))
    return {FileKind::kOther,
            fmt::format("a directory of scans: make a cohort with 'brainmt prepare input={} output=cohort.h5'",
                        path.string())};
  return {FileKind::kOther, "a directory"};
}

// The remedy for a file of this program given in place of another kind.
std::string remedy(const fs::path& path, const FoundKind& found, FileKind wanted) {
  if (found.kind == FileKind::kRun && wanted == FileKind::kWeights)
    return fmt::format(": write its weights with 'brainmt weights export in={} out=...' (evaluate, embed: run.dir=)",
                       path.string());
  if (found.kind == FileKind::kWeights && wanted == FileKind::kRun) return ": give weights= instead";
  return "";
}

}  // namespace

bool is_run_directory(const fs::path& path) {
  std::error_code ignored;
  return fs::exists(path / "config.yaml", ignored) || fs::exists(path / "checkpoints", ignored);
}

FoundKind kind_of(const fs::path& path) {
  std::error_code ignored;
  const fs::file_status status = fs::status(path, ignored);
  if (fs::is_directory(status)) return kind_of_directory(path);
  if (fs::is_regular_file(status)) return kind_of_file(path);
  if (fs::exists(status)) return {FileKind::kOther, "neither a file nor a directory"};
  if (const std::string foreign = foreign_link(path); !foreign.empty()) return named(foreign);
  return {FileKind::kMissing, "no such file or directory"};
}

void refuse_other_kinds(const fs::path& path, FileKind wanted, const std::string& text) {
  const FoundKind found = kind_of(path);
  if (found.kind == wanted || found.kind == FileKind::kUnknown || found.kind == FileKind::kMissing) return;
  throw DataError(
      fmt::format("'{}': expected {}, found {}{}", path.string(), text, found.text, remedy(path, found, wanted)));
}

}  // namespace brainmt::io
