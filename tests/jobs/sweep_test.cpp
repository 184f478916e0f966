#include "jobs/sweep.hpp"

#include <gtest/gtest.h>

#include <set>

#include "base/error.hpp"
#include "support/expect_error.hpp"
#include "support/temporary_directory.hpp"

namespace brainmt::jobs {
namespace {

class SweepFile : public ::testing::Test {
 protected:
  Sweep read(const std::string& text) {
    test::write_file(directory_ / "two.yaml", text);
    return read_sweep(directory_ / "two.yaml");
  }
  void refused(const std::string& text, std::initializer_list<std::string> parts) {
    test::expect_error<UsageError>([&] { read(text); }, parts);
  }
  test::TemporaryDirectory directory_;
};

std::vector<std::string> texts(const Task& task) {
  std::vector<std::string> all;
  for (const Setting& setting : task.settings) all.push_back(setting.text());
  return all;
}

TEST_F(SweepFile, CrossesAxesWithSeedsAndFolds) {
  const Sweep sweep = read(
      "set: {task: classification, model: {num_heads: 2}}\n"
      "axes:\n"
      "  frames: {model.num_frames: [50, 100]}\n"
      "  depth: {model.depth: [[12, 8], [6, 4], [1, 1]]}\n"
      "repeats: {seeds: [1, 2], folds: 3}\n");
  EXPECT_EQ(sweep.name, "two");
  EXPECT_EQ(axis_names(sweep), (std::vector<std::string>{"frames", "depth"}));
  const auto tasks = expand(sweep);
  ASSERT_EQ(tasks.size(), 2u * 3 * 2 * 3);
  EXPECT_EQ(texts(tasks[0]),
            (std::vector<std::string>{"task=classification", "model.num_heads=2", "model.num_frames=50",
                                      "model.depth=[12,8]", "run.seed=1", "data.folds=3", "data.fold=0"}));
  EXPECT_EQ(tasks[0].labels, (std::vector<std::pair<std::string, std::string>>{{"frames", "50"}, {"depth", "12-8"}}));
  EXPECT_EQ(texts(tasks.back()).at(3), "model.depth=[1,1]");
  std::set<std::string> different;
  for (const Task& task : tasks) {
    EXPECT_EQ(&task - tasks.data(), static_cast<std::ptrdiff_t>(task.index));
    std::string all;
    for (const std::string& text : texts(task)) all += text + " ";
    different.insert(all);
  }
  EXPECT_EQ(different.size(), tasks.size());
}

TEST_F(SweepFile, ZipsTheKeysOfOneAxis) {
  const auto tasks = expand(read("axes:\n  equal_frames: {model.num_frames: [10, 20], run.epochs: [8, 4]}\n"));
  ASSERT_EQ(tasks.size(), 2u);
  EXPECT_EQ(texts(tasks[1]), (std::vector<std::string>{"model.num_frames=20", "run.epochs=4", "run.seed=42"}));
  EXPECT_EQ(tasks[1].labels.front().second, "20");
}

TEST_F(SweepFile, TakesNamedCasesAndSeveralGrids) {
  const Sweep sweep = read(
      "name: parts\n"
      "grids:\n"
      "  - name: stages\n"
      "    axes:\n"
      "      stage:\n"
      "        - {label: full}\n"
      "        - {label: no_attention, model.depth: [12, 0]}\n"
      "  - name: direction\n"
      "    set: {run.epochs: 3}\n"
      "    axes: {twoway: {model.bidirectional: [true, false]}}\n");
  const auto tasks = expand(sweep);
  ASSERT_EQ(tasks.size(), 4u);
  EXPECT_EQ(tasks[1].grid, "stages");
  EXPECT_EQ(texts(tasks[1]).front(), "model.depth=[12,0]");
  EXPECT_EQ(texts(tasks[3]), (std::vector<std::string>{"run.epochs=3", "model.bidirectional=false", "run.seed=42"}));
  EXPECT_EQ(axis_names(sweep), (std::vector<std::string>{"stage", "twoway"}));
}

TEST_F(SweepFile, ReadsResources) {
  const Sweep sweep = read(
      "axes: {a: {x: [1]}}\nresources: {nodes: 2, ranks: 8, cpus: 4, gpus: 1, memory: 64G, time: 1-02:00:00, "
      "throttle: 3}\n");
  EXPECT_EQ(sweep.resources.nodes, 2);
  EXPECT_EQ(sweep.resources.ranks, 8);
  EXPECT_EQ(sweep.resources.time, "1-02:00:00");
  EXPECT_EQ(sweep.resources.throttle, 3);
}

TEST_F(SweepFile, NamesFileAndLineOfWhatIsWrong) {
  refused("axis: {a: {x: [1]}}\n", {"two.yaml:1", "'axis'", "'axes'"});
  refused("name: x\n", {"'axes' for one grid or 'grids'"});
  refused("axes:\n  a: {x: [1, 2], y: [1]}\n", {"two.yaml:2", "y has 1 values", "2"});
  refused("axes:\n  a: {x: [1, 1]}\n", {"two.yaml:2", "two cases '1'"});
  refused("axes:\n  seed: {x: [1]}\n", {"two.yaml:2", "'seed'"});
  refused("axes:\n  target: {x: [1]}\n", {"two.yaml:2", "'target'"});
  refused("axes:\n  a: {x: []}\n", {"a list of values for x"});
  refused("axes:\n  a:\n    - {x: 1}\n", {"two.yaml:3", "label"});
  refused("axes: {a: {x: [1]}}\nname: 'a;$(b)'\n", {"two.yaml:2", "expected a name"});
  refused("axes: {a: {x: [1]}}\nresources: {time: '1;reboot'}\n", {"expected a time"});
  refused("axes: {a: {x: [1]}}\nresources: {ranks: 3, nodes: 2}\n", {"3 ranks", "2 nodes"});
  refused("axes: {a: {x: [1]}}\nrepeats: {seeds: [1, 1]}\n", {"seed 1 occurs twice"});
  refused("axes: {a: {x: [1]}}\nrepeats: {folds: 1}\n", {"at least 2"});
  refused("axes: [1\n", {"two.yaml", "not YAML"});
  test::expect_error<UsageError>([&] { read_sweep(directory_ / "none.yaml"); }, {"none.yaml", "cannot be read"});
}

TEST_F(SweepFile, RefusesMoreTasksThanAnyoneMeans) {
  std::string values = "0";
  for (int i = 1; i < 1000; ++i) values += fmt::format(",{}", i);
  const Sweep sweep = read(fmt::format("axes:\n  a: {{x: [{}]}}\n  b: {{y: [{}]}}\n", values, values));
  test::expect_error<UsageError>([&] { expand(sweep); }, {"more than 100000 tasks"});
}

}  // namespace
}  // namespace brainmt::jobs
