#include "jobs/slurm.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>

#include "base/error.hpp"
#include "jobs/process.hpp"
#include "support/expect_error.hpp"

namespace brainmt::jobs {
namespace {

bool contains(const std::vector<std::string>& all, const std::string& one) {
  return std::ranges::find(all, one) != all.end();
}

ArrayJob example() {
  ArrayJob job{.name = "smoke", .script = "/x/sweep.sbatch", .arguments = {"out dir", "$(reboot)"}, .tasks = 12};
  job.log = "/x/logs/%A_%a.log";
  job.resources = {.nodes = 1, .ranks = 2, .cpus = 4, .gpus = 1, .memory = "8G", .time = "1:00:00", .throttle = 3};
  return job;
}

TEST(Sbatch, AsksForWhatATaskNeeds) {
  const auto all = sbatch_arguments(example());
  for (const char* one : {"--array=0-11%3", "--requeue", "--signal=B:USR1@120", "--open-mode=append", "--ntasks=2",
                          "--cpus-per-task=4", "--gpus-per-task=1", "--mem=8G", "--time=1:00:00", "--parsable"})
    EXPECT_TRUE(contains(all, one)) << one;
  // What belongs to the script comes behind it, as it was given.
  EXPECT_EQ((std::vector<std::string>(all.end() - 3, all.end())),
            (std::vector<std::string>{"/x/sweep.sbatch", "out dir", "$(reboot)"}));
}

TEST(Sbatch, ChainsTheCollector) {
  ArrayJob job = example();
  job.dependencies = {"afterany:17", "afterany:18"};
  const auto all = sbatch_single_arguments(job);
  EXPECT_TRUE(contains(all, "--dependency=afterany:17,afterany:18"));
  EXPECT_TRUE(std::ranges::none_of(all, [](const std::string& a) { return a.starts_with("--array"); }));
}

TEST(Slurm, AnswersAreParsedStrictly) {
  EXPECT_EQ(parse_job_id("123\n"), "123");
  EXPECT_EQ(parse_job_id("123;cluster\n"), "123");
  test::expect_error<CommError>([] { parse_job_id("error: no\n"); }, {"expected a job's number"});
  EXPECT_EQ(
      parse_queue("12 0 RUNNING\n12 3 PENDING\n13 0 PENDING\n14 N/A RUNNING\n"),
      (std::map<QueuedTask, std::string>{{{"12", 0}, "RUNNING"}, {{"12", 3}, "PENDING"}, {{"13", 0}, "PENDING"}}));
  EXPECT_EQ(parse_largest_array("Foo = 1\nMaxArraySize            = 5001\n"), 5001u);
  EXPECT_EQ(parse_largest_array(""), 1001u);
}

TEST(Slurm, IndicesAreCompressedAndExpanded) {
  EXPECT_EQ(compress({7, 0, 1, 2, 9, 3}), "0-3,7,9");
  EXPECT_EQ(expand_indices("0-3,7,9%4"), (std::vector<std::size_t>{0, 1, 2, 3, 7, 9}));
  for (const char* text : {"a", "3-1", "1,,2", "-"})
    test::expect_error<CommError>([&] { expand_indices(text); }, {"no list of array indices"});
}

TEST(Process, GivesArgumentsAsTheyAreAndBringsBackWhatIsPrinted) {
  const auto result = run_process({"printf", "%s|", "a b", "$(id)", ";x"}, clean_environment(), 10);
  EXPECT_EQ(result.output, "a b|$(id)|;x|");
  EXPECT_EQ(result.exit_code, 0);
  const auto failed = run_process({"sh", "-c", "echo bad >&2; exit 3"}, clean_environment(), 10);
  EXPECT_EQ(failed.exit_code, 3);
  EXPECT_EQ(failed.errors, "bad\n");
}

TEST(Process, ThatIsMissingOrHangsIsAnError) {
  test::expect_error<CommError>([] { run_process({"no-such-program"}, {}, 1); }, {"no-such-program", "PATH"});
  test::expect_error<CommError>([] { run_process({"sleep", "20"}, clean_environment(), 0.2); }, {"sleep", "0.2 s"});
}

TEST(Process, LeavesTheSurroundingJobBehind) {
  for (const char* name : {"SLURM_JOB_ID", "PMIX_RANK", "OMPI_COMM_WORLD_SIZE", "PRTE_LAUNCHED", "SLURM_CONF",
                           "OMPI_MCA_io", "PRTE_MCA_hwloc_default_binding_policy"})
    ::setenv(name, "7", 1);
  const auto environment = clean_environment();
  for (const char* name : {"SLURM_JOB_ID", "PMIX_RANK", "OMPI_COMM_WORLD_SIZE", "PRTE_LAUNCHED"})
    EXPECT_FALSE(contains(environment, std::string(name) + "=7")) << name;
  for (const char* name : {"SLURM_CONF", "OMPI_MCA_io", "PRTE_MCA_hwloc_default_binding_policy"})
    EXPECT_TRUE(contains(environment, std::string(name) + "=7")) << name;
}

}  // namespace
}  // namespace brainmt::jobs
