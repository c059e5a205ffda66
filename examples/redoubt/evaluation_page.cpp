#include "evaluation_report.hpp"
#include "html.hpp"
#include "page.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdio>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace redoubt::program {
namespace {

bool attacked(const evaluation_report& report) {
  return report.attack != "none";
}

std::string told_attack(const evaluation_report& report) {
  std::string names;
  for (const char letter : report.attack) {
    names += letter;
    names += letter == ',' ? " " : "";
  }
  return text(escaped(names), ", ", escaped(report.norm), " ≤ ", told_size(report.eps));
}

std::string told_interval(const measured& value) {
  return text(decimal(value.low * 100, 1), " to ", percent(value.high));
}

double share(std::int64_t part, std::int64_t whole) {
  return whole > 0 ? static_cast<double>(part) / static_cast<double>(whole) : 0;
}

std::string file_name(const std::string& path) {
  const std::filesystem::path whole{path};
  return escaped((whole.has_filename() ? whole : whole.parent_path()).filename().string());
}

// ---- what came out

std::string headline(const evaluation_report& report) {
  if (!attacked(report)) {
    return "Accuracy " + percent(report.clean.value) + ", not attacked";
  }
  return text("Robust accuracy ", percent(report.robust.value), " under ", told_attack(report));
}

std::string summary(const evaluation_report& report) {
  std::string told =
      text("<p class=\"lead\">The model ", file_name(report.model), " is right on ", percent(report.clean.value),
           " of ", plural(report.n, "image"), " as they are (95% confidence: ", told_interval(report.clean), ")");
  if (attacked(report)) {
    told += text(", and on ", percent(report.robust.value), " under attack (", told_interval(report.robust),
                 "). Images that are wrong as they are count as not robust; every adversarial example was classified "
                 "anew");
  }
  return told + ".</p>\n";
}

std::string tiles(const evaluation_report& report) {
  std::string all = "<dl class=\"tiles\">" + figure_tile(percent(report.clean.value), "right as they are", "recovery");
  if (attacked(report)) {
    const auto fooled = std::llround((report.clean.value - report.robust.value) * static_cast<double>(report.n));
    all += figure_tile(percent(report.robust.value), "right under attack too", "attack") +
           figure_tile(grouped(static_cast<std::int64_t>(fooled)), "images fooled", "");
  }
  return all + figure_tile(grouped(report.n), "images", "") + figure_tile(duration(report.seconds), "to measure", "") +
         "</dl>\n";
}

std::string warnings_section(const evaluation_report& report) {
  if (report.warnings.empty()) {
    return {};
  }
  std::string list;
  for (const std::string& warning : report.warnings) {
    list += "<li>" + escaped(warning) + "</li>";
  }
  return text("<section class=\"warnings\"><h2>Before you believe the number</h2><ul>", list, "</ul></section>\n");
}

// ---- attack by attack, class by class

std::string bar(double clean, double robust) {
  return text("<span class=\"track pair\"><span class=\"clean\" style=\"width:", decimal(clean * 100, 1),
              "%\"></span><span style=\"width:", decimal(robust * 100, 1), "%\"></span></span>");
}

std::string attacks_section(const evaluation_report& report) {
  if (report.attacks.empty() || !attacked(report)) {
    return {};
  }
  std::string rows = text("<tr><th scope=\"row\" class=\"quiet\">as they are</th><td>", grouped(report.n),
                          "</td><td></td><td>", percent(report.clean.value), "</td><td></td></tr>");
  for (const attack_line& one : report.attacks) {
    rows += text("<tr><th scope=\"row\">", escaped(one.name), "</th><td>", grouped(one.attacked), "</td><td>",
                 grouped(one.fooled), "</td><td>", percent(one.robust_accuracy),
                 bar(report.clean.value, one.robust_accuracy), "</td><td>", duration(one.seconds), "</td></tr>");
  }
  const std::string finding =
      report.attacks.size() > 1 ? "Each attack is given the images that none before it has fooled." : "";
  return section("Attack by attack", finding,
                 "<div class=\"scroll\"><table class=\"figures\"><thead><tr><th scope=\"col\">attack</th><th "
                 "scope=\"col\">images</th><th scope=\"col\">newly fooled</th><th scope=\"col\">robust accuracy after "
                 "it</th><th scope=\"col\">time</th></tr></thead><tbody>" +
                     rows + "</tbody></table></div>");
}

std::string class_row(const class_line& one, bool under_attack) {
  const double clean = share(one.clean, one.n);
  const double robust = share(one.robust, one.n);
  return text(
      "<tr><th scope=\"row\">", one.label, "</th><td>", grouped(one.n), "</td><td>", percent(clean), "</td>",
      under_attack ? text("<td>", percent(robust), "</td><td class=\"lane\">", bar(clean, robust), "</td>") : "",
      "</tr>");
}

std::string classes_section(const evaluation_report& report) {
  constexpr std::size_t most_rows = 30;
  std::vector<class_line> seen = report.classes;
  std::erase_if(seen, [](const class_line& one) { return one.n == 0; });
  if (seen.empty()) {
    return {};
  }
  const auto robust = [](const class_line& one) { return share(one.robust, one.n); };
  const auto [worst, best] = std::minmax_element(
      seen.begin(), seen.end(), [&](const class_line& a, const class_line& b) { return robust(a) < robust(b); });
  std::string finding =
      text("From ", percent(robust(*worst)), " in class ", worst->label, " to ", percent(robust(*best)), " in class ",
           best->label, attacked(report) ? ", under attack." : ".");
  if (seen.size() > most_rows) {
    std::stable_sort(seen.begin(), seen.end(),
                     [&](const class_line& a, const class_line& b) { return robust(a) < robust(b); });
    finding += text(" Shown are the worst ", most_rows, " of ", grouped(static_cast<std::int64_t>(seen.size())),
                    "; report.json has them all.");
    seen.resize(most_rows);
  }
  std::string rows;
  for (const class_line& one : seen) {
    rows += class_row(one, attacked(report));
  }
  return section(
      "Class by class", finding,
      text("<div class=\"scroll\"><table class=\"figures classes\"><thead><tr><th scope=\"col\">class</th><th "
           "scope=\"col\">images</th><th scope=\"col\">clean</th>",
           attacked(report) ? "<th scope=\"col\">robust</th><th></th>" : "", "</tr></thead><tbody>", rows,
           "</tbody></table></div>"));
}

// ---- the curve

std::string curve_section(const evaluation_report& report) {
  if (!report.curve || report.curve->points.empty()) {
    return {};
  }
  const security_curve& curve = *report.curve;
  const curve_point& last = curve.points.back();
  const std::string finding =
      text("As the perturbation grows to ", told_size(last.eps), ", accuracy falls to ", percent(last.accuracy.value),
           last.accuracy.value > 0.5 ? ": larger ones were not tried." : ".");
  const std::string caption =
      text("<figcaption>Line: accuracy under ", escaped(curve.attack), ", a cheaper attack, on ",
           plural(curve.samples, "image"),
           " spread evenly over all, with 95% confidence intervals; an image that a smaller "
           "perturbation fooled counts as fooled by larger ones. Dot: the whole evaluation above.</figcaption>");
  return section(
      "Accuracy over the size of the perturbation", finding,
      "<figure>" + at_both_widths(security_chart(report, 360), security_chart(report, 980)) + caption + "</figure>");
}

// ---- pictures

std::string confidence(double probability) {
  return decimal(std::floor(probability * 100), 0) + "%";
}

std::string image_card(const attacked_image& one, const evaluation_report& report) {
  const bool fooled = one.prediction != one.label;
  std::string seen = text("<li><span class=\"quiet\">as it is:</span> <span class=\"recovery\">✓ class ", one.label,
                          "</span> ", confidence(one.clean_confidence), "</li>");
  seen += text("<li><span class=\"quiet\">attacked:</span> <span class=\"", fooled ? "attack\">✗" : "recovery\">✓",
               " class ", one.prediction, "</span> ", confidence(one.confidence),
               fooled ? text(", class ", one.label, " ", confidence(one.label_confidence)) : "", "</li>");
  seen += text("<li class=\"quiet\">", one.attack.empty() ? "" : escaped(one.attack) + ", ", escaped(report.norm), " ",
               decimal(one.length, one.length < 10 ? 3 : 1), "</li>");
  return text("<article><h3>Class ", one.label, " <span class=\"quiet\">image ", grouped(one.row),
              "</span></h3><div class=\"pictures\">", shown(one.clean, colouring::grey, "clean"),
              shown(one.perturbation, colouring::diverging, "perturbation"),
              shown(one.adversarial, colouring::grey, "adversarial"), "</div><ul>", seen, "</ul></article>");
}

std::string cards(const std::vector<attacked_image>& images, const evaluation_report& report) {
  std::string all;
  for (const attacked_image& one : images) {
    all += image_card(one, report);
  }
  return "<div class=\"cards\">" + all + "</div>";
}

std::string images_section(const evaluation_report& report) {
  std::string body;
  if (!report.fooled.empty()) {
    body += "<h3 class=\"group\">Fooled, one a class: where the model is surest of its wrong answer</h3>" +
            cards(report.fooled, report);
  }
  if (!report.withstood.empty()) {
    body += "<h3 class=\"group\">Right under every attack, but only just</h3>" + cards(report.withstood, report);
  }
  if (body.empty()) {
    return {};
  }
  const bool coloured = (report.fooled.empty() ? report.withstood : report.fooled).front().perturbation.channels == 3;
  const std::string scale =
      report.norm == "linf" ? text("a change of ", told_size(report.eps)) : "the largest change in that picture";
  const std::string key = text(
      "<p class=\"quiet key\">Perturbation: ",
      coloured ? "mid grey is no change; a full channel is " : "blue is darker, orange is lighter; full colour is ",
      scale, ". Percentages are the model's own probabilities.</p>");
  return section("The most telling images", "", body + key);
}

// ---- how it was made

std::string fact(std::string_view name, const std::string& value) {
  return text("<dt>", escaped(name), "</dt><dd>", value, "</dd>");
}

std::string making_section(const evaluation_report& report) {
  std::string facts = "<dl class=\"facts\">" + fact("model", escaped(report.model)) +
                      fact("images", escaped(report.images)) + fact("labels", escaped(report.labels)) +
                      fact("command", "<code>" + escaped(report.command) + "</code>") + fact("seed", text(report.seed));
  for (const auto& [name, value] : report.options) {
    facts += fact(name, escaped(value));
  }
  for (const auto& [name, value] : report.versions) {
    facts += fact(name, escaped(value));
  }
  return section("How it was made", "The same seed repeats every random draw, whatever the batch or the machine.",
                 facts + "</dl>");
}

}  // namespace

std::string told_size(double eps) {
  char buffer[32];
  std::snprintf(buffer, sizeof buffer, "%.3g", eps);
  const double quotient = eps * 255;
  if (std::abs(std::stod(buffer) - eps) > 1e-9 * eps && std::abs(quotient - std::round(quotient)) < 1e-6) {
    return text(std::llround(quotient), "/255");
  }
  std::snprintf(buffer, sizeof buffer, "%.6g", eps);
  return buffer;
}

std::string evaluation_page(const evaluation_report& report) {
  const std::string title = headline(report);
  return page(
      title, text("<header><p class=\"eyebrow\">redoubt evaluate · ", file_name(report.model), " · ",
                  file_name(report.images), "</p><h1>", title, "</h1>", summary(report), tiles(report), "</header>\n") +
                 warnings_section(report) + attacks_section(report) + curve_section(report) + classes_section(report) +
                 images_section(report) + making_section(report));
}

}  // namespace redoubt::program
