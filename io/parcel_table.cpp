#include "io/parcel_table.hpp"

#include <algorithm>
#include <bit>
#include <set>

#include "base/error.hpp"
#include "io/cohort_layout.hpp"
#include "io/printable.hpp"

namespace brainmt::io {
namespace {

constexpr std::size_t kMaxParcels = 65536;
constexpr std::int32_t kMaxLabel = 65535;

// NaN equals NaN.
bool same(const std::array<double, 3>& a, const std::array<double, 3>& b) {
  return std::ranges::equal(
      a, b, [](double x, double y) { return std::bit_cast<std::uint64_t>(x) == std::bit_cast<std::uint64_t>(y); });
}

}  // namespace

void check_parcels(const ParcelTable& parcels, const std::string& where) {
  const std::size_t count = parcels.size();
  if (count < 1 || count > kMaxParcels)
    throw DataError(fmt::format("{}: {} parcels, expected 1 to {}", where, count, kMaxParcels));
  for (const std::size_t length :
       {parcels.name.size(), parcels.network.size(), parcels.hemisphere.size(), parcels.centroid.size()}) {
    if (length != count)
      throw DataError(fmt::format("{}: a column of the parcels has {} values for {} parcels", where, length, count));
  }
  std::set<std::int32_t> seen;
  for (const std::int32_t label : parcels.index) {
    if (label < 1 || label > kMaxLabel)
      throw DataError(fmt::format("{}: parcel label {}, expected 1 to {}", where, label, kMaxLabel));
    if (!seen.insert(label).second) throw DataError(fmt::format("{}: parcel label {} occurs twice", where, label));
  }
  for (const auto* column : {&parcels.name, &parcels.network, &parcels.hemisphere}) {
    const auto unsafe = std::ranges::find_if_not(*column, is_storable_text);
    if (unsafe != column->end())
      throw DataError(fmt::format("{}: the parcel text {} is too long", where, printable(*unsafe)));
  }
  for (const auto* text : {&parcels.atlas, &parcels.atlas_sha256, &parcels.table_sha256, &parcels.space})
    if (!is_storable_text(*text)) throw DataError(fmt::format("{}: a text attribute is too long", where));
  if (!(parcels.min_coverage >= 0 && parcels.min_coverage <= 1))
    throw DataError(fmt::format("{}: min_coverage is {}, expected 0 to 1", where, parcels.min_coverage));
}

std::string parcel_difference(const ParcelTable& a, const ParcelTable& b) {
  if (a.atlas_sha256 != b.atlas_sha256 || a.atlas != b.atlas) {
    return fmt::format("atlas: {} ({:.12}) and {} ({:.12})", printable(a.atlas), a.atlas_sha256, printable(b.atlas),
                       b.atlas_sha256);
  }
  if (a.table_sha256 != b.table_sha256)
    return fmt::format("label table: {:.12} and {:.12}", a.table_sha256, b.table_sha256);
  if (a.space != b.space) return fmt::format("space: {} and {}", printable(a.space), printable(b.space));
  if (a.min_coverage != b.min_coverage) return fmt::format("min_coverage: {} and {}", a.min_coverage, b.min_coverage);
  if (a.size() != b.size()) return fmt::format("parcels: {} and {}", a.size(), b.size());
  for (std::size_t p = 0; p < a.size(); ++p) {
    if (a.index[p] != b.index[p] || a.name[p] != b.name[p]) {
      return fmt::format("parcel {}: {} {} and {} {}", p + 1, a.index[p], printable(a.name[p]), b.index[p],
                         printable(b.name[p]));
    }
    if (a.network[p] != b.network[p] || a.hemisphere[p] != b.hemisphere[p] || !same(a.centroid[p], b.centroid[p]))
      return fmt::format("network, hemisphere or centroid of parcel {}", printable(a.name[p]));
  }
  return "";
}

}  // namespace brainmt::io
