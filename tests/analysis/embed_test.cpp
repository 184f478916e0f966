// Embeddings of participants: which rows are averaged in which order, what is recorded, and shards of a file.
#include "analysis/embed.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "analysis/embed_fixture.hpp"
#include "support/expect_error.hpp"
#include "support/temporary_directory.hpp"
#include "task/window_stream.hpp"

namespace brainmt::analysis {
namespace {

namespace fs = std::filesystem;

class Embed : public testing::Test {
 protected:
  Embed() : fixture_(directory_.path()), cohort_(fixture_.cohort()) {}

  EmbedSummary run(const EmbedSettings& settings, const std::string& name,
                   const std::optional<Shard>& shard = std::nullopt) {
    return embed(settings, cohort_, directory_ / name, shard, alone_, MPI_COMM_SELF);
  }

  // Outputs of one window, by the model itself.
  struct Window {
    std::vector<double> cls, mean, tokens;
  };
  Window window(std::size_t scan, std::uint64_t first_frame) {
    const auto file = io::SafetensorsFile::open(directory_ / "model.safetensors");
    const auto made = models::make_model(run::described_model(file), DType::kF32);
    models::Model& model = *made;
    run::load_weights(file, model);
    bool asked = false;
    task::WindowStream stream(
        cohort_,
        [&]() -> std::optional<io::WindowRequest> {
          if (std::exchange(asked, true)) return std::nullopt;
          return io::WindowRequest{scan, first_frame, 4};
        },
        model.input(), 1, DType::kF32);
    autograd::Tape tape(autograd::Tape::Mode::kForget);
    const auto out =
        model.forward(tape, autograd::Var(stream.take(1)), {.want = models::kTokens | models::kMeanEmbedding});
    return {out.embedding.value().to_host(), out.mean_embedding.to_host(), out.tokens.to_host()};
  }

