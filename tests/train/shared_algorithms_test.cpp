// The choices of timed algorithms: the file, what becomes of damaged and foreign ones, agreement of ranks that chose
// differently, and whole runs whose numbers do not notice the warm-up.
#include "train/shared_algorithms.hpp"

#include <gtest/gtest.h>

#include "base/error.hpp"
#include "support/expect_error.hpp"
#include "train/run_support.hpp"
#include "train/trainer.hpp"

namespace brainmt::train {
namespace {

namespace fs = std::filesystem;
using Choices = dnn::Algorithms::Choices;

// A library whose timing depends on the rank. It remembers how it was used.
class FakeLibrary : public dnn::Algorithms {
 public:
  explicit FakeLibrary(int number, std::string device = "GPU A, library 1")
      : number_(number), device_(std::move(device)) {}

  std::string valid_for() const override { return device_; }
  Choices chosen() const override { return choices_; }
  void adopt(const Choices& choices) override {
    choices_ = choices;
    settled_ = false;
  }
  void settle() override { settled_ = true; }

  /// What a step does: operations without a choice are timed, and this process finds its number the fastest.
  void use(const std::vector<std::string>& operations) {
    for (const std::string& operation : operations) {
      if (choices_.contains(operation)) continue;
      choices_[operation] = settled_ ? 0 : number_;
      timed_ += settled_ ? 0 : 1;
    }
  }
  int timed() const { return timed_; }
  bool settled() const { return settled_; }

 private:
  int number_;
  std::string device_;
  Choices choices_;
  bool settled_ = false;
  int timed_ = 0;
};

class SharedAlgorithms : public testing::Test {
 protected:
  void share(FakeLibrary& library, const std::vector<std::string>& operations) {
    share_algorithms(comm_, where_ / "", library, [&] { library.use(operations); });
  }
  void write(const std::string& text) {
    comm_.barrier();  // the others may still be reading what was there
    if (comm_.rank() == 0) test::write_file(file_, text);
    comm_.barrier();
  }
  // The lines that `action` logs on this rank.
  template <class Action>
  std::string logged(const Action& action) {
    testing::internal::CaptureStderr();
    action();
    return testing::internal::GetCapturedStderr();
  }
  KeptAlgorithms file() const { return algorithms_from_json(test::read_file(file_), "the file"); }

