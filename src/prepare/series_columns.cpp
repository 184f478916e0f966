#include "prepare/series_columns.hpp"

#include <algorithm>
#include <charconv>
#include <limits>
#include <map>
#include <numeric>
#include <optional>

#include "base/error.hpp"
#include "base/nearest.hpp"
#include "io/checksum.hpp"
#include "io/printable.hpp"
#include "parcels/label_table.hpp"

namespace brainmt::prepare {
namespace {

constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();

std::vector<std::string> sorted(std::vector<std::string> names) {
  std::ranges::sort(names);
  return names;
}

std::string counted(std::size_t parcels) { return fmt::format("{} column{}", parcels, parcels == 1 ? "" : "s"); }

// The labels by the names that a header may give them.
class Labels {
 public:
  explicit Labels(const std::filesystem::path& path) : path_(path), table_(parcels::read_label_table(path)) {
    for (const auto& [index, label] : table_.labels) {
      add(label.name, index);
      for (const std::string_view beginning : {"7Networks_", "17Networks_"})
        if (label.name.starts_with(beginning)) add(label.name.substr(beginning.size()), index);
    }
  }

  const parcels::LabelTable& table() const { return table_; }

  std::int32_t index_of(const std::string& name) const {
    if (const auto found = by_name_.find(name); found != by_name_.end()) {
      if (found->second == 0)
        throw DataError(fmt::format("'{}': two labels are named {}", path_.string(), io::printable(name)));
      return found->second;
    }
    std::int32_t number = 0;
    const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number);
    if (error == std::errc{} && end == name.data() + name.size() && table_.labels.contains(number)) return number;
    throw DataError(fmt::format("'{}' has no label {}, which is the name of a column{}", path_.string(),
                                io::printable(name), suggestion(name)));
  }

 private:
  void add(const std::string& name, std::int32_t index) {
    const auto [known, is_new] = by_name_.try_emplace(name, index);
    if (!is_new && known->second != index) known->second = 0;  // twice
  }
  std::string suggestion(const std::string& name) const {
    std::vector<std::string> known;
    for (const auto& [index, label] : table_.labels) known.push_back(label.name);
    const auto nearest = nearest_name(name, known);
    return nearest.empty() ? std::string() : fmt::format("; the nearest is {}", io::printable(nearest));
  }

  const std::filesystem::path& path_;
  parcels::LabelTable table_;
  std::map<std::string, std::int32_t, std::less<>> by_name_;
};

void append(io::ParcelTable& table, std::int32_t index, const std::string& name, const parcels::Label& label) {
  table.index.push_back(index);
  table.name.push_back(name);
  table.network.push_back(label.network);
  table.hemisphere.push_back(label.hemisphere);
  table.centroid.push_back(label.place.value_or(std::array{kUnknown, kUnknown, kUnknown}));
}

// The columns in ascending order of their labels, as 'parcellate' has them.
void sort_by_label(SeriesColumns& columns, const Labels& labels) {
  std::vector<std::pair<std::int32_t, std::string>> sorted;
  for (const std::string& name : columns.names) sorted.emplace_back(labels.index_of(name), name);
  std::ranges::sort(sorted);
  for (std::size_t p = 0; p < sorted.size(); ++p) columns.names[p] = sorted[p].second;
}

}  // namespace

std::string text_of(const SeriesFile& file) {
  std::string text = fmt::format("{}", file.parcels);
  for (const std::string& name : file.names) text += "\n" + name;
  return text;
}

SeriesFile columns_of(const std::string& text) {
  SeriesFile file;
  const std::size_t end = std::min(text.find('\n'), text.size());
  std::from_chars(text.data(), text.data() + end, file.parcels);
  for (std::size_t at = end; at < text.size();) {
    const std::size_t next = std::min(text.find('\n', at + 1), text.size());
    file.names.push_back(text.substr(at + 1, next - at - 1));
    at = next;
  }
  return file;
}