  test::TemporaryDirectory directory_;
  test::EmbedFixture fixture_;
  io::Cohort cohort_;
  comm::SelfCommunicator alone_;
};

TEST_F(Embed, AveragesWindowsThenRunsOfBothPoolings) {
  EmbedSettings settings = fixture_.settings(Pooling::kBoth);
  settings.frame_tokens = true;
  const EmbedSummary summary = run(settings, "e.h5");
  const EmbeddingFile file(directory_ / "e.h5");
  const auto rows = file.rows();
  ASSERT_EQ(rows.size(), 9u);
  ASSERT_EQ(file.description().width, 16u);
  // Windows of 4 frames, 2 apart, the last at the end: in 6 frames at 0 and 2, in 7 frames at 0, 2 and 3.
  const std::map<std::uint64_t, std::vector<std::uint64_t>> starts{{6, {0, 2}}, {7, {0, 2, 3}}};
  std::size_t all_windows = 0;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const EmbeddedParticipant& p = file.description().participants[i];
    std::vector<double> expected(32, 0.0);
    std::uint32_t windows = 0, runs = 0;
    for (std::size_t scan = 0; scan < cohort_.scans().size(); ++scan) {
      if (cohort_.scans()[scan].participant_id != p.id) continue;
      const auto& of_scan = starts.at(cohort_.scans()[scan].frames);
      std::vector<double> sum(32, 0.0);
      for (const std::uint64_t start : of_scan) {
        const Window w = window(scan, start);
        for (std::size_t c = 0; c < 16; ++c) {
          sum[c] += w.cls[c];
          sum[16 + c] += w.mean[c];
        }
      }
      for (std::size_t c = 0; c < 32; ++c) expected[c] += sum[c] / static_cast<double>(of_scan.size());
      windows += static_cast<std::uint32_t>(of_scan.size());
      if (++runs > 1) continue;
      // Tokens: CLS, then for each patch all frames; the mean over the patches of frame t.
      const Window first = window(scan, 0);
      const std::size_t patches = (first.tokens.size() / 16 - 1) / 4;
      for (std::size_t t = 0; t < 4; ++t) {
        for (std::size_t c = 0; c < 16; ++c) {
          double mean = 0;
          for (std::size_t patch = 0; patch < patches; ++patch) mean += first.tokens[(1 + patch * 4 + t) * 16 + c];
          EXPECT_FLOAT_EQ(rows[i].tokens[t * 16 + c], static_cast<float>(mean / static_cast<double>(patches)));
        }
      }
    }
    for (std::size_t c = 0; c < 32; ++c) EXPECT_EQ(rows[i].values[c], static_cast<float>(expected[c] / runs)) << p.id;
    EXPECT_EQ(p.windows, windows);
    EXPECT_EQ(p.runs, runs);
    all_windows += windows;
  }
  EXPECT_EQ(summary.windows, all_windows);
  EXPECT_EQ(summary.participants, 9u);
}

TEST_F(Embed, PoolingsAloneAreTheRowsOfBoth) {
  run(fixture_.settings(Pooling::kBoth), "both.h5");
  run(fixture_.settings(Pooling::kCls), "cls.h5");
  run(fixture_.settings(Pooling::kMean), "mean.h5");
  const auto both = EmbeddingFile(directory_ / "both.h5").rows();
  const auto cls = EmbeddingFile(directory_ / "cls.h5").rows(), mean = EmbeddingFile(directory_ / "mean.h5").rows();
  for (std::size_t i = 0; i < both.size(); ++i) {
    EXPECT_EQ(std::vector(both[i].values.begin() + 16, both[i].values.end()), mean[i].values);
    // The last block computes all rows or only that of CLS: sums of at most 1 + 4 tokens of width 16 in another order.
    for (std::size_t c = 0; c < 16; ++c) EXPECT_NEAR(both[i].values[c], cls[i].values[c], 100 * 0x1p-24);
  }
}

TEST_F(Embed, RecordsWhatTheRowsAre) {
  run(fixture_.settings(), "e.h5");
  const auto metadata = EmbeddingFile(directory_ / "e.h5").description().metadata;
  for (const char* key : {"embedding_strategy_id",
                          "model_id",
                          "weights_sha256",
                          "mamba_config",
                          "layer",
                          "pooling",
                          "sequence_length",
                          "stride",
                          "windows_used",
                          "tr",
                          "runs",
                          "masking_ratio",
                          "precision",
                          "program",
                          "libraries",
                          "preprocessing",
                          "atlas",
                          "normalization_statistics",
                          "harmonization_id",
                          "covariates",
                          "projector",
                          "fold_id",
                          "seed",
                          "split_sha256",
                          "qc",
                          "cohort_fingerprint"})
    EXPECT_TRUE(metadata.contains(key)) << key;
  EXPECT_EQ(metadata["embedding_strategy_id"], "rsfmri_brainmt_segments_v1");
  EXPECT_EQ(metadata["sequence_length"], 4);
  EXPECT_EQ(metadata["stride"], 2);
  EXPECT_EQ(metadata["tr"], 0.8);
  EXPECT_EQ(metadata["runs"], 12);
  EXPECT_EQ(metadata["harmonization_id"], "none_baseline");
  EXPECT_EQ(metadata["mamba_config"]["directions"], 2);
  EXPECT_EQ(metadata["stem"], "conv");
  EXPECT_EQ(metadata["preprocessing"]["normalization"], "zscore");
  EXPECT_EQ(metadata.dump().find(directory_.path().string()), std::string::npos) << "no path of this machine";
}

TEST_F(Embed, TakesAPartOfTheSplitOnly) {
  task::Split split;
  split.plan.fractions = {0.5, 0.25, 0.25};
  split.ids = {{{"sub-000", "sub-001", "sub-002"}, {"sub-003"}, {"sub-004", "sub-008"}}};
  task::save_split(split, directory_ / "split.json");
  EmbedSettings settings = fixture_.settings();
  settings.split_file = directory_ / "split.json";
  run(settings, "all.h5");
  settings.part = task::Part::kTest;
  run(settings, "test.h5");
  const EmbeddingFile all(directory_ / "all.h5"), test(directory_ / "test.h5");
  ASSERT_EQ(test.description().participants.size(), 2u);
  EXPECT_EQ(test.description().participants[1].id, "sub-008");
  EXPECT_EQ(test.rows()[1].values, all.rows()[8].values);
  EXPECT_EQ(all.description().participants[3].part, "val");
  EXPECT_EQ(all.description().participants[5].part, "none");
}

TEST_F(Embed, RefusesWhatIsNotFiniteAndLeavesNoFile) {
  const auto file = io::SafetensorsFile::open(directory_ / "model.safetensors");
  const auto made = models::make_model(run::described_model(file), DType::kF32);
  models::Model& model = *made;
  run::load_weights(file, model);
  const auto embed_with = [&](float value) {
    for (const char* name : {"cls_token", "blocks.0.proj.bias"}) {
      const Tensor& parameter = model.parameters().find(name)->value;
      const std::vector<float> values(static_cast<std::size_t>(parameter.count()), value);
      model.parameters().find(name)->value.copy_from(Tensor::from_host(values, parameter.shape(), DType::kF32));
    }
    run::save_weights(directory_ / "changed.safetensors", model.parameters(),
                      {{run::kModelKey, run::describe_model(model)}});
    EmbedSettings settings = fixture_.settings();
    settings.weights = directory_ / "changed.safetensors";
    run(settings, "e.h5");
  };
  test::expect_error<Error>([&] { embed_with(std::nanf("")); }, {"blocks.0.proj.bias", "1 more tensor"});
  test::expect_error<NonFiniteError>([&] { embed_with(3e38F); }, {"sub-000", "finite"});  // their sum overflows
  EXPECT_EQ(directory_.entries(), 3u) << "the cohort and two weights files";
}

class EmbedShards : public Embed {
 protected:
  static constexpr std::size_t kShards = 3;

