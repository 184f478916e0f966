#include "connectivity/bids.hpp"

#include <cctype>
#include <cmath>
#include <fstream>
#include <numbers>
#include <set>
#include <vector>

#include "base/error.hpp"
#include "connectivity/estimators.hpp"
#include "io/atomic_file.hpp"

namespace brainmt::connectivity {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

constexpr const char* kDescription = "dataset_description.json";
constexpr const char* kGenerator = "brainmt fc";

// Letters and digits only, as values of BIDS entities are.
std::string entity(const std::string& text, const char* otherwise) {
  std::string value;
  for (const char c : text) {
    if (std::isalnum(static_cast<unsigned char>(c))) value += c;
  }
  return value.empty() ? otherwise : value;
}

std::string subject(const FcRow& row) {
  return entity(row.id.starts_with("sub-") ? row.id.substr(4) : row.id, "unknown");
}

// Run names of BIDS cohorts are entities already ("ses-1_run-2"); others become one.
std::string run_entities(const std::string& run) {
  if (run.empty()) return "";
  return run.find('-') != std::string::npos ? "_" + run : "_run-" + entity(run, "1");
}

std::string statistic_of(const FcFile& file) {
  const std::string kind = file.metadata().value("kind", "imported");
  if (file.description().values == "partial") return "partialcorrelation";
  if (kind == "pearson") return "pearsoncorrelation";
  if (kind == "shrunk") return "shrunkcorrelation";
  return kind == "tangent" ? "tangent" : "connectivity";
}

std::string node_name(const io::ParcelTable& parcels, std::size_t p) {
  return parcels.name[p].empty() ? std::to_string(parcels.index[p]) : parcels.name[p];
}

bool is_fisher(const FcFile& file) {
  return file.description().values == "fisher" && file.metadata().value("definition", "").starts_with("Fisher z");
}

// [P, P] of a row: r of Fisher z; the diagonal is 1, or that of the vector.
std::vector<double> matrix_of(const FcFile& file, std::span<const float> row) {
  const std::size_t parcels = file.parcels().size();
  std::vector<double> matrix(parcels * parcels, 1.0);
  const std::vector<Edge> edges = edges_of(parcels, file.has_diagonal());
  const bool fisher_z = is_fisher(file);
  for (std::size_t e = 0; e < edges.size(); ++e) {
    double value = row[e];
    if (fisher_z) value = std::tanh(value);
    if (file.has_diagonal() && edges[e].a != edges[e].b) value /= std::numbers::sqrt2;
    matrix[edges[e].a * parcels + edges[e].b] = matrix[edges[e].b * parcels + edges[e].a] = value;
  }
  return matrix;
}

std::string table_text(const FcFile& file, std::span<const float> row) {
  const io::ParcelTable& parcels = file.parcels();
  const std::vector<double> matrix = matrix_of(file, row);
  std::string text = "Node";
  for (std::size_t p = 0; p < parcels.size(); ++p) text += '\t' + node_name(parcels, p);
  text += '\n';
  for (std::size_t i = 0; i < parcels.size(); ++i) {
    text += node_name(parcels, i);
    for (std::size_t j = 0; j < parcels.size(); ++j) {
      const double value = matrix[i * parcels.size() + j];
      text += std::isnan(value) ? "\tn/a" : fmt::format("\t{:.8g}", value);
    }
    text += '\n';
  }
  return text;
}

std::string sidecar(const FcFile& file, const FcRow& row) {
  const Json& m = file.metadata();
  const std::string values = file.description().values;
  Json json{{"RelationshipMeasure", values == "partial"   ? "partial correlation"
                                    : values == "tangent" ? "tangent space of covariance"
                                                          : "correlation"},
            {"Weighted", true},
            {"Directed", false},
            {"ValidDiagonal", values == "tangent"},
            {"StorageFormat", "Full"},
            {"NonNegative", "signed"},
            {"NodeFiles", fmt::format("bids::atlas-{}_dseg.tsv", entity(file.parcels().atlas, "unknown"))},
            {"FramesUsed", row.frames},
            {"Runs", row.runs},
            {"EdgesMissing", row.edges_missing}};
  if (!std::isnan(row.mean_fd)) json["MeanFramewiseDisplacement"] = row.mean_fd;
  for (const char* key : {"kind", "scale", "shrinkage", "frames", "weights", "global_signal", "subspace", "fitted_on",
                          "split_sha256", "atlas", "atlas_sha256", "cohort_fingerprint"}) {
    if (m.contains(key)) json[key] = m[key];
  }
  return json.dump(2) + '\n';
}

std::string nodes_text(const io::ParcelTable& parcels) {
  std::string text = "index\tname\tnetwork\themisphere\tx\ty\tz\n";
  const auto word = [](const std::string& value) { return value.empty() ? "n/a" : value; };
  for (std::size_t p = 0; p < parcels.size(); ++p) {
    text += fmt::format("{}\t{}\t{}\t{}", parcels.index[p], node_name(parcels, p), word(parcels.network[p]),
                        word(parcels.hemisphere[p]));
    for (const double mm : parcels.centroid[p]) text += std::isnan(mm) ? "\tn/a" : fmt::format("\t{:.2f}", mm);
    text += '\n';
  }
  return text;
}

void write_row(const FcFile& file, const FcRow& row, std::span<const float> values, const fs::path& folder) {
  const fs::path place = folder / ("sub-" + subject(row)) / "func";
  fs::create_directories(place);
  const std::string name = relmat_name(file, row);
  io::write_atomically(place / (name + ".tsv"), table_text(file, values));
  io::write_atomically(place / (name + ".json"), sidecar(file, row));
}

}  // namespace

