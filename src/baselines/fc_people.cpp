#include "baselines/fc_people.hpp"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <span>

#include "base/error.hpp"
#include "connectivity/estimators.hpp"
#include "connectivity/fc_file.hpp"
#include "io/printable.hpp"

namespace brainmt::baselines {
namespace {

using task::Part;

// Training people first, then validation, then test: those whom a study fits or predicts.
std::vector<std::string> people_of(const task::TrainingData& data, const std::string& part) {
  std::vector<std::string> ids;
  for (const Part p : task::kParts)
    for (const std::size_t i : data.part(p))
      if (p != Part::kTest || part == "test" || part == "all") ids.push_back(data.data.subjects()[i].id);
  if (part != "all") return ids;
  std::set<std::string> known(ids.begin(), ids.end());
  for (const task::Subject& subject : data.data.subjects())
    if (!known.contains(subject.id)) ids.push_back(subject.id);
  return ids;
}

std::string name_or_na(const io::ParcelTable& parcels, std::size_t k) {
  return parcels.name[k].empty() ? "n/a" : parcels.name[k];
}

void check_split(const connectivity::FcFile& file, const std::vector<std::string>& split_sha256) {
  const auto& metadata = file.metadata();
  if (metadata.value("fitted_on", "none") == "none") return;
  const std::string fitted = metadata.value("split_sha256", "");
  if (std::ranges::find(split_sha256, fitted) != split_sha256.end()) return;
  throw DataError(fmt::format(
      "fc={}: its {} was fitted on the training people of another split (split_sha256 {:.12}, here {:.12}), "
      "who may be test people here: make it again with 'brainmt fc' and this run.dir= or data.split_file=",
      file.path().string(), metadata.value("fitted", "reference"), fitted, split_sha256.front()));
}

std::vector<std::string> names_of(const connectivity::FcFile& file) {
  const io::ParcelTable& parcels = file.parcels();
  std::vector<std::string> names;
  for (const auto& [a, b] : connectivity::edges_of(parcels.size(), file.has_diagonal()))
    names.push_back(fmt::format("{}\t{}\t{}\t{}", parcels.index[a], parcels.index[b], name_or_na(parcels, a),
                                name_or_na(parcels, b)));
  return names;
}

}  // namespace

void check_is_connectivity(const std::filesystem::path& path) { const connectivity::FcFile file(path); }

Connectivity read_connectivity(const std::filesystem::path& path, const task::TrainingData& data,
                               const std::string& part, const std::vector<std::string>& split_sha256,
                               std::vector<std::string>& warnings) {
  const connectivity::FcFile file(path);
  check_split(file, split_sha256);
  std::map<std::string, std::size_t> row_in_file;
  for (std::size_t row = 0; row < file.participants().size(); ++row) {
    const std::string& id = file.participants()[row].id;
    if (!row_in_file.try_emplace(id, row).second)
      throw DataError(
          fmt::format("fc={}: participant {} has two rows, expected one", path.string(), io::printable(id)));
  }
  Connectivity result{.values = {}, .edges = file.edges(), .row_of = {}, .edge_names = names_of(file)};
  result.metadata = file.metadata().dump();
  std::vector<std::string> missing, empty, unknown;
  std::vector<std::size_t> wanted;
  for (const std::string& id : people_of(data, part)) {
    const auto found = row_in_file.find(id);
    if (found == row_in_file.end())
      missing.push_back(id);
    else if (file.participants()[found->second].edges_missing == file.edges())
      empty.push_back(id);
    else
      result.row_of[id] = wanted.size(), wanted.push_back(found->second);
  }
  std::set<std::string> in_cohort;
  for (const io::CohortScan& scan : data.data.cohort().scans()) in_cohort.insert(scan.participant_id);
  for (const auto& [id, row] : row_in_file)
    if (!in_cohort.contains(id)) unknown.push_back(id);
  if (wanted.empty())
    throw DataError(
        fmt::format("fc={}: none of the {} people of the split is in it (its first is {}): expected "
                    "connectivity of the same cohort, with the same ids",
                    path.string(), missing.size() + empty.size(),
                    io::printable(row_in_file.empty() ? "" : row_in_file.begin()->first)));
  const auto warn = [&](const std::vector<std::string>& ids, const char* what) {
    if (!ids.empty())
      warnings.push_back(
          fmt::format("fc={}: {} {}; the first is {}", path.string(), ids.size(), what, io::printable(ids.front())));
  };
  warn(missing, "people of the split are not in it, and are left out of models on connectivity");
  warn(empty, "people of the split have no edge in it, and are left out of models on connectivity");
  warn(unknown, "of its people are not in the cohort, and are not used");
  result.values.resize(wanted.size() * result.edges);
  for (std::size_t begin = 0, end = 0; begin < wanted.size(); begin = end) {  // rows that lie together in one read
    for (end = begin + 1; end < wanted.size() && wanted[end] == wanted[end - 1] + 1;) ++end;
    file.read_rows(wanted[begin], end - begin,
                   std::span(result.values).subspan(begin * result.edges, (end - begin) * result.edges));
  }
  return result;
}

}  // namespace brainmt::baselines