  comm::MpiCommunicator comm_{MPI_COMM_WORLD};
  test::SharedDirectory where_;
  fs::path file_ = where_ / kAlgorithmsFile;
};

TEST(AlgorithmsFile, ReadsWhatItWrote) {
  const KeptAlgorithms kept{"GPU \"A\", library 1", {{"gemm bf16[1, 2] (2)", 3}, {"conv3d forward", 0}}};
  const KeptAlgorithms again = algorithms_from_json(to_json(kept), "f");
  EXPECT_EQ(again.valid_for, kept.valid_for);
  EXPECT_EQ(again.choices, kept.choices);
}

TEST(AlgorithmsFile, RefusesAnythingElseInOneLine) {
  const auto refuse = [](const std::string& text, const std::string& reason) {
    test::expect_error<DataError>([&] { (void)algorithms_from_json(text, "runs/a/algorithms.json"); },
                                  {"runs/a/algorithms.json: ", reason});
  };
  refuse("", "not a file of algorithms");
  refuse("{\"format\":", "not a file of algorithms");
  refuse("[1, 2]", "not a file of algorithms");
  refuse(std::string(100'000, '['), "not a file of algorithms");
  const std::string begin = R"({"format": "brainmt-algorithms", "version": )";
  refuse(begin + R"(2, "valid_for": "x", "choices": {}})", "expected format brainmt-algorithms version 1, found");
  refuse(begin + R"(1, "choices": {}})", "valid_for");
  refuse(begin + R"(1, "valid_for": 3, "choices": {}})", "type");
  for (const char* number : {"-1", "1.5", "\"1\"", "null", "99999999999", "[]"})
    refuse(begin + R"(1, "valid_for": "x", "choices": {"conv\n3d": )" + number + "}}",
           "'conv?3d': expected the number of a suggestion, found");
}

TEST_F(SharedAlgorithms, EveryRankTakesThoseOfRankZero) {
  FakeLibrary library(10 + comm_.rank());
  share(library, {"a", "b"});
  const Choices expected{{"a", 10}, {"b", 10}};
  EXPECT_EQ(library.chosen(), expected);
  EXPECT_TRUE(library.settled());
  EXPECT_EQ(file().choices, expected);
  EXPECT_EQ(file().valid_for, "GPU A, library 1");
}

TEST_F(SharedAlgorithms, ALaterStartTakesThoseOfTheFirst) {
  FakeLibrary first(10 + comm_.rank());
  share(first, {"a", "b"});
  const std::string before = test::read_file(file_);
  FakeLibrary second(20 + comm_.rank());
  share(second, {"a", "b"});
  EXPECT_EQ(second.chosen(), first.chosen());
  EXPECT_EQ(second.timed(), 0);
  EXPECT_EQ(test::read_file(file_), before);
  // Operations that the first start did not have, as with another batch per rank, are added.
  FakeLibrary third(30 + comm_.rank());
  share(third, {"b", "c"});
  const Choices all{{"a", 10}, {"b", 10}, {"c", 30}};
  EXPECT_EQ(third.chosen(), all);
  EXPECT_EQ(file().choices, all);
}

TEST_F(SharedAlgorithms, NothingIsTimedOnceTheyAreShared) {
  FakeLibrary library(10 + comm_.rank());
  share(library, {"a"});
  library.use({"a", "the last, smaller batch"});
  EXPECT_EQ(library.chosen(), (Choices{{"a", 10}, {"the last, smaller batch", 0}}));
  EXPECT_EQ(library.timed(), 1);
}

TEST_F(SharedAlgorithms, AFileForAnotherDeviceIsReplacedWithOneWarning) {
  FakeLibrary first(10 + comm_.rank());
  share(first, {"a"});
  FakeLibrary other(20 + comm_.rank(), "GPU B, library 1");
  const std::string log = logged([&] { share(other, {"a"}); });
  EXPECT_EQ(other.chosen(), (Choices{{"a", 20}}));
  EXPECT_EQ(file().valid_for, "GPU B, library 1");
  if (comm_.rank() != 0) return;
  EXPECT_NE(log.find(file_.string() + ": expected choices for 'GPU B, library 1', found those for 'GPU A, library 1'"),
            std::string::npos)
      << log;
  EXPECT_NE(log.find("choosing again"), std::string::npos) << log;
}

TEST_F(SharedAlgorithms, ADamagedFileIsReplacedWithOneWarning) {
  for (const std::string& damage : {std::string("garbage"), std::string(), std::string(5 << 20, ' ')}) {
    write(damage);
    FakeLibrary library(10 + comm_.rank());
    const std::string log = logged([&] { share(library, {"a"}); });
    EXPECT_EQ(library.chosen(), (Choices{{"a", 10}}));
    EXPECT_EQ(file().choices, library.chosen());
    if (comm_.rank() != 0) continue;
    EXPECT_NE(log.find(file_.string() + ": "), std::string::npos) << log;
    EXPECT_NE(log.find("choosing again"), std::string::npos) << log;
  }
}

TEST_F(SharedAlgorithms, DifferentDevicesShareNothing) {
  if (comm_.size() == 1) GTEST_SKIP() << "one rank";
  FakeLibrary library(10 + comm_.rank(), comm_.rank() == 1 ? "GPU B" : "GPU A");
  const std::string log = logged([&] { share(library, {"a"}); });
  EXPECT_TRUE(library.chosen().empty());
  EXPECT_FALSE(fs::exists(file_));
  if (comm_.rank() != 0) return;
  EXPECT_NE(log.find("rank 1 has another GPU"), std::string::npos) << log;
}

TEST_F(SharedAlgorithms, AFailedWarmUpIsEveryRanksError) {
  FakeLibrary library(10);
  test::expect_error<Error>(
      [&] {
        share_algorithms(comm_, where_ / "", library, [&] {
          if (comm_.rank() == comm_.size() - 1) throw DataError("no room for the warm-up");
        });
      },
      {"no room for the warm-up"});
  EXPECT_FALSE(fs::exists(file_));
}

TEST_F(SharedAlgorithms, EvaluationFollowsTheFileWhereItIsValid) {
  FakeLibrary none(20);
  follow_algorithms(comm_, where_ / "", &none);
  EXPECT_FALSE(none.settled());
  follow_algorithms(comm_, where_ / "", nullptr);

  FakeLibrary trained(10 + comm_.rank());
  share(trained, {"a"});
  FakeLibrary evaluating(20 + comm_.rank());
  follow_algorithms(comm_, where_ / "", &evaluating);
  evaluating.use({"a", "b"});
  EXPECT_EQ(evaluating.chosen(), (Choices{{"a", 10}, {"b", 0}}));
  FakeLibrary elsewhere(20, "GPU B");
  follow_algorithms(comm_, where_ / "", &elsewhere);
  EXPECT_TRUE(elsewhere.chosen().empty());
  EXPECT_EQ(file().valid_for, "GPU A, library 1") << "only training writes it";
}

// The model's own operations are the host's, so this one finds "step" in use whatever the warm-up does.
class BusyLibrary : public FakeLibrary {
 public:
  explicit BusyLibrary(int number) : FakeLibrary(number), number_(number) {}
  Choices chosen() const override {
    Choices choices = FakeLibrary::chosen();
    choices.emplace("step", number_);
    return choices;
  }

 private:
  int number_;
};

TEST_F(SharedAlgorithms, ARunKeepsThemFromItsFirstStartAndItsNumbersToo) {
  test::write_tiny_cohort(MPI_COMM_WORLD, where_ / "cohort.h5", 16);
  const io::Cohort cohort(where_ / "cohort.h5");
  const auto run = [&](const std::string& name, dnn::Algorithms* algorithms, std::int64_t max_steps) {
    TrainSettings s = test::tiny_settings(where_ / name);
    s.algorithms = algorithms;
    s.loop.max_steps = max_steps;
    train(s, cohort, comm_);
    return s.run_dir;
  };
  const fs::path without = run("without", nullptr, 0);
  BusyLibrary first(10 + comm_.rank()), second(20 + comm_.rank());
  const fs::path with = run("with", &first, 2);
  run("with", &second, 0);
  EXPECT_EQ(first.chosen(), (Choices{{"step", 10}}));
  EXPECT_EQ(second.chosen(), (Choices{{"step", 10}}));
  EXPECT_TRUE(first.settled() && second.settled());
  if (comm_.rank() != 0) return;
  EXPECT_EQ(algorithms_from_json(test::read_file(with / kAlgorithmsFile), "").choices, (Choices{{"step", 10}}));
  EXPECT_FALSE(fs::exists(without / kAlgorithmsFile));
  test::expect_same_run(without, with);
}

}  // namespace
}  // namespace brainmt::train
