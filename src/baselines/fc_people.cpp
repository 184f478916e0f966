#include "baselines/fc_people.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <span>

#include "base/error.hpp"
#include "connectivity/estimators.hpp"
#include "connectivity/fc_file.hpp"
#include "io/printable.hpp"
#include "run/data_origin.hpp"

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

// What a cohort says of a participant's scans.
struct Scans {
  std::uint64_t count = 0, usable = 0;  // usable: not in quarantine
  std::uint64_t frames = 0, usable_frames = 0;
  double motion = 0;  // sum over the scans where it is known
  std::uint64_t with_motion = 0;
  bool in_quarantine() const { return count != usable; }
};

std::map<std::string, Scans> scans_of(const io::Cohort& cohort) {
  std::map<std::string, Scans> scans;
  for (std::size_t s = 0; s < cohort.scans().size(); ++s) {
    const io::CohortScan& scan = cohort.scans()[s];
    Scans& of = scans[scan.participant_id];
    ++of.count, of.frames += scan.frames;
    if (cohort.usable(s)) ++of.usable, of.usable_frames += scan.frames;
    if (!std::isnan(scan.mean_fd)) of.motion += scan.mean_fd, ++of.with_motion;
  }
  return scans;
}

// Connectivity of this very cohort of parcels has its fingerprint. That of another atlas or of other processing has
// not, and is judged by its scans.
void check_fingerprint(const connectivity::FcFile& file, const io::Cohort& cohort) {
  const auto& metadata = file.metadata();
  const auto text = [&](const char* key) {
    return metadata.contains(key) && metadata[key].is_string() ? metadata[key].get<std::string>() : std::string();
  };
  const std::string of_file = text("cohort_fingerprint");
  if (cohort.parcels() == nullptr || of_file.empty()) return;
  const bool same_kind = text("atlas_sha256") == cohort.parcels()->atlas_sha256 &&
                         (text("subspace") == "coskewness" || file.parcels().index == cohort.parcels()->index) &&
                         text("normalization") == cohort.layout().normalization;
  const std::string here = run::cohort_fingerprint(cohort);
  if (!same_kind || of_file == here) return;
  throw DataError(fmt::format(
      "fc={}: made of another cohort than '{}' (cohort_fingerprint {:.12}, here {:.12}), whose people may share the ids: "
      "make it again with 'brainmt fc data.cohort={}'",
      file.path().string(), cohort.path().string(), of_file, here, cohort.path().string()));
}

// "" where nothing speaks against it that a row is of these scans.
std::string difference_of(const connectivity::FcRow& row, const Scans& scans, bool whole_scans) {
  constexpr double kMotionRounding = 1e-5;  // mm
  if (row.frames == 0) return "";           // imported: nothing is known
  if (row.runs > scans.count) return fmt::format("{} scans in it, {} in the cohort", row.runs, scans.count);
  const bool all = row.runs == scans.count, usable = row.runs == scans.usable;
  if (whole_scans && (all || usable) && !(all && row.frames == scans.frames) &&
      !(usable && row.frames == scans.usable_frames))
    return fmt::format("{} frames in it, {} in the cohort", row.frames, scans.frames);
  if (row.frames > scans.frames && whole_scans)
    return fmt::format("{} frames in it, {} in the cohort", row.frames, scans.frames);
  if (!all || scans.in_quarantine() || scans.with_motion != scans.count || std::isnan(row.mean_fd)) return "";
  const double motion = scans.motion / static_cast<double>(scans.count);
  if (std::abs(motion - row.mean_fd) <= kMotionRounding) return "";
  return fmt::format("mean_fd {:.6g} mm in it, {:.6g} mm in the cohort", row.mean_fd, motion);
}

void check_scans(const connectivity::FcFile& file, const task::TrainingData& data, const SharedPeople& shared) {
  const std::map<std::string, Scans> scans = scans_of(data.data.cohort());
  const auto& metadata = file.metadata();
  const bool whole_scans = metadata.contains("frames") && metadata["frames"] == "all";
  std::string first, what;
  std::size_t count = 0;
  for (const std::string& id : shared.found) {
    const auto of = scans.find(id);
    if (of == scans.end()) continue;
    std::string difference = difference_of(file.participants()[shared.row_of.at(id)], of->second, whole_scans);
    if (!difference.empty() && ++count == 1) first = id, what = std::move(difference);
  }
  if (count == 0) return;
  throw DataError(fmt::format(
      "fc={}: {} of {} people have other scans in it than in '{}'; the first is {} ({}): expected connectivity of the "
      "same scans",
      file.path().string(), count, shared.found.size(), data.data.cohort().path().string(), io::printable(first),
      what));
}

