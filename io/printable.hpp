#pragma once
// Quotes text from a file for a one-line message.
#include <string>
#include <string_view>

namespace brainmt::io {

/// `text` in quotes with control characters as '?', cut after 80 bytes.
inline std::string printable(std::string_view text) {
  constexpr std::size_t kMaxBytes = 80;
  std::string out = "'";
  for (const char c : text.substr(0, kMaxBytes)) out += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? '?' : c;
  return out + (text.size() > kMaxBytes ? "...'" : "'");
}

}  // namespace brainmt::io
