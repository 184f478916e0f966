#pragma once
// What a file or a directory is, told from its first bytes and its name, for messages that name a wrong file for what
// it is: "expected a cohort, found a NIfTI scan". Nothing is read but the first 4 KiB, and the names in a directory.
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
/// kind. What is missing, damaged or not recognised is left to its reader, which knows better what is wrong with it.
void refuse_other_kinds(const std::filesystem::path& path, FileKind wanted, const std::string& text);

/// Does the directory hold a run: config.yaml or checkpoints?
bool is_run_directory(const std::filesystem::path& path);

}  // namespace brainmt::io