  EmbedSummary make(std::size_t k) { return run(fixture_.settings(Pooling::kBoth), "e.h5", Shard{k, kShards}); }
  EmbedSummary merge() { return merge_shards(directory_ / "e.h5", kShards, alone_, MPI_COMM_SELF); }
  fs::path shard(std::size_t k) const { return shard_path(directory_ / "e.h5", {k, kShards}); }

  // Another value in the last bytes of the last row of an array that is stored in one piece.
  static void damage(const fs::path& path) {
    const EmbeddingFile file(path);
    const auto row = file.rows().back();
    std::string bytes = test::read_file(path);
    const std::string wanted(reinterpret_cast<const char*>(row.values.data()), 16 * sizeof(float));
    const std::size_t at = bytes.find(wanted);
    ASSERT_NE(at, std::string::npos);
    bytes[at + 5] = static_cast<char>(bytes[at + 5] ^ 4);
    test::write_file(path, bytes);
  }
};

TEST_F(EmbedShards, TogetherAreTheBytesOfTheWholeFile) {
  run(fixture_.settings(Pooling::kBoth), "whole.h5");
  for (const std::size_t k : {2u, 1u, 3u}) make(k);
  merge();
  EXPECT_EQ(test::read_file(directory_ / "e.h5"), test::read_file(directory_ / "whole.h5"));
}

TEST_F(EmbedShards, AWholeShardIsKeptAndADamagedOrHalfOneIsMadeAgain) {
  EXPECT_FALSE(make(1).was_complete);
  const std::string first = test::read_file(shard(1));
  EXPECT_TRUE(make(1).was_complete) << "written twice: the second time there is nothing to do";
  damage(shard(1));
  EXPECT_NE(test::read_file(shard(1)), first);
  EXPECT_FALSE(make(1).was_complete);
  EXPECT_EQ(test::read_file(shard(1)), first);
  test::write_file(shard(1), first.substr(0, first.size() / 2));
  EXPECT_FALSE(make(1).was_complete);
  EXPECT_EQ(test::read_file(shard(1)), first);
}

TEST_F(EmbedShards, AShardOfOtherInputIsMadeAgain) {
  EmbedSettings other = fixture_.settings(Pooling::kBoth);
  other.stride = 1;
  run(other, "e.h5", Shard{1, kShards});
  EXPECT_FALSE(make(1).was_complete);
}

TEST_F(EmbedShards, MergeNamesAShardThatIsMissingDamagedOrHalf) {
  make(1);
  make(3);
  test::expect_error<Error>([&] { merge(); }, {"shard-2-of-3", "missing", "shard=2/3"});
  make(2);
  const std::string whole = test::read_file(shard(2));
  damage(shard(2));
  test::expect_error<Error>([&] { merge(); }, {"shard-2-of-3", "checksum", "participant"});
  test::write_file(shard(2), whole.substr(0, whole.size() - 700));
  test::expect_error<Error>([&] { merge(); }, {"shard-2-of-3"});
  test::write_file(shard(2), test::read_file(shard(3)));
  test::expect_error<Error>([&] { merge(); }, {"shard-2-of-3", "3/3"});
  EXPECT_FALSE(fs::exists(directory_ / "e.h5"));
}

TEST_F(EmbedShards, MergeRefusesShardsOfOtherSettings) {
  make(1);
  make(2);
  EmbedSettings other = fixture_.settings(Pooling::kBoth);
  other.activation = DType::kBf16;
  run(other, "e.h5", Shard{3, kShards});
  test::expect_error<Error>([&] { merge(); }, {"shard-3-of-3", "other weights"});
}

TEST(Shards, AreReadFromText) {
  EXPECT_EQ(parse_shard("2/8").index, 2u);
  EXPECT_EQ(parse_shard("8/8").count, 8u);
  for (const char* bad : {"", "2", "0/8", "9/8", "2/8x", "/8", "2/", "-1/8", "1/0"})
    test::expect_error<UsageError>([&] { parse_shard(bad); }, {"K/N"});
}

TEST(ShareOf, CoversEveryParticipantOnceInAboutEqualShares) {
  std::vector<EmbeddedParticipant> participants;
  for (int i = 0; i < 40; ++i)
    participants.push_back({.id = "p", .windows = static_cast<std::uint32_t>(1 + i * i % 7)});
  std::uint32_t total = 0;
  for (const auto& p : participants) total += p.windows;
  for (const std::size_t blocks : {1u, 2u, 3u, 8u, 40u, 64u}) {
    std::size_t next = 0;
    for (std::size_t b = 0; b < blocks; ++b) {
      const ParticipantBlock block = share_of(participants, b, blocks);
      EXPECT_EQ(block.begin, next);
      std::uint32_t windows = 0;
      for (std::size_t i = block.begin; i < block.end; ++i) windows += participants[i].windows;
      EXPECT_LE(windows, total / blocks + 1 + 7) << "a share, and at most one participant more";
      next = block.end;
    }
    EXPECT_EQ(next, participants.size());
  }
}

}  // namespace
}  // namespace brainmt::analysis
