#pragma once

#include <string_view>

namespace redoubt::program {

/// The report page's style sheet. Two colours carry meaning, always beside words or marks: attack and recovery.
inline constexpr std::string_view page_style = R"css(
:root {
  --page: #fdfdfc; --ink: #1c1e21; --quiet: #5b6169; --rule: #e2e3e0; --panel: #f4f4f1;
  --attack: #b8410f; --recovery: #0b6e69; --band: #0b6e6914;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #15171a; --ink: #e6e7e8; --quiet: #9ba2ab; --rule: #2d3137; --panel: #1c1f23;
    --attack: #ff9461; --recovery: #55cfc6; --band: #55cfc61c;
  }
}
* { box-sizing: border-box; margin: 0; }
body {
  background: var(--page); color: var(--ink);
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif;
}
main { max-width: 1020px; margin: 0 auto; padding: 56px 20px 72px; }
h1 { font-size: clamp(1.6rem, 1.1rem + 2vw, 2.4rem); line-height: 1.18; letter-spacing: -.015em; font-weight: 650;
  max-width: 26ch; text-wrap: balance; }
h2 { font-size: 1.2rem; font-weight: 650; letter-spacing: -.005em; }
h3 { font-size: 1rem; font-weight: 600; }
section { margin-top: 56px; padding-top: 20px; border-top: 1px solid var(--rule); }
.eyebrow, .quiet, figcaption, .kind { color: var(--quiet); font-size: .84rem; }
.eyebrow { margin-bottom: 10px; }
.lead { margin-top: 16px; max-width: 72ch; }
.finding { max-width: 72ch; margin: 4px 0 20px; color: var(--quiet); text-wrap: pretty; }
.attack { color: var(--attack); }
.recovery { color: var(--recovery); }
.scroll { overflow-x: auto; }

.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); gap: 20px; margin-top: 28px; }
.tile { display: flex; flex-direction: column-reverse; justify-content: flex-end; border-top: 2px solid var(--rule);
  padding-top: 10px; color: var(--ink); }
.tile dd { font-size: 1.45rem; font-weight: 600; line-height: 1.2; font-variant-numeric: tabular-nums; }
.tile dt { color: var(--quiet); font-size: .84rem; line-height: 1.35; margin-top: 2px; }
.tile.attack { border-color: var(--attack); }
.tile.attack dd { color: var(--attack); }
.tile.recovery { border-color: var(--recovery); }
.tile.recovery dd { color: var(--recovery); }

svg { display: block; width: 100%; height: auto; overflow: visible; font-size: 12px; }
.narrow { display: none; }
@media (max-width: 620px) { .narrow { display: block; } .wide { display: none; } main { padding-top: 32px; }
  .gate td .quiet { display: block; } }
.grid { stroke: var(--rule); }
.axis { stroke: var(--quiet); }
.tick, .told, .phase { fill: var(--quiet); }
.told, .phase { stroke: var(--page); stroke-width: 4px; paint-order: stroke; stroke-linejoin: round; }
.told { fill: var(--ink); }
.end { text-anchor: end; }
.middle, .phase { text-anchor: middle; }
.phase { font-size: 19px; font-weight: 600; }
text.before { fill: var(--ink); }
text.attack { fill: var(--attack); }
text.recovery { fill: var(--recovery); }
.line { fill: none; stroke-width: 1.75; stroke-linejoin: round; }
.line.before { stroke: var(--ink); }
.line.attack { stroke: var(--attack); }
.line.recovery { stroke: var(--recovery); }
.dot.before { fill: var(--ink); }
.dot.recovery { fill: var(--recovery); }
.dot.attack { fill: var(--attack); stroke: var(--page); stroke-width: 1.5; }
.doubt { fill: var(--ink); opacity: .1; }
.event { stroke-width: 1; stroke: var(--quiet); }
.event.attack { stroke: var(--attack); }
.event.recovery { stroke: var(--recovery); }
.event.alarm { stroke-dasharray: 2 3; }
path.fired { fill: var(--ink); }
.band { fill: var(--band); }
.legend { list-style: none; padding: 0; display: flex; flex-wrap: wrap; gap: 2px 22px; margin: 6px 0 2px;
  font-size: .84rem; color: var(--quiet); }
