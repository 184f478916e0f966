#pragma once
// Which of the spaces that a pipeline wrote is taken for a cohort. A space is written as in names of files, without
// leading zeros of res: `space-MNI152NLin6Asym_res-2`, `space-MNIPediatricAsym_cohort-3`; empty for the scanner's own,
// which has no space- in its name.
#include <cstddef>
#include <map>
#include <string>

#include "io/bids_name.hpp"

namespace brainmt::prepare {

std::string space_of(const io::BidsName& name);

/// How many runs have an image in each space.
using SpaceCounts = std::map<std::string, std::size_t>;

/// `wanted` is bids_space=. `auto`: space-MNI152NLin6Asym_res-2 where at least half as many runs have it as have the
/// commonest MNI space, else that one, else the commonest other template. Between equal counts: MNI152NLin6Asym before
/// MNI152NLin2009cAsym before others, then res-2, then the name. Images of one participant's own space (none, T1w, T2w,
/// fsnative, ...) are taken only where bids_space= names it: `native` is the one without space-. A space without res-
/// means any res- of it. Throws DataError: there is no such image. `counts` is not empty.
std::string choose_space(const SpaceCounts& counts, const std::string& wanted);

/// For messages: the space, or "no space- in its name".
std::string bids_space_text(const std::string& space);

}  // namespace brainmt::prepare
