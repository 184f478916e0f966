#pragma once
// Recognises the kind of a file or directory from its first 4 KiB, its name, or the names in the directory, for
// messages such as "expected a cohort, found a NIfTI scan".
#include <filesystem>
#include <string>

namespace brainmt::io {

enum class FileKind { kMissing, kHdf5, kWeights, kRun, kOther, kUnknown };

struct FoundKind {
  FileKind kind = FileKind::kUnknown;
  /// With an article and, where one is known, the remedy: "a NIfTI scan", "a PyTorch file (torch.save): convert ...".
  std::string text{};
};

/// Never throws for what it finds; a file that cannot be read is unknown.
FoundKind kind_of(const std::filesystem::path& path);

/// Throws DataError "'path': expected <text>, found <what it is>" when the path is recognised as something of another
/// kind. A missing, damaged or unrecognised path is left to its reader, whose message is more exact.
void refuse_other_kinds(const std::filesystem::path& path, FileKind wanted, const std::string& text);

/// Does the directory hold a run: config.yaml or checkpoints?
bool is_run_directory(const std::filesystem::path& path);

}  // namespace brainmt::io
