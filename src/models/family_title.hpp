#pragma once
// Families of models as readers know them.
#include <string>

namespace brainmt::models {

/// The name of a model.family in publications; unknown ones as they are.
std::string family_title(const std::string& family);

}  // namespace brainmt::models
