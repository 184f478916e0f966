// The quickstart's training, by the program's own loop, against its curve in double: loss and gradient norm of every
// step, in fp32 and in bf16, whatever the build's kernels are. So host, portable kernels and GPUs agree with each other
// within twice the bounds.
//
// Two trainings that round differently drift apart: AdamW divides small gradients by their size, the next step starts
// elsewhere. How far is a property of the problem, and the reference file has it measured: `moved`, what roundings of
// at most u of every weight and gradient of every step did to the curve in double. A training that rounds like a type
// of unit u stays within
//
//     kRoundings x max over steps until this one (moved) + 2^-22 x value
//
// moved is a root mean square over a few draws, and of some steps small by chance: hence the maximum until then.
// Between a weight and the loss lie some ten roundings of other values in the same positions (norm, product, short
// convolution, activation, scan, gate, product, sum; and products round their sums), which add like the root of their
// number; of 160 deviations so distributed some reach three times their root mean square: kRoundings = sqrt(10) x 3
// = 10. The second term is the loss itself: a sum of fp32 values, of each of which its last bits are rounded.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <nlohmann/json.hpp>
#include <sstream>

#include "comm/self_communicator.hpp"
#include "curve/quickstart.hpp"
#include "io/cohort.hpp"
#include "support/temporary_directory.hpp"

#ifdef BRAINMT_TEST_MAKES_REFERENCE
#include "curve/reference.hpp"
#endif

namespace brainmt::test {
namespace {

constexpr double kRoundings = 10, kLastBits = 0x1p-22;

std::vector<StepValues> curve_of_run(const std::filesystem::path& run_dir) {
  std::istringstream lines(read_file(run_dir / "metrics.jsonl"));
  std::vector<StepValues> curve;
  for (std::string line; std::getline(lines, line);) {
    const auto record = nlohmann::json::parse(line);
    if (record.at("split") == "train") curve.push_back({record.at("loss"), record.at("grad_norm")});
  }
  return curve;
}

// One of the two columns of a curve.
class Column {
 public:
  Column(const char* name, double StepValues::*field) : name_(name), field_(field) {}

  void check(std::size_t step, const StepValues& found, const StepValues& expected, const StepValues& moved) {
    reach_ = std::max(reach_, moved.*field_);
    const double difference = std::abs(found.*field_ - expected.*field_);
    const double bound = kRoundings * reach_ + kLastBits * expected.*field_;
    EXPECT_LE(difference, bound) << name_ << " of step " << step << ": " << found.*field_ << ", in double "
                                 << expected.*field_;
    worst_ = std::max(worst_, difference);
    share_ = std::max(share_, difference / bound);
    last_bound_ = bound;
  }
  void print() const {
    std::printf("  %s: largest difference %.1e, at most %.2f of a step's bound, which ends at %.1e\n", name_, worst_,
                share_, last_bound_);
  }

 private:
  const char* name_;
  double StepValues::*field_;
  double reach_ = 0, worst_ = 0, share_ = 0, last_bound_ = 0;
};

class QuickstartCurve : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    where_ = std::make_unique<TemporaryDirectory>();
    cohort_ = std::make_unique<io::Cohort>(make_quickstart_cohort(where_->path()));
  }
  static void TearDownTestSuite() {
    cohort_.reset();
    where_.reset();
  }

  static void compare(const std::string& precision, StepValues CurvePoint::*moved) {
    comm::SelfCommunicator self;
    const std::filesystem::path run_dir = where_->path() / precision;
    ASSERT_EQ(train::train(quickstart_settings(run_dir, precision), *cohort_, self), train::Outcome::kStepLimit);
    const std::vector<StepValues> found = curve_of_run(run_dir);
    const std::vector<CurvePoint> reference = read_curve(reference_file());
    ASSERT_EQ(found.size(), static_cast<std::size_t>(kSteps));
    ASSERT_EQ(reference.size(), found.size());
    Column loss("loss", &StepValues::loss), norm("gradient norm", &StepValues::gradient_norm);
    for (std::size_t i = 0; i < found.size(); ++i) {
      loss.check(i + 1, found[i], reference[i].value, reference[i].*moved);
      norm.check(i + 1, found[i], reference[i].value, reference[i].*moved);
    }
    loss.print();
    norm.print();
  }

  static inline std::unique_ptr<TemporaryDirectory> where_;
  static inline std::unique_ptr<io::Cohort> cohort_;
};

TEST_F(QuickstartCurve, InFp32) { compare("fp32", &CurvePoint::moved_fp32); }
TEST_F(QuickstartCurve, InBf16) { compare("bf16", &CurvePoint::moved_bf16); }

#ifdef BRAINMT_TEST_MAKES_REFERENCE
// The file is what make_quickstart_curve writes; its twelve digits are kept by the first steps on any machine.
TEST_F(QuickstartCurve, ReferenceIsWhatDoubleGives) {
  const std::vector<CurvePoint> reference = read_curve(reference_file());
  const auto found = train_in_double(quickstart_settings(where_->path() / "double", "fp32"), *cohort_, 2);
  for (std::size_t i = 0; i < found.size(); ++i) {
    EXPECT_NEAR(found[i].loss, reference[i].value.loss, 1e-10);
    EXPECT_NEAR(found[i].gradient_norm, reference[i].value.gradient_norm, 1e-9);
  }
}
#endif

}  // namespace
}  // namespace brainmt::test
