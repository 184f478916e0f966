#include "task/participants.hpp"

#include <cmath>
#include <unordered_map>

#include "task/phenotype_values.hpp"
#include "task/session_values.hpp"

namespace brainmt::task {
namespace {

// Over the subject's runs whose motion is known.
double mean_motion(const io::Cohort& cohort, const Subject& subject) {
  double sum = 0, count = 0;
  for (const std::size_t scan : subject.scans) {
    const double motion = cohort.scans()[scan].mean_fd;
    if (std::isnan(motion)) continue;
    sum += motion;
    ++count;
  }
  return count > 0 ? sum / count : std::nan("");
}

}  // namespace

void add_confound(const io::Cohort& cohort, const std::string& name, std::vector<Subject>& subjects) {
  constexpr const char* kMotion = "mean_fd";
  const bool from_scans = name == kMotion && find_phenotype(cohort, name) == nullptr;
  if (from_scans) {
    for (Subject& subject : subjects) subject.confounds.emplace_back(mean_motion(cohort, subject));
    return;
  }
  const io::PhenotypeColumn& column = phenotype(cohort, name);
  const auto numbers = numbers_of(column);
  if (!numbers) check_has_groups(cohort, column, "task.confounds");
  const auto texts = numbers ? std::vector<std::string>{} : texts_of(column);
  for (Subject& subject : subjects) {
    if (numbers)
      subject.confounds.emplace_back(mean_of_scans(*numbers, subject.scans));
    else
      subject.confounds.emplace_back(text_of_scans(cohort, texts, subject.scans, name));
  }
}

std::vector<Subject> participants_of(const io::Cohort& cohort) {
  std::vector<Subject> subjects;
  std::unordered_map<std::string, std::size_t> index;
  for (std::size_t scan = 0; scan < cohort.scans().size(); ++scan) {
    if (!cohort.usable(scan)) continue;
    const std::string& id = cohort.scans()[scan].participant_id;
    const auto [found, is_new] = index.try_emplace(id, subjects.size());
    if (is_new) subjects.push_back({.id = id});
    subjects[found->second].scans.push_back(scan);
  }
  return subjects;
}

}  // namespace brainmt::task
