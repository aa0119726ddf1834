// The events, and the decisions of the placement.

import { h, panel, say, segments, tag } from "../dom.js";
import { table } from "../table.js";
import { count, dayTime, duration, none, percent } from "../format.js";
import { levelOfState } from "./parts.js";

const ranks = { info: 0, warn: 1, error: 2 };

export function eventColumns(which) {
  const all = [
    { label: "When", short: true, head: true, text: (e) => dayTime(Date.parse(e.at)) },
    { label: "Level", short: true, fill: (td, e) => td.firstChild || td.append(tag(e.level, levelOfState(e.level))) },
    { label: "What", short: true, text: (e) => e.kind },
    { label: "Donor", text: (e) => e.donor || "" },
    { label: "Slab", num: true, text: (e) => (e.slab >= 0 ? count(e.slab) : "") },
    { label: "In words", short: true, text: (e) => [e.slab >= 0 && which === "short" ? `slab ${count(e.slab)}` : "", which === "short" ? e.donor : "", e.text].filter(Boolean).join(", "), wrap: true, words: true },
  ];
  return which === "short" ? all.filter((c) => c.short) : all;
}

// figuresText writes the figures behind a decision.
export const figuresText = (figures) => (figures ?? []).map((f) => `${f.donor}: ${f.free < 0 ? "not asked" : `${percent(f.free)} free`}, p99 ${duration(f.p99_ns)}, baseline ${duration(f.baseline_ns)}${f.slow ? ", slow" : ""}`).join("; ");

export function logView() {
  let least = "info", detail = null;
  const missed = h("p", { class: "sub" });
  const events = table({ caption: "Events, the latest first", field: "events", key: (e) => e.row, columns: eventColumns("all"), narrow: "lines", empty: "No event, or none of this level." });
  const decisions = table({
    caption: "Decisions of placement, the latest first", field: "decisions", key: (d) => d.row, empty: "Placement has not decided anything yet.",
    columns: [
      { label: "When", head: true, text: (d) => dayTime(Date.parse(d.at)) },
      { label: "Slab", num: true, text: (d) => count(d.slab), value: (d) => d.slab },
      { label: "From", text: (d) => d.from || none },
      { label: "To", text: (d) => d.to || none },
      { label: "Rule", text: (d) => d.rule },
      { label: "Took", num: true, text: (d) => (d.took_ns ? duration(d.took_ns) : "not done"), value: (d) => d.took_ns },
      { label: "Why", text: (d) => d.why, wrap: true, words: true },
      { label: "Figures", text: (d) => figuresText(d.figures), wrap: true, words: true },
    ],
  });
  events.el.classList.add("tall");
  decisions.el.classList.add("tall");
  const el = h("div", { class: "grid" },
    panel("Events", { sub: missed, side: segments("level", "Least level shown", [["info", "All"], ["warn", "Warnings"], ["error", "Errors"]], least, (v) => ((least = v), draw())) }, events.el),
    panel("Decisions of placement", {}, decisions.el));
  function draw() {
    if (!detail) return;
    events.update(detail.events.filter((e) => (ranks[e.level] ?? 0) >= ranks[least]).reverse());
    decisions.update([...detail.decisions].reverse());
    say(missed, detail.missed ? `${count(detail.missed)} came and went unseen between two looks` : "");
  }
  return { el, name: "Log", update: (d) => ((detail = d), draw()), destroy() {} };
}
