#pragma once
// The phenotype table of a cohort, by participant, and by session where it has a row for each.
#include <filesystem>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "io/cohort_layout.hpp"
#include "io/table.hpp"
#include "prepare/column_values.hpp"
#include "prepare/match_ids.hpp"
#include "prepare/scan_list.hpp"

namespace brainmt::prepare {

struct PhenotypeSettings {
  std::string id_column = {};             // empty: the first of participant_id, subject, eid and their usual variants
  std::vector<std::string> columns = {};  // to keep, by any name that io::find_column understands; empty: all up to 500
  bool keep_ukb_codes = false;
  std::vector<std::filesystem::path> session_tables = {};  // prepare/session_tables.hpp
  bool sessions_first = false;  // a column that the table and those of the sessions have is the latter's

  static PhenotypeSettings from_config(const config::Config& config);  // id_column, columns, ukb_codes
};

/// Participants of a table of whom there is no scan.
struct WithoutScan {
  std::size_t participants = 0;  // of the table
  std::size_t count = 0;
  std::string first = {};  // of them, as the table has it
};

class Phenotypes {
 public:
  /// `path` may be empty where there are tables of sessions. Throws DataError: the table cannot be read, has no such
  /// columns, or has an identifier (of a session) twice, or a column that is asked for holds a text among numbers.
  Phenotypes(const std::filesystem::path& path, const PhenotypeSettings& settings = {});

  /// The column that holds the identifiers.
  const std::string& id_column() const { return table_.names()[id_column_]; }

  /// Finds the rows of these scans. Identifiers match with and without `sub-`, and with and without the `_20227_2_0` of
  /// a UK Biobank bulk file; then as match_loosely() says. A scan of a session takes the row of its session.
  void match(const std::vector<ScanEntry>& scans);
  bool contains(const ScanEntry& scan) const { return find(scan) != nullptr; }
  /// Why a scan has no row, with what is nearest to it.
  std::string why_missing(const ScanEntry& scan) const;
  /// "table.csv: 1, 2, 3, ...": the first identifiers of the table.
  std::string first_ids() const;
  /// After match().
  const WithoutScan& without_scan() const { return without_scan_; }

  /// Every kept column, one value for each of `scans`, which the table contains (prepare/column_values.hpp). UK
  /// Biobank's columns of instance 2 give scans of another imaging instance the value of that instance, missing where
  /// the table has none.
  std::vector<io::PhenotypeColumn> columns(const std::vector<ScanEntry>& scans) const;

  /// Notes on values that were converted, for the log of one rank; after match() also its notes.
  const std::vector<std::string>& information() const { return information_; }
  const std::vector<std::string>& warnings() const { return warnings_; }

 private:
  struct Row {
    std::size_t row;
    std::string session;  // simplified; empty: none
  };
  using Rows = std::unordered_map<std::string, std::vector<Row>>;

  void index_rows();
  void note_columns(bool asked);
  void note_instances(const std::vector<ScanEntry>& scans);
  void count_without_scan(const std::vector<ScanEntry>& scans);
  const std::vector<Row>* rows_of(const std::string& participant_id) const;
  const std::size_t* find(const ScanEntry& scan) const;  // its row, or null
  std::size_t column_for(std::size_t column, std::string_view session) const;

  static constexpr std::size_t kNone = static_cast<std::size_t>(-1);

  std::vector<std::string> information_, warnings_;
  std::size_t id_column_ = 0, kept_ = 0, session_column_ = kNone;
  io::Table table_;  // the identifier, the kept columns, then auxiliary ones
  bool keep_ukb_codes_, one_row_each_ = true, by_session_ = false;
  Rows rows_, visits_;  // by bare identifier; by that without the visit in it
  std::unordered_map<std::string, LooseId> loose_;
  std::vector<std::string> ids_;  // bare
  WithoutScan without_scan_;
};

/// The session of a scan: "baseline", "V1", UK Biobank's instance; empty where its file does not say.
std::string session_of(const ScanEntry& scan);
/// `ses-01`, `1` and `Baseline_Year_1` as they are compared.
std::string simple_session(std::string_view text);

}  // namespace brainmt::prepare
