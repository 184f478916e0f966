#include "prepare/session_tables.hpp"

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include "base/error.hpp"
#include "io/find_column.hpp"
#include "prepare/folder.hpp"
#include "prepare/id_columns.hpp"
#include "prepare/match_ids.hpp"

namespace brainmt::prepare {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kEnding = "_sessions.tsv";

std::size_t index_of(const std::vector<std::string>& names, const std::string& name) {
  const auto found = std::ranges::find(names, name);
  return found == names.end() ? kNoColumn : static_cast<std::size_t>(found - names.begin());
}

// The table of participants. Of a wide one only what is asked for is kept; what it lacks, the sessions may have.
io::Table read_participants(const fs::path& path, const PhenotypeSettings& settings) {
  return io::Table::read(path, [&](const std::vector<std::string>& names) {
    std::vector<std::size_t> columns{find_id_column(names, settings.id_column, fmt::format("'{}'", path.string()))};
    const auto keep = [&](std::size_t column) {
      if (column != kNoColumn && std::ranges::count(columns, column) == 0) columns.push_back(column);
    };
    for (const std::string& wanted : settings.columns) keep(io::find_column(names, wanted).value_or(kNoColumn));
    for (std::size_t column = 0; settings.columns.empty() && column < names.size(); ++column) keep(column);
    keep(find_session_column(names));
    return columns;
  });
}

class Join {
 public:
  Join(const fs::path& path, const PhenotypeSettings& settings, std::vector<std::string>& warnings)
      : path_(path), first_(settings.sessions_first) {
    for (const fs::path& file : settings.session_tables) add_file(file, warnings);
    if (path.empty()) {
      names_ = {"participant_id"};
      path_ = settings.session_tables.front();
    } else {
      participants_ = read_participants(path, settings);
      names_ = participants_->names();
      own_session_ = find_session_column(names_);
    }
    own_ = participants_ ? names_.size() : 0;
    if (path.empty() && files_.empty()) throw DataError(warnings.back());
    if (own_session_ == kNoColumn && !files_.empty()) {
      session_ = names_.size();
      names_.emplace_back("session_id");
    }
    for (const auto& [id, sessions] : files_) {
      for (std::size_t column = 0; column < sessions.table.columns(); ++column) {
        const std::string& name = sessions.table.names()[column];
        const bool is_known = column == sessions.session || name == "participant_id";
        if (!is_known && index_of(names_, name) == kNoColumn) names_.push_back(name);
      }
    }
  }

  io::Table joined(const io::Table::Choice& choose) {
    columns_ = choose(names_);
    if (participants_) {
      for (std::size_t row = 0; row < participants_->rows(); ++row) add_participant(row);
    } else {
      for (const auto& [id, sessions] : files_)
        for (std::size_t row = 0; row < sessions.table.rows(); ++row) add_row(kNoColumn, id, &sessions, row);
    }
    std::vector<std::string> chosen;
    for (const std::size_t column : columns_) chosen.push_back(names_[column]);
    return io::Table::joined(path_, std::move(chosen), cells_, std::move(origins_));
  }

 private:
  struct Sessions {
    io::Table table;
    std::size_t session = 0;  // column
  };

  void add_file(const fs::path& file, std::vector<std::string>& warnings) {
    try {
      Sessions sessions{.table = io::Table::read(file)};
      sessions.session = find_session_column(sessions.table.names());
      if (sessions.session == kNoColumn) throw DataError(fmt::format("'{}' has no column session_id", file.string()));
      std::string id = file.filename().string();
      id.resize(id.size() - kEnding.size());
      files_.emplace(std::move(id), std::move(sessions));
    } catch (const DataError& error) {
      warnings.push_back(fmt::format("a table of sessions is not used: {}", error.what()));
    }
  }

  const Sessions* sessions_of(const std::string& id) const {
    const auto found = files_.find("sub-" + std::string(bare_id(id)));
    return found == files_.end() ? nullptr : &found->second;
  }

  void add_participant(std::size_t row) {
    const std::string& id = participants_->text(row, 0);
    const Sessions* sessions = sessions_of(id);
    const bool has_own = own_session_ != kNoColumn && !participants_->missing(row, own_session_);
    const std::string own = has_own ? simple_session(participants_->text(row, own_session_)) : "";
    std::size_t same = kNoColumn;
    for (std::size_t s = 0; sessions != nullptr && s < sessions->table.rows(); ++s) {
      if (!has_own) {
        add_row(row, id, sessions, s);
      } else if (simple_session(sessions->table.text(s, sessions->session)) == own) {
        same = s;
      }
    }
    add_row(row, id, sessions, same);
  }

  // `row`: of the participants; `session`: of `sessions`; kNoColumn: none. There is one of the two.
  void add_row(std::size_t row, const std::string& id, const Sessions* sessions, std::size_t session) {
    const bool has_row = row != kNoColumn, has_session = session != kNoColumn;
    const std::size_t of_row = origins_.size(), of_session = has_row ? of_row + 1 : of_row;
    if (has_row) origins_.push_back({participants_->path(), participants_->line(row)});
    if (has_session) origins_.push_back({sessions->table.path(), sessions->table.line(session)});
    const auto add = [&](bool from_session, std::size_t column) {
      if (from_session && has_session) {
        cells_.push_back({sessions->table.text(session, column), of_session});
      } else {
        cells_.push_back({from_session || column == kNoColumn ? "" : participants_->text(row, column), of_row});
      }
    };
    for (const std::size_t column : columns_) {
      const bool in_table = column < own_;
      std::size_t other = kNoColumn;  // in the sessions
      if (sessions != nullptr && column != own_session_)
        other = column == session_ ? sessions->session : index_of(sessions->table.names(), names_[column]);
      if (column == 0 && !in_table) {
        cells_.push_back({id, of_row});
      } else if (other != kNoColumn && column != 0 && (first_ || !in_table)) {
        add(true, other);
      } else {
        add(false, in_table ? column : kNoColumn);
      }
    }
  }

  fs::path path_;
  bool first_;
  std::map<std::string, Sessions> files_;  // by participant, as sub-01
  std::optional<io::Table> participants_;
  std::vector<std::string> names_;       // of the joined table: the participants' own, the session, the sessions'
  std::size_t own_ = 0;                  // columns that the table of participants has
  std::size_t own_session_ = kNoColumn;  // its column of sessions
  std::size_t session_ = kNoColumn;      // the column of sessions, where it has none
  std::vector<std::size_t> columns_;     // chosen
  std::vector<io::Table::Cell> cells_;
  std::vector<io::Table::Origin> origins_;
};

}  // namespace

std::vector<fs::path> find_session_tables(const ListSettings& settings) {
  std::vector<fs::path> files;
  if (!settings.pattern.empty() || (settings.layout != Layout::kBids && settings.layout != Layout::kTables))
    return files;
  std::vector<fs::path> datasets{settings.input};
  if (const fs::path above = dataset_of_derivatives(settings.input); !above.empty()) datasets.push_back(above);
  for (const std::string& subject : names_in(settings.input)) {
    if (!subject.starts_with("sub-")) continue;
    const std::string name = subject + "/" + subject + std::string(kEnding);
    const auto found = std::ranges::find_if(datasets, [&](const fs::path& set) { return stands_at(set / name); });
    if (found != datasets.end()) files.push_back(*found / name);
  }
  return files;
}

io::Table read_with_sessions(const fs::path& path, const PhenotypeSettings& settings, const io::Table::Choice& choose,
                             std::vector<std::string>& warnings) {
  return Join(path, settings, warnings).joined(choose);
}

}  // namespace brainmt::prepare
