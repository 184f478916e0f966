#pragma once
// A CIFTI-2 file of parcellated series as raw bytes, for tests of its reader.
#include <functional>
#include <string>
#include <vector>

#include "support/nifti_bytes.hpp"

namespace brainmt::test {

struct CiftiBytes {
  std::vector<std::string> names{"V1", "A &amp; B", "R_Köln"};  // as in XML
  int frames = 4;
  std::string step = "720", exponent = "-3", unit = "SECOND";
  bool parcels_fastest = false;  // the order that the standard does not have
  bool swapped = false, is_double = false;
  std::string version = "2", series_type = "CIFTI_INDEX_TYPE_SERIES", parcel_type = "CIFTI_INDEX_TYPE_PARCELS";
  std::string before;  // of the XML's root, as a declaration
  std::function<double(int frame, int parcel)> value = [](int frame, int parcel) { return 10.0 * parcel + frame; };

  std::string xml() const {
    std::string text =
        before + "<CIFTI Version=\"" + version + "\"><Matrix><MetaData><MD><Name>a</Name></MD></MetaData>" +
        "<MatrixIndicesMap AppliesToMatrixDimension=\"" + (parcels_fastest ? "1" : "0") + "\" IndicesMapToDataType=\"" +
        series_type + "\" NumberOfSeriesPoints=\"" + std::to_string(frames) + "\" SeriesExponent=\"" + exponent +
        "\" SeriesStart=\"0\" SeriesStep=\"" + step + "\" SeriesUnit=\"" + unit + "\"/>" +
        "<MatrixIndicesMap AppliesToMatrixDimension='" + (parcels_fastest ? "0" : "1") + "' IndicesMapToDataType='" +
        parcel_type + "'>" +
        "<Surface BrainStructure=\"CIFTI_STRUCTURE_CORTEX_LEFT\" SurfaceNumberOfVertices=\"32492\"/>";
    for (const std::string& name : names)
      text += "<Parcel Name=\"" + name +
              "\"><Vertices BrainStructure=\"CIFTI_STRUCTURE_CORTEX_LEFT\">1 2</Vertices></Parcel>";
    return text + "</MatrixIndicesMap></Matrix></CIFTI>";
  }

  std::string bytes() const { return bytes_with(xml()); }

  std::string bytes_with(const std::string& xml) const {
    const int parcels = static_cast<int>(names.size());
    NiftiBytes file({1, 1, 1, 1}, is_double ? 64 : 16, is_double ? 64 : 32, 2, swapped);
    file.set_dim(0, 6);
    file.set_dim(5, parcels_fastest ? parcels : frames);
    file.set_dim(6, parcels_fastest ? frames : parcels);
    const std::size_t padded = (xml.size() + 8 + 15) / 16 * 16;
    file.bytes()[540] = '\1';
    file.bytes().resize(544 + 8);
    file.put<std::int32_t>(544, static_cast<std::int32_t>(padded));
    file.put<std::int32_t>(548, 32);
    file.bytes() += xml;
    file.bytes().resize(544 + padded, '\0');
    file.set_offset(static_cast<double>(file.bytes().size()));
    std::vector<double> values;
    for (int slow = 0; slow < (parcels_fastest ? frames : parcels); ++slow)
      for (int fast = 0; fast < (parcels_fastest ? parcels : frames); ++fast)
        values.push_back(parcels_fastest ? value(slow, fast) : value(fast, slow));
    if (is_double)
      file.append(values);
    else
      file.append(std::vector<float>(values.begin(), values.end()));
    return file.bytes();
  }
};

}  // namespace brainmt::test
