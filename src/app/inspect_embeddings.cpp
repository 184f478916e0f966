#include "app/inspect_embeddings.hpp"

#include <map>

#include "analysis/embedding_file.hpp"

namespace brainmt::app {

Json inspect_embeddings(const std::filesystem::path& path, bool verify) {
  const analysis::EmbeddingFile file(path);
  const analysis::EmbeddingDescription& d = file.description();
  std::map<std::string, std::size_t> parts;
  for (const analysis::EmbeddedParticipant& p : d.participants) ++parts[p.part];
  Json out{{"kind", "embeddings"},          {"path", path.string()}, {"bytes", std::filesystem::file_size(path)},
           {"rows", d.participants.size()}, {"width", d.width},      {"split", parts}};
  for (const auto& [name, value] : d.metadata.items()) out[name] = value;
  if (verify) {
    file.rows();
    out["verified"] = "every row matches its checksum";
  }
  return out;
}

}  // namespace brainmt::app
