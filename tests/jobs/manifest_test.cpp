#include "jobs/manifest.hpp"

#include <gtest/gtest.h>

#include "base/error.hpp"
#include "support/expect_error.hpp"

namespace brainmt::jobs {
namespace {

Manifest example() {
  return {{"frames", "size"},
          {{0, "a1b2", "runs/a1b2", "all", {"50", "-"}, 1, -1, {"model.num_frames=50", "data.cohort=/a b/c;$(x).h5"}},
           {1, "c3d4", "runs/c3d4", "all", {"100", "small"}, 2, 4, {"text=tab\there", "quote=\"'"}}}};
}

TEST(Manifest, ComesBackAsItWasWritten) { EXPECT_EQ(parse_manifest(to_tsv(example()), "sweep.tsv"), example()); }

TEST(Manifest, IsOneLineARow) {
  const std::string text = to_tsv(example());
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 3);
  EXPECT_TRUE(text.starts_with("index\ttask\trun_dir\tgrid\tframes\tsize\tseed\tfold\tsettings\n"));
}

TEST(Manifest, RefusesWhatIsNotOne) {
  const auto refused = [](auto change, std::initializer_list<std::string> parts) {
    Manifest manifest = example();
    change(manifest.rows[1]);
    test::expect_error<DataError>([&] { parse_manifest(to_tsv(manifest), "sweep.tsv"); }, parts);
  };
  refused([](ManifestRow& row) { row.index = 5; }, {"'sweep.tsv' line 3", "index 5, expected 1"});
  for (const char* path : {"/etc", "../out", "runs/../..", "runs//x", ""})
    refused([&](ManifestRow& row) { row.run_dir = path; }, {"line 3", "not inside"});
  refused([](ManifestRow& row) { row.labels.pop_back(); }, {"8 fields, expected 9"});
  test::expect_error<DataError>([] { parse_manifest("hello\n", "sweep.tsv"); }, {"line 1", "header"});
  std::string text = to_tsv(example());
  text.resize(text.size() - 3);
  test::expect_error<DataError>([&] { parse_manifest(text, "sweep.tsv"); }, {"line 3", "JSON list"});
}

}  // namespace
}  // namespace brainmt::jobs
