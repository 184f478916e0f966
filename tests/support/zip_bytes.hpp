#pragma once
// Zip archives as raw bytes for tests of their reader: sound ones, whose fields can then be falsified one by one.
#include <zlib.h>

#include <cstdint>
#include <string>

#include "support/nifti_bytes.hpp"

namespace brainmt::test {

class ZipBytes {
 public:
  /// What an entry claims.
  struct Entry {
    std::string name, packed;
    std::uint64_t size = 0;
    std::uint32_t checksum = 0;
    unsigned method = 8, flags = 0;
    bool wide = false;  // its sizes and offset in fields of 64 bits
  };

  /// The truth about `content`.
  static Entry entry(const std::string& name, const std::string& content, bool deflate = true) {
    Entry entry;
    entry.name = name;
    entry.packed = deflate ? deflated(content, -15) : content;
    entry.size = content.size();
    entry.method = deflate ? 8 : 0;
    const auto* bytes = reinterpret_cast<const Bytef*>(content.data());
    entry.checksum = static_cast<std::uint32_t>(::crc32(0, bytes, static_cast<uInt>(content.size())));
    return entry;
  }

  ZipBytes& add(const std::string& name, const std::string& content, bool deflate = true) {
    return add(entry(name, content, deflate));
  }
  ZipBytes& add(const Entry& entry) {
    const std::uint64_t at = body_.size();
    body_ += "PK\3\4" + number(20, 2) + described(entry, false) + number(entry.name.size(), 2) + number(0, 2) +
             entry.name + entry.packed;
    std::string extra;
    if (entry.wide)
      extra = number(1, 2) + number(24, 2) + number(entry.size, 8) + number(entry.packed.size(), 8) + number(at, 8);
    directory_ += "PK\1\2" + number(20, 2) + number(20, 2) + described(entry, entry.wide) +
                  number(entry.name.size(), 2) + number(extra.size(), 2) + number(0, 2) + number(0, 8) +
                  number(entry.wide ? kWide : at, 4) + entry.name + extra;
    ++entries_;
    return *this;
  }

  /// `wide`: with the end records of 64 bits.
  std::string bytes(const std::string& comment = "", bool wide = false) const {
    std::string end;
    if (wide) {
      const std::uint64_t at = body_.size() + directory_.size();
      end = "PK\6\6" + number(44, 8) + number(45, 2) + number(45, 2) + number(0, 8) + number(entries_, 8) +
            number(entries_, 8) + number(directory_.size(), 8) + number(body_.size(), 8) + "PK\6\7" + number(0, 4) +
            number(at, 8) + number(1, 4);
    }
    const std::uint64_t entries = wide ? 0xFFFF : entries_, size = wide ? kWide : directory_.size();
    return body_ + directory_ + end + "PK\5\6" + number(0, 4) + number(entries, 2) + number(entries, 2) +
           number(size, 4) + number(wide ? kWide : body_.size(), 4) + number(comment.size(), 2) + comment;
  }

  static std::string number(std::uint64_t value, std::size_t bytes) {
    std::string text;
    for (std::size_t i = 0; i < bytes; ++i) text += static_cast<char>(value >> (8 * i) & 0xFF);
    return text;
  }

 private:
  static constexpr std::uint64_t kWide = 0xFFFFFFFF;

  static std::string described(const Entry& entry, bool wide) {
    return number(entry.flags, 2) + number(entry.method, 2) + number(0, 4) + number(entry.checksum, 4) +
           number(wide ? kWide : entry.packed.size(), 4) + number(wide ? kWide : entry.size, 4);
  }

  std::string body_, directory_;
  std::uint64_t entries_ = 0;
};

}  // namespace brainmt::test
