#pragma once
// Resolves the name of a phenotype column: cohorts name the same quantity differently, and users give its everyday
// name.
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace brainmt::io {

/// The first of these that finds something:
///
///   1. the column of exactly this name
///   2. a UK Biobank field in any spelling (io/ukb_field.hpp). Without an instance, imaging (2) is meant, or 0 for sex
///      (31); without an array index, 0. Other instances never match: 20016-0.0 is not 20016-2.0. A column that names
///      no instance belongs to a field that has one only, which is instance 0.
///   3. a well-known thing, in any case, under the cohorts' names for it:
///        sex, gender                       sex, gender, UKB 31
///        age                               age, Age_in_Yrs, UKB 21003 at imaging
///        site                              site, site_id, UKB 54 at imaging
///        mean_fd                           mean_fd, UKB 25741 at imaging
///        cognition, fluid_intelligence     cognition, CogTotalComp_AgeAdj, UKB 20016 at imaging
///        family, family_id                 family, Family_ID, or where there is none of them Mother_ID
///   4. the column of this name in another case
///
/// Nothing when there is no such column. Throws DataError when several columns fit, naming them.
std::optional<std::size_t> find_column(std::span<const std::string> names, std::string_view wanted);

/// The same; throws DataError beginning with `where` (the table or cohort) and naming the nearest column, or the other
/// instances of the field, when there is none.
std::size_t require_column(std::span<const std::string> names, std::string_view wanted, std::string_view where);

}  // namespace brainmt::io