SeriesColumns most_common_columns(const std::vector<std::string>& tables, const std::vector<std::string>& files) {
  struct Set {
    std::size_t count = 0, first = 0;
  };
  std::map<std::string, Set> sets;
  for (std::size_t t = 0; t < tables.size(); ++t) {
    if (tables[t].empty()) continue;
    SeriesFile columns = columns_of(tables[t]);
    columns.names = sorted(std::move(columns.names));
    Set& set = sets[text_of(columns)];
    if (set.count++ == 0) set.first = t;
  }
  const Set* best = nullptr;
  for (const auto& [text, set] : sets)
    if (best == nullptr || set.count > best->count || (set.count == best->count && set.first < best->first))
      best = &set;
  if (best == nullptr) return {};
  const SeriesFile columns = columns_of(tables[best->first]);
  return {columns.names, columns.parcels, files[best->first]};
}

std::vector<std::uint32_t> order_of(const SeriesFile& file, const SeriesColumns& columns) {
  std::vector<std::uint32_t> order(columns.parcels);
  std::iota(order.begin(), order.end(), 0u);
  if (file.names == columns.names && file.parcels == columns.parcels) return order;
  const std::string others = fmt::format("most tables, such as {}", io::printable(columns.example));
  if (file.names.empty() || columns.names.empty()) {
    const auto described = [](std::size_t parcels, bool named) {
      return counted(parcels) + (named ? " with names" : " without names");
    };
    std::string turned;
    if (file.frames > 0 && file.frames == static_cast<std::int64_t>(columns.parcels))
      turned = fmt::format("; it has as many rows: a row is a frame, a column a parcel");
    throw DataError(fmt::format("has {}, {} have {}{}", described(file.parcels, !file.names.empty()), others,
                                described(columns.parcels, !columns.names.empty()), turned));
  }
  std::map<std::string_view, std::uint32_t> at;
  for (std::size_t c = 0; c < file.names.size(); ++c) at.emplace(file.names[c], static_cast<std::uint32_t>(c));
  std::string lacks;
  for (std::size_t p = 0; p < columns.parcels; ++p) {
    const auto found = at.find(columns.names[p]);
    if (found != at.end()) {
      order[p] = found->second;
      at.erase(found);
    } else if (lacks.empty()) {
      lacks = fmt::format(", lacks {}", io::printable(columns.names[p]));
    }
  }
  if (lacks.empty() && at.empty()) return order;
  const std::string has = at.empty() ? "" : fmt::format(", has {} instead", io::printable(at.begin()->first));
  throw DataError(fmt::format("has {} parcels, {} have {}{}{}", file.parcels, others, columns.parcels, lacks, has));
}

io::ParcelTable describe_parcels(SeriesColumns& columns, const std::filesystem::path& path) {
  io::ParcelTable table;
  if (path.empty()) {
    for (std::size_t p = 0; p < columns.parcels; ++p) {
      const std::string name = columns.names.empty() ? std::to_string(p + 1) : columns.names[p];
      append(table, static_cast<std::int32_t>(p + 1), name, {name, {}, parcels::hemisphere_of_name(name)});
    }
  } else {
    const Labels labels(path);
    sort_by_label(columns, labels);
    const auto& known = labels.table().labels;
    table.table_sha256 = io::sha256_of_file(path);
    table.atlas = path.stem().string();
    if (columns.names.empty() && known.size() != columns.parcels)
      throw DataError(fmt::format("'{}' has {} labels, the tables have {} without names", path.string(), known.size(),
                                  counted(columns.parcels)));
    if (columns.names.empty())
      for (const auto& [index, label] : known) append(table, index, label.name, label);
    for (const std::string& name : columns.names) {
      const std::int32_t index = labels.index_of(name);
      append(table, index, known.at(index).name, known.at(index));
    }
  }
  io::check_parcels(table, path.empty() ? fmt::format("'{}'", columns.example) : fmt::format("'{}'", path.string()));
  return table;
}

}  // namespace brainmt::prepare
