// Latency by source: the heatmap of one source, and a quantile of all.

import { h, panel, segments } from "../dom.js";
import { columnsOf, sourcesOf } from "../store.js";
import { heatmap } from "../heatmap.js";
import { lines } from "../chart.js";
import { series } from "../theme.js";
import { table } from "../table.js";
import { count, duration, sourceHint, sourceName, sourceOrder } from "../format.js";
import { headline } from "./overview.js";

// hiddenAtFirst names lines that are hidden at first, because they would hide the others.
const hiddenAtFirst = ["swapin", "block_write", "remote_write", "write", "backing_write"];

export function latencyView() {
  let detail = null, tier = "fine", chosen = null, quantile = "p99";
  const heat = heatmap({ height: 300 });
  const pick = h("select", { "aria-label": "Source of the heatmap", onchange: () => ((chosen = pick.value), draw()) });
  const hint = h("p", { class: "sub" });
  const chart = lines({ label: "Latency by source", format: duration, log: true, height: 280 });
  const now = table({
    caption: "Latency by source in the last interval", field: "sources", key: (r) => r.source,
    columns: [
      { label: "Source", head: true, text: (r) => sourceName(r.source) },
      { label: "Measures", text: (r) => sourceHint(r.source), wrap: true, words: true },
      { label: "Requests", num: true, text: (r) => count(r.count), value: (r) => r.count, sort: (r) => r.count },
      { label: "p50", num: true, text: (r) => duration(r.p50), value: (r) => r.p50, sort: (r) => r.p50 },
      { label: "p99", num: true, text: (r) => duration(r.p99), value: (r) => r.p99, sort: (r) => r.p99 },
      { label: "p99.9", num: true, text: (r) => duration(r.p999), value: (r) => r.p999, sort: (r) => r.p999 },
    ],
  });
  const el = h("div", { class: "grid" },
    panel("Latency over time", { sub: hint, side: pick }, heat.el),
    panel("By source", { side: segments("quantile", "Quantile", [["p50", "p50"], ["p99", "p99"], ["p999", "p99.9"]], quantile, (v) => ((quantile = v), draw())) }, chart.el),
    panel("The last interval", {}, now.el));
  let options = "";

  function draw() {
    if (!detail) return;
    const all = sourcesOf(detail, sourceOrder);
    if (all.join() !== options) {
      options = all.join();
      pick.replaceChildren(...all.map((s) => h("option", { value: s }, sourceName(s))));
    }
    if (!chosen || !all.includes(chosen)) chosen = headline.find((s) => all.includes(s)) ?? all[0] ?? null;
    if (chosen) pick.value = chosen;
    pick.hidden = all.length === 0;
    hint.textContent = chosen ? sourceHint(chosen) : "";
    heat.update(columnsOf(detail, chosen, tier), chosen ? sourceName(chosen) : "");
    const longest = all.map((s) => columnsOf(detail, s, tier)).reduce((a, b) => (b.length > a.length ? b : a), []);
    chart.update(longest.map((c) => c.at), all.map((s) => {
      const bySeq = new Map(columnsOf(detail, s, tier).map((c) => [c.seq, c]));
      return {
        id: s, label: sourceName(s), hint: sourceHint(s), colour: () => series(sourceOrder.indexOf(s) < 0 ? 0 : sourceOrder.indexOf(s)), hidden: hiddenAtFirst.includes(s),
        values: longest.map(({ seq }) => (bySeq.get(seq)?.count > 0 ? bySeq.get(seq)[quantile] : null)),
      };
    }));
    now.update(all.map((s) => ({ source: s, ...columnsOf(detail, s, "fine").at(-1) })));
  }
  return { el, name: "Latency", update: (d, t) => ((detail = d), (tier = t), draw()), destroy: () => [heat, chart].forEach((x) => x.destroy()) };
}
