#include "analysis/inspect_embeddings.hpp"

#include <map>

#include "analysis/embedding_file.hpp"

namespace brainmt::analysis {

Json inspect_embeddings(const std::filesystem::path& path, bool verify) {
  const EmbeddingFile file(path);
  const EmbeddingDescription& d = file.description();
  std::map<std::string, std::size_t> parts;
  for (const EmbeddedParticipant& p : d.participants) ++parts[p.part];
  Json out{{"kind", "embeddings"},          {"path", path.string()}, {"bytes", std::filesystem::file_size(path)},
           {"rows", d.participants.size()}, {"width", d.width},      {"split", parts}};
  for (const auto& [name, value] : d.metadata.items()) out[name] = value;
  if (verify) {
    file.rows();
    out["verified"] = "every row matches its checksum";
  }
  return out;
}

}  // namespace brainmt::analysis
