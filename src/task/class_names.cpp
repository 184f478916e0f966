#include "task/class_names.hpp"

#include <algorithm>
#include <cmath>

#include "io/lower_case.hpp"
#include "task/phenotype_values.hpp"

namespace brainmt::task {
namespace {

std::string spelled_out(const std::string& text) {
  const std::string word = io::lower_case(text);
  for (const char* male : {"m", "male", "man", "boy"})
    if (word == male) return "male";
  for (const char* female : {"f", "female", "woman", "girl"})
    if (word == female) return "female";
  return text;
}

bool is_number_like(const std::string& text) { return text.find_first_not_of("0123456789.") == std::string::npos; }

}  // namespace

std::array<std::string, 2> class_names(const io::Cohort& cohort, const Target& target) {
  const io::PhenotypeColumn& column = phenotype(cohort, target.name);
  const std::vector<double> labels = read_labels(cohort, target);
  const std::vector<std::string> texts = texts_of(column);
  std::array<std::string, 2> names;
  for (std::size_t scan = 0; scan < labels.size(); ++scan) {
    if (std::isnan(labels[scan])) continue;
    std::string& name = names[labels[scan] == 1.0 ? 1 : 0];
    if (name.empty()) name = texts[scan];
  }
  for (std::size_t k = 0; k < 2; ++k)
    if (names[k].empty()) names[k] = std::to_string(k);
  // Codes of sex: 0 is female and 1 male; of 1 and 2 the one that is named as class 1 is male.
  const bool is_sex = &column == find_phenotype(cohort, "sex");
  const bool codes = is_number_like(names[0]) && is_number_like(names[1]);
  if (is_sex && codes) {
    const bool reversed = names[0] == "1" && names[1] == "0";  // task.positive=0
    return reversed ? std::array<std::string, 2>{"male", "female"} : std::array<std::string, 2>{"female", "male"};
  }
  return {spelled_out(names[0]), spelled_out(names[1])};
}

}  // namespace brainmt::task