std::string relmat_name(const FcFile& file, const FcRow& row) {
  const std::string space = entity(file.parcels().space, "");
  return fmt::format("sub-{}{}_task-rest{}_atlas-{}_stat-{}_relmat", subject(row), run_entities(row.run),
                     space.empty() ? "" : "_space-" + space, entity(file.parcels().atlas, "unknown"),
                     statistic_of(file));
}

bool is_of_fc(const fs::path& folder) {
  std::ifstream in(folder / kDescription);
  const Json json = Json::parse(in, nullptr, /*allow_exceptions=*/false);
  const Json by = json.is_object() ? json.value("GeneratedBy", Json()) : Json();
  return by.is_array() && by.size() == 1 && by[0].is_object() && by[0].value("Name", Json()) == kGenerator;
}

bool is_own_folder(const fs::path& folder) {
  std::error_code failed;
  if (!fs::is_directory(folder, failed) || is_of_fc(folder)) return true;  // what is no folder is refused as such
  for (const auto& entry : fs::directory_iterator(folder, failed))
    if (!entry.path().filename().string().starts_with("connectivity.")) return false;
  return true;
}

BidsSummary write_bids(const FcFile& file, const fs::path& folder, const std::string& program,
                       const std::string& version) {
  BidsSummary summary;
  const Json description{
      {"Name", "Functional connectivity"},
      {"BIDSVersion", "1.9.0"},
      {"DatasetType", "derivative"},
      {"GeneratedBy", Json::array({{{"Name", kGenerator}, {"Version", version}, {"Description", program}}})}};
  io::write_atomically(folder / kDescription, description.dump(2) + '\n');
  io::write_atomically(folder / fmt::format("atlas-{}_dseg.tsv", entity(file.parcels().atlas, "unknown")),
                       nodes_text(file.parcels()));
  std::vector<float> values(file.edges());
  const bool of_runs = !file.runs().empty();
  const std::vector<FcRow>& rows = of_runs ? file.runs() : file.participants();
  std::set<std::string> names;
  for (const FcRow& row : rows) {
    if (!names.insert(relmat_name(file, row)).second)
      throw DataError(
          fmt::format("'{}': participant {} {} has the BIDS name of another row ({}): ids that differ in '-' or '_' "
                      "only cannot be told apart there",
                      file.path().string(), row.id, row.run, relmat_name(file, row)));
  }
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (of_runs) {
      file.read_runs(i, 1, values);
    } else {
      file.read_rows(i, 1, values);
    }
    write_row(file, rows[i], values, folder);
    ++summary.matrices;
  }
  return summary;
}

}  // namespace brainmt::connectivity
