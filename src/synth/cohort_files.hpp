#pragma once
// File names and side files of a synthetic cohort in four layouts: flat folder, UK Biobank, HCP, BIDS derivatives, each
// with its phenotype table. The scans' content is the same in all.
#include <filesystem>
#include <string>
#include <vector>

#include "synth/config.hpp"
#include "synth/subject.hpp"

namespace brainmt::synth {

struct TextFile {
  std::string path;  // relative to config.out
  std::string content;
};

/// The atlas image of a cohort of scans, relative to config.out.
inline constexpr const char* kAtlasImage = "atlas.nii.gz";

/// The scan (or table) of a subject's run, relative to config.out.
std::string scan_path(const SynthConfig& config, int subject, int run);

/// Files beside that scan: its motion and description, as the layout has them.
std::vector<TextFile> files_beside(const SynthConfig& config, int subject, int run);

/// Texts of the whole cohort; the first is the table of phenotypes.
std::vector<TextFile> cohort_files(const SynthConfig& config);

/// Name of the table of phenotypes.
std::string_view table_name(const SynthConfig& config);

/// Scans of each participant: config.runs, or the layout's usual number where that is 0.
int runs_of(const SynthConfig& config);

}  // namespace brainmt::synth
