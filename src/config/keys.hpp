#pragma once
// The schemas of the commands, and the tables of keys they consist of.
#include <utility>
#include <vector>

#include "config/schema.hpp"

namespace brainmt::config {

using Families = std::vector<ModelKeys>;

/// Concatenation of tables of keys or rules, in order.
template <class T>
std::vector<T> join(const std::vector<std::vector<T>>& tables) {
  std::vector<T> all;
  for (const auto& table : tables) all.insert(all.end(), table.begin(), table.end());
  return all;
}

// Tables that more than one command uses (keys_task.cpp, keys_train.cpp).
/// model.family, where `families` are all that there are, and model.* of `model`.
std::vector<Key> model_keys(const ModelKeys& model, const Families& families);
std::vector<Key> precision_keys();  // precision
std::vector<Key> graph_keys();      // device.graphs
std::vector<Key> data_keys();       // data.*
std::vector<Key> comm_keys();       // comm.*
std::vector<Key> split_keys();      // data.* of the split
/// task and task.*; `required` where a command cannot do without them.
std::vector<Key> task_keys(bool required);
/// Fractions that sum to 1, folds that exist.
std::vector<Rule> split_rules();
/// Lists of a fitting length, and one of task.target and task.targets.
std::vector<Rule> task_rules(bool required);
/// atlas.*, and how much of a parcel a scan must cover (keys_parcels.cpp).
std::vector<Key> atlas_keys();
/// For Usage::further_required: task.target, or task.targets of a multitask run, where neither is given.
std::vector<std::string> missing_target(const Config& config);

const Schema& fc_schema();
const Schema& report_schema();
const Schema& compare_schema();
const Schema& baseline_schema();
const Schema& synth_schema();
const Schema& prepare_schema();
const Schema& parcellate_schema();
const Schema& sweep_schema();

// Commands with a model: a schema for each of the families, of which there is at least one.
Schema train_schema(const Families& families);
Schema evaluate_schema(const Families& families);
Schema embed_schema(const Families& families);
Schema weights_schema(const Families& families);

/// `of(model)` for each family.
template <class Of>
Schema by_family(const Families& families, const Of& of) {
  std::vector<Schema> all;
  for (const ModelKeys& model : families) all.push_back(of(model));
  return Schema(std::move(all));
}

}  // namespace brainmt::config
