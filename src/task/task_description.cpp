#include "task/task_description.hpp"

#include <cmath>
#include <nlohmann/json.hpp>

#include "base/error.hpp"

namespace brainmt::task {
namespace {

nlohmann::ordered_json to_json(const TargetDescription& d) {
  nlohmann::ordered_json json{
      {"task", name_of(d.target.task)}, {"target", d.target.name}, {"mean", d.scaling.mean}, {"std", d.scaling.std}};
  if (!d.target.positive.empty()) json["positive"] = d.target.positive;
  if (d.target.weight != 1.0) json["weight"] = d.target.weight;
  if (!d.adjustment.coefficients.empty())
    json["adjustment"] = {{"centre", d.adjustment.centre}, {"coefficients", d.adjustment.coefficients}};
  return json;
}

std::optional<TargetDescription> target_from_json(const nlohmann::json& json, std::size_t terms) {
  const auto task = json.at("task").get<std::string>();
  if (task != "regression" && task != "classification") return std::nullopt;
  TargetDescription d{.target = {.name = json.at("target").get<std::string>(),
                                 .task = task == "regression" ? Task::kRegression : Task::kClassification},
                      .scaling = {json.at("mean").get<double>(), json.at("std").get<double>()}};
  if (json.contains("positive")) json["positive"].get_to(d.target.positive);
  if (json.contains("weight")) json["weight"].get_to(d.target.weight);
  if (json.contains("adjustment")) {
    json["adjustment"].at("centre").get_to(d.adjustment.centre);
    json["adjustment"].at("coefficients").get_to(d.adjustment.coefficients);
  }
  const bool fits = d.adjustment.centre.size() == terms && d.adjustment.coefficients.size() == terms;
  return fits ? std::optional(std::move(d)) : std::nullopt;
}

}  // namespace

std::string name_of(const TaskDescription& description) {
  if (description.is_reconstruction) return "reconstruction";
  return description.is_multitask ? "multitask" : name_of(description.targets.front().target.task);
}

std::string describe_task(const TaskDescription& description) {
  if (description.is_reconstruction) return nlohmann::ordered_json{{"task", "reconstruction"}}.dump();
  nlohmann::ordered_json json{{"task", "multitask"}, {"targets", nlohmann::ordered_json::array()}};
  for (const TargetDescription& target : description.targets) json["targets"].push_back(to_json(target));
  if (!description.is_multitask) json = nlohmann::ordered_json(json["targets"].front());
  if (!description.confounds.empty()) json["confounds"] = to_json(description.confounds);
  return json.dump();
}

std::optional<TaskDescription> described_task(const std::string& text) {
  try {
    const auto json = nlohmann::json::parse(text);
    if (json.at("task") == "reconstruction") return TaskDescription{.targets = {}, .is_reconstruction = true};
    TaskDescription description{.is_multitask = json.at("task") == "multitask", .targets = {}};
    if (json.contains("confounds")) description.confounds = coding_from_json(json["confounds"]);
    const std::size_t terms = description.confounds.terms().size();
    const auto targets = description.is_multitask ? json.at("targets") : nlohmann::json::array({json});
    for (const auto& entry : targets) {
      auto target = target_from_json(entry, terms);
      if (!target) return std::nullopt;
      description.targets.push_back(*std::move(target));
    }
    if (description.targets.empty()) return std::nullopt;
    return description;
  } catch (const nlohmann::json::exception&) {
    return std::nullopt;
  }
}

}  // namespace brainmt::task
