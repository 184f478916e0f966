#include "models/family_title.hpp"

#include <map>

namespace brainmt::models {

std::string family_title(const std::string& family) {
  static const std::map<std::string, std::string> kTitles{
      {"brainmt", "BrainMT"}, {"brainlm", "BrainLM"}, {"brainlm_vitmae", "BrainLM"}, {"brainnetcnn", "BrainNetCNN"}};
  const auto found = kTitles.find(family);
  return found == kTitles.end() ? family : found->second;
}

}  // namespace brainmt::models
