#pragma once
// A phenotype column of a cohort by scan, as numbers or texts, with missing values marked.
#include <optional>
#include <string>
#include <vector>

#include "io/cohort.hpp"

namespace brainmt::task {

/// The column that `name` means (io/find_column.hpp), or null.
const io::PhenotypeColumn* find_phenotype(const io::Cohort& cohort, const std::string& name);
/// The same; throws DataError naming the cohort and its nearest column when there is none.
const io::PhenotypeColumn& phenotype(const io::Cohort& cohort, const std::string& name);

/// [scans] NaN where missing; nothing when some value is not a number.
std::optional<std::vector<double>> numbers_of(const io::PhenotypeColumn& column);
/// [scans] as written, numbers with the fewest digits; empty where missing.
std::vector<std::string> texts_of(const io::PhenotypeColumn& column);

/// Throws DataError where a column of texts makes no groups: most of its values are numbers, so that the others are
/// slips, or it has more than 20 values and few participants for each. `use`: "task.confounds", for the message.
void check_has_groups(const io::Cohort& cohort, const io::PhenotypeColumn& column, const std::string& use);

/// Warning about a UK Biobank column in which special codes are stored as numbers (io/ukb_codes.hpp); empty: none.
std::string left_ukb_codes(const io::PhenotypeColumn& column);

/// The different values of texts_of(), sorted, without the missing one.
std::vector<std::string> distinct(const std::vector<std::string>& texts);
/// "a, b, c" of at most five of them, for messages.
std::string listed(const std::vector<std::string>& values);

}  // namespace brainmt::task
