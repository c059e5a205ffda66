#include "evaluation_report.hpp"
#include "html.hpp"

#include <algorithm>
#include <cstddef>
#include <string>

namespace redoubt::program {
namespace {

std::string padded(std::string words, std::size_t columns) {
  words.resize(std::max(words.size(), columns), ' ');
  return words;
}

std::string right(const std::string& words, std::size_t columns) {
  return std::string(columns - std::min(columns, words.size()), ' ') + words;
}

std::string accuracy(const std::string& name, const measured& value, const std::string& more) {
  return text(padded(name, 16), decimal(100 * value.value, 2), " %  (95 %: ", decimal(100 * value.low, 2), " to ",
              decimal(100 * value.high, 2), ")", more, '\n');
}

std::string stages(const evaluation_report& report) {
  std::size_t widest = 6;
  for (const attack_line& one : report.attacks) {
    widest = std::max(widest, one.name.size());
  }
  std::string table = padded("attack", widest) + "  attacked  newly fooled  robust after   seconds\n";
  for (const attack_line& one : report.attacks) {
    table += padded(one.name, widest) + right(text(one.attacked), 10) + right(text(one.fooled), 14) +
             right(decimal(100 * one.robust_accuracy, 2) + " %", 14) + right(decimal(one.seconds, 1), 10) + '\n';
  }
  return table;
}

}  // namespace

std::string evaluation_table(const evaluation_report& report) {
  std::string table = accuracy("clean accuracy", report.clean, "");
  if (report.attack != "none") {
    table += accuracy("robust accuracy", report.robust,
                      text("  under ", report.attack, ", ", report.norm, " <= ", report.eps)) +
             (report.attacks.size() > 1 ? stages(report) : "");
  }
  if (report.curve) {
    table += text("accuracy over eps, ", report.curve->attack, " on ", report.curve->samples, " samples: ");
    for (std::size_t i = 0; i < report.curve->points.size(); ++i) {
      const curve_point& point = report.curve->points[i];
      table += text(i == 0 ? "" : ", ", told_size(point.eps), ": ", decimal(100 * point.accuracy.value, 1), " %");
    }
    table += '\n';
  }
  table += text(report.n, report.n == 1 ? " sample, " : " samples, ", duration(report.seconds), '\n');
  for (const std::string& warning : report.warnings) {
    table += "warning: " + warning + '\n';
  }
  return table;
}

}  // namespace redoubt::program
