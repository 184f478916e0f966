#include "analysis/compared_models.hpp"

#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "analysis/imported_table.hpp"
#include "base/error.hpp"
#include "models/family_title.hpp"

namespace brainmt::analysis {
namespace {

namespace fs = std::filesystem;

// "a,b" is two paths, but for a path of that name.
std::vector<fs::path> paths_of(const std::string& operand) {
  if (fs::exists(operand) || operand.find(',') == std::string::npos) return {operand};
  std::vector<fs::path> paths;
  for (std::size_t begin = 0; begin <= operand.size();) {
    const std::size_t end = std::min(operand.find(',', begin), operand.size());
    if (end > begin) paths.emplace_back(operand.substr(begin, end - begin));
    begin = end + 1;
  }
  return paths;
}

// What a model is called after: its path, or the folder that all of its paths are in.
fs::path named_after(const std::vector<fs::path>& paths) {
  const auto folder = [](const fs::path& path) {
    const fs::path normal = fs::absolute(path).lexically_normal();
    return normal.has_filename() ? normal.parent_path() : normal.parent_path().parent_path();
  };
  if (paths.size() == 1) return paths.front();
  const fs::path above = folder(paths.front());
  return std::ranges::all_of(paths, [&](const fs::path& p) { return folder(p) == above; }) ? above : paths.front();
}

std::vector<std::string> names_of(const CompareInputs& inputs, const std::vector<std::vector<fs::path>>& paths) {
  if (inputs.names.empty()) {
    std::vector<fs::path> of_models;
    for (const auto& of_model : paths) of_models.push_back(named_after(of_model));
    return unique_names(of_models);
  }
  if (inputs.names.size() != paths.size())
    throw UsageError(fmt::format("names=[{}]: {} names for {} models", fmt::join(inputs.names, ","),
                                 inputs.names.size(), paths.size()));
  for (const std::string& name : inputs.names)
    if (std::ranges::count(inputs.names, name) > 1)
      throw UsageError(fmt::format("names: '{}' stands there twice", name));
  return inputs.names;
}

// A folder that is called as a target says nothing of the model: its family is put in front.
std::string told_from_targets(const std::string& name, const std::vector<TargetKind>& targets,
                              const std::string& family) {
  if (std::ranges::find(targets, name, &TargetKind::name) == targets.end()) return name;
  if (family.empty()) return name + " (model)";
  return fmt::format("{} ({})", models::family_title(family), name);
}

// The targets of all, in the order of their first appearance.
void add_targets(ComparedModels& all, const PredictionSource& source) {
  for (const TargetKind& target : source.targets) {
    const auto known = std::ranges::find(all.targets, target.name, &TargetKind::name);
    if (known == all.targets.end())
      all.targets.push_back(target);
    else if (known->task != target.task)
      throw DataError(fmt::format("'{}': {} of '{}', others have a {} of it: expected the same task",
                                  source.path.string(), task::name_of(target.task), target.name,
                                  task::name_of(known->task)));
  }
}

void insert(ComparedModel& model, const std::string& target, std::int64_t seed, const Repeat& predictions,
            const fs::path& path) {
  Repeat& repeat = model.targets[target].repeats[seed];
  for (const auto& [id, scored] : predictions)
    if (!repeat.emplace(id, scored).second)
      throw DataError(
          fmt::format("'{}': participant {} was predicted by another run of seed {} too: expected one run a seed and "
                      "fold",
                      path.string(), id, seed));
}

// The predictions of one run, checked against its own split.
void add_run(ComparedModel& model, const PredictionSource& run, const CompareInputs& inputs) {
  for (const FoldSplit& other : model.splits)
    if (other.seed == run.seed && other.fold == run.fold)
      throw DataError(
          fmt::format("'{}' and '{}': both have seed {} and fold {}: expected runs of one model that "
                      "differ in seed or fold",
                      other.path.string(), run.path.string(), run.seed, run.fold));
  model.splits.push_back({run.seed, run.fold, *run.split, run.path});
  for (const TargetKind& target : run.targets) {
    insert(model, target.name, run.seed, predictions_of(run, target, inputs.part), run.path);
  }
}

// The runs of the first model that has a split: what tables are checked against.
struct Base {
  std::vector<const PredictionSource*> runs;
  std::optional<task::Split> split_file;
  fs::path split_path;
};

std::string seed_and_fold(const PredictionRow& row) {
  std::string text;
  if (row.seed) text += fmt::format("seed {}", *row.seed);
  if (row.fold) text += fmt::format("{}fold {}", text.empty() ? "" : ", ", *row.fold);
  return text;
}

// The run that made the split of a row, by its seed and fold. Null where only a split file is given.
const PredictionSource* run_of(const Base& base, const PredictionRow& row, const fs::path& path) {
  std::vector<const PredictionSource*> fitting;
  for (const PredictionSource* run : base.runs)
    if ((!row.seed || *row.seed == run->seed) && (!row.fold || *row.fold == run->fold)) fitting.push_back(run);
  if (fitting.empty() && base.runs.empty()) return nullptr;
  if (fitting.empty())
    throw DataError(fmt::format("{}:{}: {}: no run of these is given, so its split is not known", path.string(),
                                row.line, seed_and_fold(row)));
  for (const PredictionSource* run : fitting)
    if (!same_parts(*run->split, *fitting.front()->split))
      throw DataError(
          fmt::format("{}: the runs '{}' and '{}' have different splits: expected columns 'seed' and "
                      "'fold' that tell which one a row belongs to",
                      path.string(), fitting.front()->path.string(), run->path.string()));
  return fitting.front();
}

// Labels of one run by participant.
std::map<std::string, double> labels_of(const PredictionSource& run, const TargetKind& target) {
  std::map<std::string, double> labels;
  for (const PredictionRow& row : run.table.rows)
    if ((run.targets.size() == 1 || row.target == target.name) && std::isfinite(row.truth))
      labels[row.participant_id] = row.truth;
  return labels;
}

// Rows of one target that share a split.
struct Group {
  const PredictionSource* run = nullptr;
  std::int64_t seed = 0;
  ImportedRows rows;
};

std::vector<Group> groups_of(const ImportedRows& rows, const Base& base, const fs::path& path) {
  std::map<std::pair<std::optional<std::int64_t>, std::optional<std::int64_t>>, Group> groups;
  for (const PredictionRow* row : rows.rows) {
    auto [found, is_new] = groups.try_emplace({row->seed, row->fold});
    if (is_new) {
      found->second.run = run_of(base, *row, path);
      found->second.seed = row->seed.value_or(0);
    }
    found->second.rows.rows.push_back(row);
  }
  std::vector<Group> all;
  for (auto& [key, group] : groups) all.push_back(std::move(group));
  return all;
}

void count_missing(ModelPredictions& predictions, const std::map<std::string, double>& labels, const Repeat& there,
                   const task::Split* split, const std::string& part) {
  constexpr std::size_t kNamed = 5;
  const auto wanted = task::part_named(part);
  for (const auto& [id, label] : labels) {
    if (there.contains(id)) continue;
    if (split != nullptr && wanted && !std::ranges::binary_search(split->of(*wanted), id)) continue;
    ++predictions.missing;
    if (predictions.first_missing.size() < kNamed) predictions.first_missing.push_back(id);
  }
}

void add_table(ComparedModel& model, const PredictionSource& source, const Base& base, const ComparedModels& all,
               const CompareInputs& inputs) {
  model.is_table = true;
  const fs::path& path = source.table.path;
  if (source.targets.empty()) check_targets(source.table, all.targets);
  bool any_seed = false;
  for (const TargetKind& target : all.targets) {
    const bool is_only = source.targets.size() == 1 ? source.targets.front() == target : all.targets.size() == 1;
    const ImportedRows rows = rows_of(source.table, target, is_only, inputs.part);
    model.other_part += rows.other_part;
    if (rows.rows.empty()) continue;
    ModelPredictions& predictions = model.targets[target.name];
    for (Group& group : groups_of(rows, base, path)) {
      const task::Split* split = group.run != nullptr ? &*group.run->split
                                 : base.split_file    ? &*base.split_file
                                                      : nullptr;
      const fs::path split_path = group.run != nullptr ? group.run->path / "split.json" : base.split_path;
      check_participants(group.rows, path, split, split_path, inputs.part);
      const auto labels = group.run != nullptr ? labels_of(*group.run, target) : std::map<std::string, double>{};
      const Repeat repeat = imported(group.rows, target, source.table, labels, model.notes);
      insert(model, target.name, group.seed, repeat, path);
      count_missing(predictions, labels, repeat, split, inputs.part);
      any_seed = any_seed || group.rows.rows.front()->seed.has_value();
      const auto fold = group.rows.rows.front()->fold.value_or(0);
      const bool known = std::ranges::any_of(
          model.splits, [&](const FoldSplit& one) { return one.seed == group.seed && one.fold == fold; });
      if (split != nullptr && !known) model.splits.push_back({group.seed, fold, *split, split_path});
    }
  }
  model.has_seeds = any_seed;
  if (model.targets.empty()) throw DataError(fmt::format("{}: no row of the part {}", path.string(), inputs.part));
}

// Both models' truth of every participant that is compared.
void check_truth(const ComparedModel& a, const ComparedModel& b) {
  for (const auto& [target, predictions] : a.targets) {
    if (!b.targets.contains(target)) continue;
    const auto [of_a, of_b] = aligned(a, b, target);
    for (const auto& [seed, repeat] : of_a)
      for (const auto& [id, one] : repeat) {
        const auto other = of_b.at(seed).find(id);
        if (other == of_b.at(seed).end()) continue;
        constexpr double kRounding = 1e-9;
        if (std::abs(one.truth - other->second.truth) > kRounding * (1 + std::abs(one.truth)))
          throw DataError(
              fmt::format("{} and {}: y_true of '{}' differs, the first is participant {}: {} and {}; "
                          "expected the same labels, and the same task.confounds in training",
                          a.name, b.name, target, id, one.truth, other->second.truth));
      }
  }
}

// Seeds of two models that are compared.
std::vector<std::array<std::int64_t, 2>> seeds_of(const ComparedModel& a, const ComparedModel& b,
                                                  const std::set<std::int64_t>& of_a,
                                                  const std::set<std::int64_t>& of_b) {
  const auto one_split = [](const ComparedModel& model) {
    return std::ranges::all_of(model.splits, [&](const FoldSplit& one) {
      return one.fold != model.splits.front().fold || same_parts(one.split, model.splits.front().split);
    });
  };
  std::vector<std::array<std::int64_t, 2>> seeds;
  const bool a_for_all = of_a.size() == 1 && (of_b.size() == 1 || !a.has_seeds || one_split(b));
  const bool b_for_all = of_b.size() == 1 && (of_a.size() == 1 || !b.has_seeds || one_split(a));
  for (const std::int64_t one : of_a)
    for (const std::int64_t other : of_b)
      if (one == other || a_for_all || b_for_all) seeds.push_back({one, other});
  return seeds;
}

std::set<std::int64_t> keys_of(const Repeats& repeats) {
  std::set<std::int64_t> keys;
  for (const auto& [seed, repeat] : repeats) keys.insert(seed);
  return keys;
}

void check_overlaps(const ComparedModels& all, bool allow) {
  for (std::size_t i = 0; i < all.models.size(); ++i)
    for (std::size_t j = i + 1; j < all.models.size(); ++j) {
      const std::size_t people = overlap(all.models[i], all.models[j]);
      if (people > 0 && !allow)
        throw DataError(
            fmt::format("{} and {}: {} participants are in the test part of one and were in the training "
                        "or validation part of the other: train both on one split (data.split_file), or "
                        "give allow_overlap=true to compare over those that are test participants of both",
                        all.models[i].name, all.models[j].name, people));
      check_truth(all.models[i], all.models[j]);
    }
}

// Targets of tables alone: as their columns say.
void infer_targets(ComparedModels& all, const std::vector<std::vector<PredictionSource>>& sources) {
  if (!all.targets.empty()) return;
  for (const auto& of_model : sources)
    for (const PredictionSource& source : of_model)
      for (const TargetKind& target : targets_in(source.table))
        if (std::ranges::find(all.targets, target.name, &TargetKind::name) == all.targets.end())
          all.targets.push_back(target);
}

Base base_of(const std::vector<std::vector<PredictionSource>>& sources, const CompareInputs& inputs) {
  Base base;
  for (const auto& of_model : sources) {
    for (const PredictionSource& source : of_model)
      if (source.is_run()) base.runs.push_back(&source);
    if (!base.runs.empty()) return base;
  }
  if (inputs.split_file.empty()) return base;
  base.split_file = task::load_split(inputs.split_file);
  base.split_path = inputs.split_file;
  return base;
}

}  // namespace

ComparedModels read_models(const CompareInputs& inputs) {
  std::vector<std::vector<fs::path>> paths;
  for (const std::string& operand : inputs.models) paths.push_back(paths_of(operand));
  const std::vector<std::string> names = names_of(inputs, paths);
  ComparedModels all;
  std::vector<std::vector<PredictionSource>> sources;
  for (const auto& of_model : paths) {
    auto& list = sources.emplace_back();
    for (const fs::path& path : of_model) add_targets(all, list.emplace_back(read_source(path, inputs.part)));
    for (const PredictionSource& source : list) {
      if (all.cohort.empty()) all.cohort = source.cohort;
      if (all.group.empty() && source.split) all.group = source.split->plan.group;
    }
  }
  infer_targets(all, sources);
  const Base base = base_of(sources, inputs);
  for (std::size_t m = 0; m < paths.size(); ++m) {
    ComparedModel model{.name = names[m], .folder = names[m], .paths = paths[m]};
    if (inputs.names.empty()) model.name = told_from_targets(names[m], all.targets, sources[m].front().family);
    for (const PredictionSource& source : sources[m]) {
      if (source.is_run())
        add_run(model, source, inputs);
      else
        add_table(model, source, base, all, inputs);
    }
    if (model.splits.empty())
      model.notes.push_back("no split.json is known, so nothing says whether it was trained on these participants");
    all.models.push_back(std::move(model));
  }
  check_overlaps(all, inputs.allow_overlap);
  return all;
}

std::array<std::string, 2> ComparedModels::classes_of(const std::string& target) const {
  const auto found = classes.find(target);
  return found == classes.end() ? std::array<std::string, 2>{"class 0", "class 1"} : found->second;
}

std::pair<Repeats, Repeats> aligned(const ComparedModel& a, const ComparedModel& b, const std::string& target) {
  std::pair<Repeats, Repeats> both;
  const auto of_a = a.targets.find(target), of_b = b.targets.find(target);
  if (of_a == a.targets.end() || of_b == b.targets.end()) return both;
  const Repeats &first = of_a->second.repeats, &second = of_b->second.repeats;
  for (const auto& [seed_a, seed_b] : seeds_of(a, b, keys_of(first), keys_of(second))) {
    const std::int64_t key = first.size() > 1 ? seed_a : seed_b;
    both.first[key] = first.at(seed_a);
    both.second[key] = second.at(seed_b);
  }
  return both;
}

std::size_t overlap(const ComparedModel& a, const ComparedModel& b) {
  std::set<std::int64_t> seeds_a, seeds_b;
  std::set<std::int64_t> folds_a, folds_b;
  for (const FoldSplit& one : a.splits) seeds_a.insert(one.seed), folds_a.insert(one.fold);
  for (const FoldSplit& one : b.splits) seeds_b.insert(one.seed), folds_b.insert(one.fold);
  const auto compared = seeds_of(a, b, seeds_a, seeds_b);
  std::set<std::string> people;
  const auto add = [&](const task::Split& tested, const task::Split& trained) {
    for (const std::string& id : tested.of(task::Part::kTest))
      for (const task::Part part : {task::Part::kTrain, task::Part::kVal})
        if (std::ranges::binary_search(trained.of(part), id)) people.insert(id);
  };
  for (const FoldSplit& one : a.splits)
    for (const FoldSplit& other : b.splits) {
      if (std::ranges::find(compared, std::array{one.seed, other.seed}) == compared.end()) continue;
      // The folds of one partition test each other's training people, and are not compared with each other.
      if (folds_a.size() > 1 && folds_b.size() > 1 && one.fold != other.fold) continue;
      if (same_parts(one.split, other.split)) continue;
      add(one.split, other.split);
      add(other.split, one.split);
    }
  return people.size();
}

}  // namespace brainmt::analysis
