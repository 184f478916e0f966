#pragma once
// Inflates raw deflate streams with zlib or ISA-L (three times as fast). The caller checks gzip's header, checksum and
// length, so both back ends refuse the same files.
#include <cstddef>
#include <memory>
#include <span>
#include <string_view>

namespace brainmt::io {

/// kFastest: ISA-L where the build found it, else zlib.
enum class Inflation { kFastest, kZlib };

class Inflater {
 public:
  struct Step {
    std::size_t produced = 0;
    bool ended = false;       // the stream is over and everything in it was produced
    std::string_view damage;  // empty, or why the stream cannot continue
  };

  virtual ~Inflater() = default;
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;

  /// Begins another stream; what was given before is forgotten.
  virtual void reset() = 0;
  /// The next bytes of the stream; they stay where they are until they are used. Called when needs_input().
  virtual void give(std::span<const std::byte> input) = 0;
  virtual bool needs_input() const = 0;
  /// Inflates into `out` (below 4 GiB, not empty) as far as the input reaches.
  virtual Step inflate(std::span<std::byte> out) = 0;
  /// Bytes given that lie behind the end of the stream. Of an ended stream.
  virtual std::size_t unused() const = 0;

 protected:
  Inflater() = default;
};

/// A stream from its start; memory is bounded (below 200 kB).
std::unique_ptr<Inflater> make_inflater(Inflation inflation);

}  // namespace brainmt::io
