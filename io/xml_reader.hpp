#pragma once
// Elements and attributes of an XML document; text between them is passed over.
//
// Strict, and safe on files from strangers: well-formed documents of one root element without a DOCTYPE (so there are
// no entities but the five of XML and character references), at most 64 levels deep, at most 64 attributes an element.
// Memory: the attributes of one element.
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace brainmt::io {

struct XmlElement {
  std::string_view name;
  std::vector<std::pair<std::string_view, std::string>> attributes;  // values without references

  const std::string* find(std::string_view attribute) const;
};

/// Calls `start` at the beginning of each element with its depth, the root's is 0. Throws DataError that begins with
/// `where` and says at which byte the document is wrong.
void read_xml(std::string_view text, const std::string& where,
              const std::function<void(const XmlElement&, std::size_t depth)>& start);

}  // namespace brainmt::io
