#pragma once
// Bytes of a plain or gzip file behind one reader, and a gzip writer whose output depends on its input alone.
//
// The reader's memory is one buffer, independent of sizes claimed by the file: the caller states how many bytes it
// expects and gets exactly those, or a DataError of one line. Compression is recognised by the file's first two bytes,
// not by its name. A gzip file is a series of members (RFC 1952), whose contents follow one another; zero bytes behind
// a member are padding. Anything else behind a member is refused.
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>

#include "io/atomic_file.hpp"
#include "io/byte_source.hpp"
#include "io/inflater.hpp"

namespace brainmt::io {

class ByteReader {
 public:
  /// `path` may be a member of a zip archive (io/byte_source.hpp). Throws DataError when the file is missing,
  /// unreadable, not a regular file, or damaged in its gzip header. The bytes do not depend on `inflation`.
  explicit ByteReader(std::filesystem::path path, Inflation inflation = Inflation::kFastest);
  ~ByteReader();
  ByteReader(ByteReader&&) noexcept;
  ByteReader& operator=(ByteReader&&) noexcept;

  bool compressed() const;
  /// No more bytes than this can come out: the file's size, times 1032 (the largest ratio of deflate) when compressed.
  std::uint64_t capacity() const;
  /// Bytes delivered or skipped so far.
  std::uint64_t position() const;

  /// Fills `out`. Throws DataError when the content ends early, is damaged or cannot be read.
  void read(std::span<std::byte> out);
  /// Passes over `count` bytes of content.
  void skip(std::uint64_t count);
  /// Demands that the content ends here: no byte more, a matching checksum, nothing but zeros behind the last member.
  void expect_end();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// A gzip file that takes its name in commit(), as AtomicFile does. No time stamp, no name in its header.
class GzipFile {
 public:
  /// `level` is zlib's, 1 (fast) to 9 (small).
  GzipFile(std::filesystem::path target, int level);
  ~GzipFile();
  GzipFile(const GzipFile&) = delete;
  GzipFile& operator=(const GzipFile&) = delete;

  void write(std::span<const std::byte> data);
  void commit();

 private:
  struct Deflater;
  void pump(int flush);

  AtomicFile file_;
  std::unique_ptr<Deflater> deflater_;
};

}  // namespace brainmt::io
