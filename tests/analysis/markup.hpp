#pragma once
// Is a text well-formed markup?
#include <string>
#include <vector>

namespace brainmt::test {

/// The first element that is opened and not closed in order, or the position of a stray angle bracket or ampersand;
/// empty when all is well. For documents without comments, CDATA and '<' or '>' inside attributes.
inline std::string unbalanced(const std::string& text) {
  for (std::size_t at = text.find('&'); at != std::string::npos; at = text.find('&', at + 1)) {
    const std::size_t end = text.find_first_not_of("abcdefghijklmnopqrstuvwxyz", at + 1);
    if (end == std::string::npos || end == at + 1 || text[end] != ';') return "ampersand at " + text.substr(at, 20);
  }
  std::vector<std::string> open;
  for (std::size_t at = text.find_first_of("<>"); at != std::string::npos; at = text.find_first_of("<>", at + 1)) {
    const std::size_t end = text.find_first_of("<>", at + 1);
    if (text[at] == '>' || end == std::string::npos || text[end] == '<') return "bracket at " + text.substr(at, 20);
    const std::string tag = text.substr(at + 1, end - at - 1);
    at = end;
    if (tag.ends_with('/') || tag.starts_with('!')) continue;
    if (!tag.starts_with('/')) {
      open.push_back(tag.substr(0, tag.find_first_of(" \n")));
      continue;
    }
    if (open.empty() || open.back() != tag.substr(1)) return tag;
    open.pop_back();
  }
  return open.empty() ? "" : open.back();
}

}  // namespace brainmt::test