SharedPeople shared_people(const connectivity::FcFile& file, const task::TrainingData& data, const std::string& part) {
  SharedPeople shared;
  for (std::size_t row = 0; row < file.participants().size(); ++row) {
    const std::string& id = file.participants()[row].id;
    if (!shared.row_of.try_emplace(id, row).second)
      throw DataError(
          fmt::format("fc={}: participant {} has two rows, expected one", file.path().string(), io::printable(id)));
  }
  for (const std::string& id : people_of(data, part)) {
    const auto found = shared.row_of.find(id);
    const bool is_there = found != shared.row_of.end();
    const bool has_edges = is_there && file.participants()[found->second].edges_missing != file.edges();
    (has_edges ? shared.found : is_there ? shared.empty : shared.missing).push_back(id);
  }
  std::set<std::string> in_cohort;
  for (const io::CohortScan& scan : data.data.cohort().scans()) in_cohort.insert(scan.participant_id);
  for (const auto& [id, row] : shared.row_of)
    if (!in_cohort.contains(id)) shared.unknown.push_back(id);
  return shared;
}

SharedPeople checked(const connectivity::FcFile& file, const task::TrainingData& data, const std::string& part,
                     const std::vector<std::string>& split_sha256) {
  check_split(file, split_sha256);
  SharedPeople shared = shared_people(file, data, part);
  const std::size_t people = shared.found.size() + shared.missing.size() + shared.empty.size();
  if (2 * shared.found.size() < people || shared.found.empty())
    throw DataError(fmt::format(
        "fc={}: {} of the {} people of the split {} edges in it (its first is {}): expected connectivity of at least "
        "half of them, of the same cohort and with the same ids",
        file.path().string(), shared.found.empty() ? "none" : fmt::format("{}", shared.found.size()), people,
        shared.found.size() == 1 ? "has" : "have",
        io::printable(shared.row_of.empty() ? "" : shared.row_of.begin()->first)));
  check_fingerprint(file, data.data.cohort());
  check_scans(file, data, shared);
  return shared;
}

}  // namespace

void check_is_connectivity(const std::filesystem::path& path) { const connectivity::FcFile file(path); }

SharedPeople check_connectivity(const std::filesystem::path& path, const task::TrainingData& data,
                                const std::string& part, const std::vector<std::string>& split_sha256) {
  return checked(connectivity::FcFile(path), data, part, split_sha256);
}

Connectivity read_connectivity(const std::filesystem::path& path, const task::TrainingData& data,
                               const std::string& part, const std::vector<std::string>& split_sha256,
                               std::vector<std::string>& warnings) {
  const connectivity::FcFile file(path);
  const SharedPeople shared = checked(file, data, part, split_sha256);
  Connectivity result{.values = {}, .edges = file.edges(), .row_of = {}, .edge_names = names_of(file)};
  result.metadata = file.metadata().dump();
  std::vector<std::size_t> wanted;
  for (const std::string& id : shared.found) result.row_of[id] = wanted.size(), wanted.push_back(shared.row_of.at(id));
  const auto warn = [&](const std::vector<std::string>& ids, const char* what) {
    if (!ids.empty())
      warnings.push_back(
          fmt::format("fc={}: {} {}; the first is {}", path.string(), ids.size(), what, io::printable(ids.front())));
  };
  warn(shared.missing, "people of the split are not in it, and are left out of models on connectivity");
  warn(shared.empty, "people of the split have no edge in it, and are left out of models on connectivity");
  warn(shared.unknown, "of its people are not in the cohort, and are not used");
  result.values.resize(wanted.size() * result.edges);
  for (std::size_t begin = 0, end = 0; begin < wanted.size(); begin = end) {  // rows that lie together in one read
    for (end = begin + 1; end < wanted.size() && wanted[end] == wanted[end - 1] + 1;) ++end;
    file.read_rows(wanted[begin], end - begin,
                   std::span(result.values).subspan(begin * result.edges, (end - begin) * result.edges));
  }
  return result;
}

}  // namespace brainmt::baselines
