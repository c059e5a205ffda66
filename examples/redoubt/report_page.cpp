#include "report_page.hpp"

#include "chart.hpp"
#include "html.hpp"
#include "page.hpp"
#include "page_style.hpp"
#include "png.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace redoubt::program {
namespace {

/// From the beginning of the attack to `position`, in requests of the attack that had been served.
std::optional<std::int64_t> delay(std::optional<std::int64_t> position, const loop_report& report) {
  const auto began = report.detection.attack_began_at;
  return began && position && *position >= *began ? std::optional(*position - *began) : std::nullopt;
}

// ---- what happened

std::string headline(const loop_report& report) {
  const std::string fall = "Accuracy fell to " + percent(report.standard.fgsm) + " under attack";
  if (!report.detection.attack_began_at) {
    return "No attack began";
  }
  if (report.deployed_at) {
    return fall + " and came back to " + percent(report.recovered_white_box) + " by itself";
  }
  if (report.gate && !report.gate->promote) {
    return fall + "; the gate refused the retrained model";
  }
  return report.detection.flagged_at ? fall + " and was noticed" : fall + " and went unnoticed";
}

std::string told_detection(const loop_report& report) {
  const detection_figures& seen = report.detection;
  if (!seen.flagged_at) {
    return "The alarm that acts did not fire. ";
  }
  const auto acted = delay(seen.flagged_at, report);
  std::string told = "The alarm fired " + (acted ? plural(*acted, "request") + " later" : "before it");
  told += seen.labels_seen ? ", when " + plural(*seen.labels_seen, "label") + " of attacked requests had arrived" : "";
  if (const auto early = delay(seen.flagged_without_labels_at, report)) {
    told += "; without any label the attack was seen after " + plural(*early, "request");
  }
  return told + ". In the clean requests before, " +
         (seen.false_alarms == 0 ? "neither alarm fired" : "there were " + plural(seen.false_alarms, "false alarm")) +
         ". ";
}

std::string told_recovery(const loop_report& report) {
  std::string told;
  if (report.training_began_at) {
    told += "Adversarial training ran while requests went on. ";
  }
  if (report.deployed_at) {
    told += "The hardened model passed the gate and served from request " + grouped(report.deployed_at) +
            "; against it the same attacker reaches " + percent(report.recovered_white_box) +
            " accuracy, and a replay of the old attack " + percent(report.recovered_replayed) + ". ";
  } else if (report.gate && !report.gate->promote) {
    told += "The gate refused the retrained model, so the standard model still serves. ";
  }
  return told + (report.dropped_requests == 0 ? "No request was dropped."
                                              : plural(report.dropped_requests, "request") + " were dropped.");
}

std::string summary(const loop_report& report) {
  std::string told = "A model that is right on " + percent(report.standard.clean) + " of " + escaped(report.data_set) +
                     "'s test pictures served " + plural(report.requests, "request") + ". ";
  if (report.detection.attack_began_at) {
    told += "From request " + grouped(report.detection.attack_began_at) +
            " on each was attacked with FGSM (no pixel moved by more than " + text(report.eps) + "), which leaves it " +
            percent(report.standard.fgsm) + " of them. " + told_detection(report);
  }
  return "<p class=\"lead\">" + told + told_recovery(report) + "</p>\n";
}

std::string tiles(const loop_report& report) {
  const detection_figures& seen = report.detection;
  const auto early = delay(seen.flagged_without_labels_at, report);
  return "<dl class=\"tiles\">" + figure_tile(percent(report.standard.fgsm), "standard model under FGSM", "attack") +
         figure_tile(early ? plural(*early, "request") : dash, "until seen without labels", "") +
         figure_tile(seen.labels_seen ? plural(*seen.labels_seen, "label") : dash, "until the alarm that acts", "") +
         figure_tile(percent(report.recovered_white_box), "hardened model, attacked the same way", "recovery") +
         figure_tile(grouped(report.dropped_requests), "requests dropped", "") + "</dl>\n";
}

// ---- the chart

std::string legend_entry(std::string_view css, std::string_view words) {
  return text("<li class=\"", css, "\">", words, "</li>");
}

std::string charts(const loop_report& report, std::string (*chart)(const loop_report&, int), int wide) {
  return at_both_widths(chart(report, 360), chart(report, wide));
}

std::string accuracy_section(const loop_report& report) {
  std::string legend = "<ul class=\"legend\">" + legend_entry("fired", "a detector fired");
  if (report.training_began_at) {
    legend += legend_entry("band", "adversarial training, while requests go on");
  }
  legend += "</ul>";
  const std::string caption =
      text("<figcaption>Share of right answers among the last ", grouped(report.window), " requests. Labels arrive ",
           plural(report.label_delay, "request"), " after the prediction.</figcaption>");
  const auto [clean, attacked, recovered, replayed] = usual_accuracies(report);
  std::string finding;
  if (clean) {
    finding = "The usual accuracy in the stream is " + percent(clean) + " before the attack";
    finding += attacked ? ", " + percent(attacked) + " under it" : "";
    finding += recovered ? " and " + percent(recovered) + " once the hardened model serves, attacked as before" : "";
    finding += replayed ? "; under a replay of the old attack it is " + percent(replayed) : "";
    finding += ".";
  }
  return section("Accuracy over requests", finding,
                 "<figure>" + charts(report, accuracy_chart, 980) + legend + caption + "</figure>");
}

// ---- standard against hardened

/// A difference in percentage points, with its sign.
std::string points(double difference) {
  return (difference < 0 ? "−" : "+") + decimal(std::abs(difference) * 100, 1);
}

std::string table_row(const std::string& name, std::optional<double> standard, std::optional<double> hardened) {
  const std::string change = standard && hardened ? points(*hardened - *standard) : dash;
  const bool worse = standard && hardened && *hardened < *standard;
  return text("<tr><th scope=\"row\">", name, "</th><td>", percent(standard), "</td><td>", percent(hardened),
              "</td><td class=\"", worse ? "attack" : "recovery", "\">", change, "</td></tr>");
}

std::string told_interval(const measured& value) {
  return text(percent(value.value), " <span class=\"quiet\">[", percent(value.low), ", ", percent(value.high),
              "]</span>");
}

std::string gate_block(const loop_report& report) {
  if (!report.gate) {
    return "<p class=\"gate\"><strong>The gate</strong> was not reached.</p>";
  }
  const gate_figures& gate = *report.gate;
  std::string reasons;
  for (const std::string& reason : gate.reasons) {
    reasons += "<li>" + escaped(reason) + "</li>";
  }
  const auto row = [](std::string_view name, const measured& before, const measured& after) {
    return text("<tr><th scope=\"row\">", name, "</th><td>", told_interval(before), "</td><td>", told_interval(after),
                "</td></tr>");
  };
  return text("<div class=\"gate\"><h3>The gate: <span class=\"", gate.promote ? "recovery" : "attack", "\">",
              gate.promote ? "promoted" : "refused", "</span></h3><ul>", reasons,
              "</ul><div class=\"scroll\"><table class=\"figures\"><thead><tr><th scope=\"col\">held-out data</th><th "
              "scope=\"col\">standard</th>"
              "<th scope=\"col\">hardened</th></tr></thead><tbody>",
              row("clean", gate.baseline.clean, gate.candidate.clean),
              row("robust", gate.baseline.robust, gate.candidate.robust),
              "</tbody></table></div><p class=\"quiet\">95% confidence intervals.</p></div>");
}

std::string models_section(const loop_report& report) {
  std::string rows = table_row("clean", report.standard.clean, report.hardened.clean) +
                     table_row("FGSM", report.standard.fgsm, report.hardened.fgsm) +
                     table_row(escaped(report.pgd_name), report.standard.pgd, report.hardened.pgd);
  if (report.standard.auto_attack || report.hardened.auto_attack) {
    rows += table_row("AutoAttack", report.standard.auto_attack, report.hardened.auto_attack);
  }
  std::string finding;
  if (report.standard.clean && report.hardened.clean && report.standard.pgd && report.hardened.pgd) {
    finding = text("Hardening changes accuracy under ", escaped(report.pgd_name), " by ",
                   points(*report.hardened.pgd - *report.standard.pgd), " points and on clean pictures by ",
                   points(*report.hardened.clean - *report.standard.clean), " points.");
  }
  return section("Standard and hardened", finding,
                 "<div class=\"scroll\"><table class=\"figures\"><thead><tr><th scope=\"col\">accuracy, whole test "
                 "set</th><th scope=\"col\">standard</th>"
                 "<th scope=\"col\">hardened</th><th scope=\"col\">points</th></tr></thead><tbody>" +
                     rows + "</tbody></table></div>" + gate_block(report));
}

// ---- detectors

std::string delay_bar(std::optional<std::int64_t> after, std::int64_t longest) {
  if (!after) {
    return {};
  }
  const double share = 100.0 * static_cast<double>(*after) / static_cast<double>(std::max<std::int64_t>(longest, 1));
  return text("<span class=\"track\"><span style=\"width:", decimal(share, 1), "%\"></span></span>");
}

std::string detector_row(const detector_figures& detector, const loop_report& report, std::int64_t longest) {
  const auto after = delay(detector.position, report);
  const std::string fired = after ? "+" + grouped(*after) : detector.position ? grouped(detector.position) : "never";
  const std::string labels = detector.kind == evidence::labelled ? grouped(detector.labels_seen) : "none needed";
  return text("<tr", detector.acts ? " class=\"acts\"" : "", "><th scope=\"row\">", escaped(detector.name),
              detector.acts ? " <span class=\"chip\">acts</span>" : "", "<span class=\"kind\">",
              kind_name(detector.kind), "</span></th><td data-label=\"fired after\"><span class=\"after\">", fired,
              "</span>", delay_bar(after, longest), "</td><td data-label=\"labels seen\">", labels,
              "</td><td data-label=\"false alarms\">", grouped(detector.false_alarms),
              "</td><td class=\"note\" data-label=\"what it watches\">", escaped(detector.note), "</td></tr>");
}

std::string told_replay(const loop_report& report) {
  if (!report.replayed) {
    return {};
  }
  const replayed_clean& clean = *report.replayed;
  const auto one_in = [](double run_length) { return "one in " + grouped(std::llround(run_length)) + " requests"; };
  return text("<p class=\"quiet\">Over ", grouped(clean.requests),
              " clean requests, drawn again and again from the test set, the alarm that acts fired ",
              plural(clean.acting_alarms, "time"), " (guaranteed: at most ", one_in(clean.acting_run_length),
              " on average) and the label-free one ", plural(clean.label_free_alarms, "time"), " (calibrated to ",
              one_in(clean.label_free_run_length), ").</p>");
}

std::string detectors_section(const loop_report& report) {
  const std::vector<detector_figures>& all = report.detection.detectors;
  if (all.empty()) {
    return {};
  }
  std::int64_t longest = 0;
  std::int64_t fired = 0;
  for (const detector_figures& detector : all) {
    longest = std::max(longest, delay(detector.position, report).value_or(0));
    fired += detector.position ? 1 : 0;
  }
  std::string rows;
  for (const detector_figures& detector : all) {
    rows += detector_row(detector, report, longest);
  }
  const std::string finding = text(grouped(fired), " of ", grouped(static_cast<std::int64_t>(all.size())),
                                   " detectors fired. Only one acts; the others ran beside it on the same stream.");
  return section(
      "Detectors side by side", finding,
      "<table class=\"detectors\"><thead><tr><th scope=\"col\">detector</th><th scope=\"col\">fired after</th>"
      "<th scope=\"col\">labels seen</th><th scope=\"col\">false alarms</th><th scope=\"col\">what it "
      "watches, what it guarantees</th></tr></thead><tbody>" +
          rows +
          "</tbody></table><p class=\"quiet\">Requests since the attack began. False alarms: in the "
          "clean requests before it.</p>" +
          told_replay(report));
}

// ---- pictures

std::string class_name(int index, const loop_report& report) {
  const bool known = index >= 0 && static_cast<std::size_t>(index) < report.class_names.size();
  return known ? escaped(report.class_names[static_cast<std::size_t>(index)]) : text("class ", index);
}

std::string verdict(std::string_view who, int prediction, const image_row& row, const loop_report& report) {
  const bool right = prediction == row.label;
  return text("<li><span class=\"quiet\">", who, "</span> <span class=\"", right ? "recovery" : "attack", "\">",
              right ? "✓ " : "✗ ", class_name(prediction, report), "</span></li>");
}

std::string image_card(const image_row& row, const loop_report& report) {
  return text("<article><h3>", class_name(row.label, report), "</h3><div class=\"pictures\">",
              shown(row.clean, colouring::grey, "clean"), shown(row.perturbation, colouring::diverging, "perturbation"),
              shown(row.adversarial, colouring::grey, "adversarial"), "</div><ul>",
              verdict("standard, clean:", row.clean_prediction, row, report),
              verdict("standard, adversarial:", row.attacked_prediction, row, report),
              verdict("hardened, adversarial:", row.hardened_prediction, row, report), "</ul></article>");
}

std::string images_section(const loop_report& report) {
  if (report.images.empty()) {
    return {};
  }
  std::string cards;
  std::int64_t saved = 0;
  for (const image_row& row : report.images) {
    cards += image_card(row, report);
    saved += row.attacked_prediction != row.label && row.hardened_prediction == row.label ? 1 : 0;
  }
  const std::string finding = text("Of these ", plural(static_cast<std::int64_t>(report.images.size()), "picture"),
                                   ", ", grouped(saved), " fool the standard model and not the hardened one.");
  const std::string key =
      text("<p class=\"quiet\">Perturbation: blue is darker, orange is lighter; full colour is a change of ",
           text(report.eps), " on a scale from 0 to 1.</p>");
  return section("What the models saw", finding, "<div class=\"cards\">" + cards + "</div>" + key);
}

// ---- how it was made

std::string seconds_list(const loop_report& report) {
  double total = 0;
  std::string rows;
  for (const auto& [name, seconds] : report.seconds) {
    total += seconds;
    rows += text("<tr><th scope=\"row\">", escaped(name), "</th><td>", duration(seconds), "</td></tr>");
  }
  return rows.empty() ? rows
                      : text("<div class=\"scroll\"><table class=\"figures\"><tbody>", rows,
                             "<tr class=\"total\"><th scope=\"row\">together</th><td>", duration(total),
                             "</td></tr></tbody></table></div>");
}

std::string facts(const loop_report& report) {
  std::string list = text("<dl class=\"facts\"><dt>command</dt><dd><code>", escaped(report.command),
                          "</code></dd><dt>seed</dt><dd>", report.seed, "</dd>");
  for (const auto& [name, value] : report.versions) {
    list += text("<dt>", escaped(name), "</dt><dd>", escaped(value), "</dd>");
  }
  return list + "</dl>";
}

std::string making_section(const loop_report& report) {
  const std::string curve = report.training.empty()
                                ? ""
                                : "<figure>" + charts(report, training_chart, 620) +
                                      "<figcaption>Held-out accuracy of the model in training.</figcaption></figure>";
  return section(
      "How it was made", "The same seed, threads and processor repeat the run.",
      "<div class=\"made\"><div>" + curve + "</div><div>" + seconds_list(report) + "</div></div>" + facts(report));
}

}  // namespace

std::string report_page(const loop_report& report) {
  const std::string title = headline(report);
  return page(title, text("<header><p class=\"eyebrow\">redoubt loop · ", escaped(report.data_set), " · seed ",
                          report.seed, "</p><h1>", title, "</h1>", summary(report), tiles(report), "</header>\n") +
                         accuracy_section(report) + models_section(report) + detectors_section(report) +
                         images_section(report) + making_section(report));
}

std::string accuracy_picture(const loop_report& report) {
  const std::string chart = accuracy_chart(report, 980);
  constexpr std::string_view opening = "<svg ";
  const std::size_t inside = chart.find('>') + 1;
  return text("<svg xmlns=\"http://www.w3.org/2000/svg\" ", chart.substr(opening.size(), inside - opening.size()),
              "<style>", page_style,
              "svg { font-family: system-ui, sans-serif; }</style>"
              "<rect width=\"100%\" height=\"100%\" style=\"fill: var(--page)\"/>",
              chart.substr(inside), '\n');
}

}  // namespace redoubt::program
