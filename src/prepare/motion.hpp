#pragma once
// Head motion of a scan, from the files that pipelines leave beside it.
#include <filesystem>
#include <limits>
#include <vector>

namespace brainmt::prepare {

struct Motion {
  double mean_fd = std::numeric_limits<double>::quiet_NaN();  // mm, over the frames that have a value; NaN: not known
  std::vector<double> fd;  // mm, one value a frame (NaN where the file has none); empty where only the mean is known
};

/// Reads one of
///   *_desc-confounds_timeseries.tsv   (fMRIPrep): column framewise_displacement, n/a in the first row
///   Movement_RelativeRMS.txt          (HCP): one number a frame
///   Movement_RelativeRMS_mean.txt     (HCP): one number
///   *_desc-filtered_motion.tsv        (xcp_d): as above
///   *_mcf_rel.rms                     (FSL, UK Biobank): one number for each frame but the first
/// An HCP mean beside per-frame values is used as it is. Throws DataError: missing, not such a file, negative values.
Motion read_motion(const std::filesystem::path& path);

}  // namespace brainmt::prepare