.legend li::before { content: ""; display: inline-block; margin-right: 7px; }
.legend .fired { color: var(--quiet); }
.legend .fired::before { border: 4px solid transparent; border-top: 7px solid var(--ink); border-bottom: 0; }
.legend .band::before { width: 18px; height: 11px; background: var(--band); border: 1px solid var(--rule); }

table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th { text-align: left; font-weight: 500; }
thead th { color: var(--quiet); font-size: .84rem; font-weight: 400; vertical-align: bottom; }
th, td { padding: 8px 14px 8px 0; border-bottom: 1px solid var(--rule); vertical-align: top; }
th:last-child, td:last-child { padding-right: 0; }
.figures { max-width: 620px; }
.figures td, .figures thead th:not(:first-child) { text-align: right; white-space: nowrap; }
.total th, .total td { border-bottom: 0; font-weight: 600; }
.gate { margin-top: 32px; max-width: 68ch; }
.gate ul { padding-left: 1.1em; margin: 6px 0 12px; }
.scroll + .quiet, .detectors ~ .quiet { max-width: 72ch; margin-top: 8px; }

.detectors .kind { display: block; font-weight: 400; }
.detectors td { font-size: .94rem; }
.detectors .note { color: var(--quiet); max-width: 44ch; }
.detectors .acts th { box-shadow: inset 3px 0 var(--recovery); padding-left: 12px; }
.chip { font-size: .74rem; font-weight: 600; color: var(--recovery); border: 1px solid currentColor; border-radius: 9px;
  padding: 0 7px; margin-left: 4px; }
.track { display: block; width: 110px; height: 4px; margin-top: 6px; background: var(--panel); border-radius: 2px; }
.track span { display: block; height: 100%; min-width: 3px; background: var(--ink); border-radius: 2px; }
.pair { position: relative; width: 100%; min-width: 90px; margin-left: auto; }
.pair span { position: absolute; left: 0; top: 0; }
.pair .clean { background: var(--quiet); opacity: .4; }
.figures .lane { width: 40%; vertical-align: middle; }
.lane .pair { margin-top: 0; }
@media (max-width: 760px) {
  .detectors thead { display: none; }
  .detectors tr { display: block; padding: 12px 0; border-bottom: 1px solid var(--rule); }
  .detectors th, .detectors td { display: block; border: 0; padding: 1px 0; max-width: none; }
  .detectors td::before { content: attr(data-label) " "; color: var(--quiet); display: inline-block; min-width: 9em; }
  .detectors td.note::before { content: none; }
  .track { width: 100%; margin: 4px 0; }
}

.cards { display: grid; grid-template-columns: repeat(auto-fill, minmax(280px, 1fr)); gap: 26px 28px; }
.pictures { display: grid; grid-template-columns: repeat(3, 1fr); gap: 10px; margin: 6px 0 8px; }
.pictures img { display: block; width: 100%; height: auto; image-rendering: pixelated; border: 1px solid var(--rule); }
.cards ul { list-style: none; padding: 0; font-size: .9rem; line-height: 1.5; }
.cards + .quiet { margin-top: 18px; }
.group { margin: 26px 0 12px; color: var(--quiet); font-weight: 500; }
.cards h3 .quiet { font-weight: 400; margin-left: 4px; }

.warnings { border-top: 2px solid var(--attack); }
.warnings h2 { color: var(--attack); }
.warnings ul { padding-left: 1.1em; margin-top: 8px; max-width: 72ch; }
.warnings li + li { margin-top: 8px; }
figcaption { max-width: 80ch; }

.made { display: grid; grid-template-columns: minmax(0, 3fr) minmax(0, 2fr); gap: 40px; align-items: start; }
@media (max-width: 760px) { .made { grid-template-columns: minmax(0, 1fr); gap: 24px; } }
.facts { display: grid; grid-template-columns: max-content minmax(0, 1fr); gap: 4px 20px; margin-top: 24px;
  font-size: .9rem; }
.facts dt { color: var(--quiet); }
.facts dd, code { overflow-wrap: anywhere; }
code { font: .95em ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; }
@media print { section { break-inside: avoid; } }
)css";

}  // namespace redoubt::program
