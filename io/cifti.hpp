#pragma once
// CIFTI-2 files of parcellated series (.ptseries.nii): a NIfTI-2 header, an XML extension that describes both axes, and
// a matrix of float32 or float64. Source: the CIFTI-2 specification (1.0, 2014): element MatrixIndicesMap, attributes
// AppliesToMatrixDimension, IndicesMapToDataType, NumberOfSeriesPoints, SeriesStep, SeriesExponent, SeriesUnit; element
// Parcel, attribute Name. Matrix dimension 0 is dim[5], the one that varies fastest in the file.
#include <cstdint>
#include <filesystem>
#include <limits>
#include <string>
#include <vector>

namespace brainmt::io {

struct CiftiSeries {
  std::vector<std::string> names;                                     // of the P parcels
  std::int64_t frames = 0;                                            // T
  double repetition_time = std::numeric_limits<double>::quiet_NaN();  // seconds; NaN: the axis is no time
  std::vector<float> values;                                          // [frame, parcel]; NaN where the file has it
};

/// The axes alone: `values` stays empty. Throws DataError: no NIfTI-2 file, no CIFTI-2 extension, another kind of CIFTI
/// (dense series: with the command that makes parcels of them), axes that do not fit the matrix, damaged XML.
CiftiSeries read_cifti_axes(const std::filesystem::path& path);

/// The whole. Throws DataError also for infinite values, and a file that is cut short or goes on behind the matrix.
CiftiSeries read_cifti_series(const std::filesystem::path& path);

}  // namespace brainmt::io
