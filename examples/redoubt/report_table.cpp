#include "html.hpp"
#include "report_page.hpp"

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace redoubt::program {
namespace {

constexpr std::size_t table_columns = 80;
constexpr std::size_t name_columns = 24;
constexpr std::size_t figure_columns = 12;

std::string padded(std::string words, std::size_t columns) {
  words.resize(std::max(words.size(), columns), ' ');
  return words;
}

std::string right_aligned(const std::string& words, std::size_t columns) {
  return std::string(columns - std::min(columns, words.size()), ' ') + words;
}

std::string figure(std::optional<double> accuracy) {
  return accuracy ? decimal(*accuracy, 3) : "-";
}

std::string figure_row(const std::string& name, const std::string& standard, const std::string& hardened) {
  return padded(name, name_columns) + right_aligned(standard, figure_columns) +
         right_aligned(hardened, figure_columns) + "\n";
}

/// `words` in lines that end before the last column, each but the first below the first's beginning.
std::string wrapped(const std::string& name, const std::string& words) {
  std::string lines;
  std::string line = padded(name, name_columns);
  std::size_t begin = 0;
  bool fresh = true;
  while (begin < words.size()) {
    const std::size_t end = std::min(words.find(' ', begin), words.size());
    const std::string word = words.substr(begin, end - begin);
    if (!fresh && line.size() + 1 + word.size() > table_columns) {
      lines += line + "\n";
      line = std::string(name_columns, ' ');
      fresh = true;
    }
    line += (fresh ? "" : " ") + word;
    fresh = false;
    begin = end + 1;
  }
  return lines + line + "\n";
}

std::string place(std::optional<std::int64_t> request) {
  return request ? "request " + grouped(*request) : "-";
}

std::string since_attack(std::optional<std::int64_t> request, const detection_figures& seen) {
  const bool known = request && seen.attack_began_at && *request >= *seen.attack_began_at;
  return known ? ", +" + grouped(*request - *seen.attack_began_at) : "";
}

std::string detection_rows(const loop_report& report) {
  const detection_figures& seen = report.detection;
  const std::string labels =
      seen.labels_seen ? " (labels of attacked requests: " + grouped(*seen.labels_seen) + ")" : "";
  return wrapped("attack began", place(seen.attack_began_at)) +
         wrapped("flagged", place(seen.flagged_at) + since_attack(seen.flagged_at, seen) + labels) +
         wrapped("flagged, no labels",
                 place(seen.flagged_without_labels_at) + since_attack(seen.flagged_without_labels_at, seen)) +
         wrapped("false alarms before", grouped(seen.false_alarms));
}

std::string replay_row(const loop_report& report) {
  if (!report.replayed) {
    return {};
  }
  return wrapped("clean, replayed", grouped(report.replayed->requests) + " requests: false alarms " +
                                        grouped(report.replayed->acting_alarms) + ", without labels " +
                                        grouped(report.replayed->label_free_alarms));
}

std::string gate_rows(const loop_report& report) {
  if (!report.gate) {
    return wrapped("gate", "-");
  }
  std::string rows = wrapped("gate", report.gate->promote ? "promoted" : "refused");
  for (const std::string& reason : report.gate->reasons) {
    rows += wrapped("", "- " + reason);
  }
  return rows;
}

std::string seconds_row(const loop_report& report) {
  double total = 0;
  std::string parts;
  for (const auto& [name, seconds] : report.seconds) {
    total += seconds;
    parts += (parts.empty() ? "" : ", ") + name + " " + decimal(seconds, 1);
  }
  return wrapped("seconds", decimal(total, 1) + (parts.empty() ? "" : " (" + parts + ")"));
}

}  // namespace

std::string report_table(const loop_report& report) {
  const std::string rule = std::string(name_columns + 2 * figure_columns, '-') + "\n";
  std::string table = figure_row("accuracy, test set", "standard", "hardened") + rule;
  const auto add = [&](const std::string& name, std::optional<double> standard, std::optional<double> hardened) {
    table += figure_row(name, figure(standard), figure(hardened));
  };
  add("clean", report.standard.clean, report.hardened.clean);
  add("FGSM", report.standard.fgsm, report.hardened.fgsm);
  add(report.pgd_name, report.standard.pgd, report.hardened.pgd);
  if (report.standard.auto_attack || report.hardened.auto_attack) {
    add("AutoAttack", report.standard.auto_attack, report.hardened.auto_attack);
  }
  return table + rule + detection_rows(report) + replay_row(report) + gate_rows(report) +
         wrapped("hardened model serves",
                 place(report.deployed_at) + since_attack(report.deployed_at, report.detection)) +
         wrapped("recovered", "white-box " + figure(report.recovered_white_box) + ", replayed " +
                                  figure(report.recovered_replayed)) +
         wrapped("requests", grouped(report.requests) + ", dropped " + grouped(report.dropped_requests)) +
         seconds_row(report);
}

}  // namespace redoubt::program
