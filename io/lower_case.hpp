#pragma once
// ASCII lower case, independent of the locale.
#include <string>
#include <string_view>

namespace brainmt::io {

inline std::string lower_case(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

}  // namespace brainmt::io
