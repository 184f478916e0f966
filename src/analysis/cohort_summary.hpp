#pragma once
// Part of `inspect` of a cohort: participants and runs, motion, and whether the fill value predicts a phenotype.
#include <span>

#include "analysis/inspection.hpp"
#include "io/cohort_layout.hpp"

namespace brainmt::analysis {

/// {participants, runs_of_a_participant: [min, max], minutes: {total, least, median, largest}, mean_fd: {scans, least,
/// median, largest}}; minutes (of signal, of a participant) and mean_fd are null where no scan's are known.
Json summarise_participants(std::span<const io::CohortScan> scans);

/// Normalisation fills the background with the scan's smallest value, so every frame shows it, and a difference between
/// groups in overall amplitude shows with it. One row a phenotype column that could be a target:
/// {column, measure, value, participants, leaks}. `auroc` (of the better direction, 0.5 to 1) for two values, else `r`,
/// the absolute correlation of Pearson; of participants, each once, with the mean fill value of its runs. It leaks
/// above an AUROC of 0.65 or an r of 0.3, of 20 participants or more. Texts of more than two values, constant columns
/// and fewer than four participants are left out; so is everything when all fill values are the same, as with
/// normalize=minmax.
Json fill_value_leaks(std::span<const io::CohortScan> scans, std::span<const io::PhenotypeColumn> columns);

}  // namespace brainmt::analysis
