#pragma once
// The schemas of the commands, and the tables of keys that they are put together from.
#include <vector>

#include "config/schema.hpp"

namespace brainmt::config {

/// Concatenation of key tables, in order.
std::vector<Key> join(const std::vector<std::vector<Key>>& tables);

// Tables that more than one command uses (keys_task.cpp, keys_train.cpp).
std::vector<Key> model_keys();      // model.*
std::vector<Key> precision_keys();  // precision
std::vector<Key> graph_keys();      // device.graphs
std::vector<Key> data_keys();       // data.*
std::vector<Key> comm_keys();       // comm.*
std::vector<Key> split_keys();      // data.* of the split
/// task and task.*; `required` where a command cannot do without them.
std::vector<Key> task_keys(bool required);
/// Rules between model.* keys: widths that divide.
std::vector<Rule> model_rules();
/// Fractions that sum to 1, folds that exist.
std::vector<Rule> split_rules();
/// Lists of a fitting length, and one of task.target and task.targets.
std::vector<Rule> task_rules(bool required);
/// For Usage::further_required: task.target, or task.targets of a multitask run, where neither is given.
std::vector<std::string> missing_target(const Config& config);

const Schema& train_schema();
const Schema& evaluate_schema();
const Schema& embed_schema();
const Schema& report_schema();
const Schema& synth_schema();
const Schema& prepare_schema();
const Schema& weights_schema();
const Schema& sweep_schema();

}  // namespace brainmt::config
