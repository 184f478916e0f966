// comparison.tsv, models.tsv and comparison.json.
#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "analysis/comparison.hpp"
#include "analysis/result_files.hpp"
#include "io/checksum.hpp"

namespace brainmt::analysis {
namespace {

using Json = nlohmann::ordered_json;

Json number(double value) { return std::isfinite(value) ? Json(value) : Json(nullptr); }

std::string field(double value) { return std::isfinite(value) ? fmt::format("{}", value) : "n/a"; }

// A name as one field of a table.
std::string field(std::string name) {
  for (char& c : name)
    if (static_cast<unsigned char>(c) < 0x20) c = ' ';
  return name;
}

std::string method_of(const Comparison& c) {
  if (!std::isfinite(c.p)) return "n/a";
  return c.is_exact ? "permutation, exact" : "permutation";
}

Json pair_json(const ModelComparison& all, const PairScore& pair) {
  const Comparison& c = pair.result;
  return {{"a", all.models.models[pair.a].name},
          {"b", all.models.models[pair.b].name},
          {"n", c.difference.participants},
          {"families", c.difference.blocks},
          {"repeats", c.repeats},
          {"value_a", number(c.value_a)},
          {"value_b", number(c.value_b)},
          {"difference", number(c.difference.value)},
          {"ci95", {number(c.difference.low), number(c.difference.high)}},
          {"p", number(c.p)},
          {"p_holm", number(pair.p_holm)},
          {"method", method_of(c)},
          {"p_delong", number(c.p_delong)},
          {"p_delong_holm", number(pair.p_delong_holm)},
          {"overlap", pair.overlap}};
}

Json target_json(const ModelComparison& all, const TargetComparison& target) {
  Json json{{"target", target.target.name},
            {"task", task::name_of(target.target.task)},
            {"metric", target.metric},
            {"models", Json::array()},
            {"comparisons", Json::array()}};
  for (std::size_t m = 0; m < all.models.models.size(); ++m) {
    Json model{{"model", all.models.models[m].name}};
    for (const ModelScore& score : target.scores) {
      if (score.model != m) continue;
      model["n"] = score.estimate.participants;
      model["families"] = score.estimate.blocks;
      model["repeats"] = score.repeats;
      model["metrics"][score.metric] = {{"value", number(score.estimate.value)},
                                        {"ci95", {number(score.estimate.low), number(score.estimate.high)}}};
    }
    if (!model.contains("metrics")) continue;
    const ModelPredictions& predictions = all.models.models[m].targets.at(target.target.name);
    model["missing"] = predictions.missing;
    json["models"].push_back(std::move(model));
  }
  for (const PairScore& pair : target.pairs) json["comparisons"].push_back(pair_json(all, pair));
  return json;
}

}  // namespace

std::string comparison_table(const ModelComparison& all) {
  std::string table =
      "a\tb\ttarget\tmetric\tn\tvalue_a\tvalue_b\tdifference\tlow\thigh\tp\tp_holm\tmethod\tp_delong\tp_delong_holm\t"
      "families\trepeats\toverlap\n";
  for (const TargetComparison& target : all.targets)
    for (const PairScore& pair : target.pairs) {
      const Comparison& c = pair.result;
      table += fmt::format("{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\n",
                           field(all.models.models[pair.a].name), field(all.models.models[pair.b].name),
                           field(target.target.name), target.metric, c.difference.participants, field(c.value_a),
                           field(c.value_b), field(c.difference.value), field(c.difference.low),
                           field(c.difference.high), field(c.p), field(pair.p_holm), method_of(c), field(c.p_delong),
                           field(pair.p_delong_holm), c.difference.blocks, c.repeats, pair.overlap);
    }
  return table;
}

std::string models_table(const ModelComparison& all) {
  std::string table = "model\ttarget\tmetric\tvalue\tlow\thigh\tn\tfamilies\trepeats\tmissing\n";
  for (const TargetComparison& target : all.targets)
    for (const ModelScore& score : target.scores) {
      const ComparedModel& model = all.models.models[score.model];
      const Estimate& e = score.estimate;
      table += fmt::format("{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\n", field(model.name), field(target.target.name),
                           score.metric, field(e.value), field(e.low), field(e.high), e.participants, e.blocks,
                           score.repeats, model.targets.at(target.target.name).missing);
    }
  return table;
}

Json inputs_json(const ComparedModels& models, const std::string& part) {
  Json inputs = Json::array();
  for (const ComparedModel& model : models.models)
    for (const std::filesystem::path& path : model.paths) {
      const auto file = std::filesystem::is_directory(path) ? path / result_file("predictions.tsv", part) : path;
      inputs.push_back({{"model", model.name}, {"predictions", file.string()}, {"sha256", io::sha256_of_file(file)}});
    }
  return inputs;
}

Json comparison_json(const ModelComparison& all, const std::string& program) {
  Json json{{"format", "brainmt-comparison"},
            {"version", 1},
            {"program", program},
            {"part", all.part},
            {"reference", all.models.models[all.reference].name},
            {"blocks", all.blocks.empty() ? Json(nullptr) : Json(all.blocks)},
            {"bootstrap", all.resampling.resamples},
            {"permutations", all.resampling.permutations},
            {"seed", all.resampling.seed},
            {"inputs", inputs_json(all.models, all.part)},
            {"notes", Json::array()},
            {"targets", Json::array()}};
  for (const ComparedModel& model : all.models.models)
    for (const std::string& note : model.notes) json["notes"].push_back({{"model", model.name}, {"note", note}});
  for (const TargetComparison& target : all.targets) json["targets"].push_back(target_json(all, target));
  return json;
}

}  // namespace brainmt::analysis
