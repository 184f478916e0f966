#include "synth/cohort_files.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "synth/atlas.hpp"
#include "synth/parcels.hpp"

namespace brainmt::synth {
namespace {

constexpr std::array kHcpRuns{"REST1_LR", "REST1_RL", "REST2_LR", "REST2_RL"};
constexpr std::array kUkbCentres{11025, 11026, 11027};  // of the imaging visit
constexpr int kFirstImagingVisit = 2;

int eid(int subject) { return 1000001 + subject; }
int hcp_id(int subject) { return 100001 + subject; }

std::string hcp_folder(int subject, int run) {
  return fmt::format("{}/MNINonLinear/Results/rfMRI_{}/", hcp_id(subject), kHcpRuns[static_cast<std::size_t>(run)]);
}

// Path of a BIDS file without what comes behind the run.
std::string bids_stem(const SynthConfig& config, int subject, int run) {
  const std::string id = draw_phenotype(config, subject).participant_id;
  return fmt::format("{0}/ses-1/func/{0}_ses-1_task-rest_run-{1}", id, run + 1);
}

// Fluid intelligence is a count of right answers: 0 to 13.
int ukb_score(const Phenotype& p) {
  return static_cast<int>(std::clamp(std::lround(6.5 + 2.5 * p.cognition_z), 0l, 13l));
}

// Families of one, two and three, in turn.
int family(int subject) {
  constexpr std::array kInSix{0, 1, 1, 2, 2, 2};
  return subject / 6 * 3 + kInSix[static_cast<std::size_t>(subject % 6)];
}

// Simulated ages have UK Biobank's range; HCP's age bands are assigned in the same order.
const char* hcp_age_band(double age) {
  const double young = 22 + (age - 45) * (15.0 / 35.0);
  return young < 26 ? "22-25" : young < 31 ? "26-30" : young < 36 ? "31-35" : "36+";
}

std::string header_of(Layout layout) {
  switch (layout) {
    case Layout::kFlat:
      return "participant_id,sex,age,site,mean_fd,cognition\n";
    case Layout::kUkb:
      return "eid,31-0.0,21003-2.0,54-2.0,25741-2.0,20016-2.0\n";
    case Layout::kHcp:
      return "Subject,Gender,Age,PMAT24_A_CR,CogTotalComp_AgeAdj,Family_ID\n";
    case Layout::kBids:
      return "participant_id\tage\tsex\tsite\tcognition\n";
  }
  return {};
}

std::string row_of(const SynthConfig& config, int subject) {
  const Phenotype p = draw_phenotype(config, subject);
  switch (config.layout) {
    case Layout::kFlat:
      return fmt::format("{},{},{:.1f},site-{},{:.3f},{:.3f}\n", p.participant_id, p.sex, p.age, p.site + 1, p.mean_fd,
                         p.cognition());
    case Layout::kUkb:
      return fmt::format("{},{},{},{},{:.3f},{}\n", eid(subject), p.sex, static_cast<int>(p.age),
                         kUkbCentres[static_cast<std::size_t>(p.site)], p.mean_fd, ukb_score(p));
    case Layout::kHcp:
      return fmt::format("{},{},{},{},{:.2f},F{:05d}\n", hcp_id(subject), p.sex == 1 ? "M" : "F", hcp_age_band(p.age),
                         std::lround(17 + 3.5 * p.cognition_z), p.cognition(), family(subject) + 1);
    case Layout::kBids:
      return fmt::format("{}\t{:.1f}\t{}\tsite-{}\t{:.3f}\n", p.participant_id, p.age, p.sex == 1 ? "M" : "F",
                         p.site + 1, p.cognition());
  }
  return {};
}

// Relative displacement by frame as HCP writes it: 0 for the first frame.
std::vector<TextFile> hcp_motion(const SynthConfig& config, int subject, int run) {
  std::string frames;
  double sum = 0;
  for (const double fd : draw_motion(config, subject, run)) {
    frames += fmt::format("{:.8f}\n", fd);
    sum += fd;
  }
  const std::string folder = hcp_folder(subject, run);
  return {{folder + "Movement_RelativeRMS.txt", frames},
          {folder + "Movement_RelativeRMS_mean.txt", fmt::format("{:.8f}\n", sum / config.frames)}};
}

std::vector<TextFile> bids_sidecars(const SynthConfig& config, int subject, int run) {
  const Series motion = draw_motion(config, subject, run);
  std::string table = "framewise_displacement\nn/a\n";
  for (std::size_t t = 1; t < motion.size(); ++t) table += fmt::format("{:.8f}\n", motion[t]);
  std::string image = scan_path(config, subject, run);
  image.replace(image.size() - 7, 7, ".json");
  return {{bids_stem(config, subject, run) + "_desc-confounds_timeseries.tsv", table},
          {image, fmt::format("{{\"RepetitionTime\": {}, \"TaskName\": \"rest\"}}\n", config.tr)}};
}

}  // namespace

int runs_of(const SynthConfig& config) {
  if (config.runs > 0) return config.runs;
  if (config.kind == Kind::kParcels) return 1;
  return config.layout == Layout::kHcp || config.layout == Layout::kBids ? 2 : 1;
}

std::string_view table_name(const SynthConfig& config) {
  return config.kind == Kind::kParcels || config.layout == Layout::kBids ? "participants.tsv" : "phenotypes.csv";
}

std::string scan_path(const SynthConfig& config, int subject, int run) {
  if (config.kind == Kind::kParcels) return parcel_table_path(config, subject, run);
  switch (config.layout) {
    case Layout::kFlat:
      return draw_phenotype(config, subject).participant_id + ".nii.gz";
    case Layout::kUkb:
      return fmt::format("{}{}/fMRI/filtered_func_data_clean_MNI.nii.gz", eid(subject),
                         runs_of(config) == 1 ? "" : fmt::format("_20227_{}_0", kFirstImagingVisit + run));
    case Layout::kHcp:
      return fmt::format("{}rfMRI_{}_hp2000_clean.nii.gz", hcp_folder(subject, run),
                         kHcpRuns[static_cast<std::size_t>(run)]);
    case Layout::kBids:
      return bids_stem(config, subject, run) + "_space-MNI152NLin6Asym_res-2_desc-preproc_bold.nii.gz";
  }
  return {};
}

std::vector<TextFile> files_beside(const SynthConfig& config, int subject, int run) {
  if (config.kind == Kind::kParcels) return files_beside_parcels(config, subject, run);
  if (config.layout == Layout::kHcp) return hcp_motion(config, subject, run);
  if (config.layout == Layout::kBids) return bids_sidecars(config, subject, run);
  return {};
}

std::vector<TextFile> cohort_files(const SynthConfig& config) {
  if (config.kind == Kind::kParcels) return parcel_cohort_files(config);
  std::string table = header_of(config.layout);
  for (int subject = 0; subject < config.subjects; ++subject) table += row_of(config, subject);
  std::vector<TextFile> files{{std::string(table_name(config)), table}, {"atlas.tsv", make_atlas(config).table}};
  if (config.layout == Layout::kBids) {
    files.push_back({"dataset_description.json",
                     "{\n  \"Name\": \"Synthetic cohort with a planted signal\",\n  \"BIDSVersion\": \"1.8.0\",\n"
                     "  \"DatasetType\": \"derivative\",\n  \"GeneratedBy\": [{\"Name\": \"brainmt synth\"}]\n}\n"});
  }
  return files;
}

}  // namespace brainmt::synth
