// A device at a glance.

import { h, panel, put } from "../dom.js";
import { columnsOf, pointsOf, sourcesOf } from "../store.js";
import { heatmap } from "../heatmap.js";
import { slabmap, donorSwatch } from "../slabmap.js";
import { lines } from "../chart.js";
import { series, theme } from "../theme.js";
import { bytes, count, dayTime, duration, rate, sourceName, sourceHint, sourceOrder } from "../format.js";
import { table } from "../table.js";
import { address, lineValues, pageBytes, placesBar, statTiles, times } from "./parts.js";
import { donorColumns } from "./donors.js";
import { eventColumns } from "./log.js";

export const headline = ["fault", "swapin", "block_read", "read"];
export const placeColour = (kind) => ({ both: series(0), remote: series(6), backing: series(1), lost: theme().bad, none: theme()["empty-cell"] })[kind];

export const ioSeries = (points) => [
  { id: "rr", label: "From donors", colour: () => series(0), values: lineValues(points, 0) },
  { id: "rw", label: "To donors", colour: () => series(2), values: lineValues(points, 1) },
  { id: "br", label: "From backing file", colour: () => series(1), values: lineValues(points, 2) },
  { id: "bw", label: "To backing file", colour: () => series(4), values: lineValues(points, 3), dash: [8, 6] },
];

export function overviewView(key) {
  const sparks = { "Page-ins": () => series(0), "Page-outs": () => series(2), "Latency p99": () => series(1) };
  const names = ["Page-ins", "Page-outs", "Latency p99", "On donors", "Donors", "Trouble"];
  const stats = statTiles(names, sparks);
  const heat = heatmap({ height: 250 });
  const heatSub = h("p", { class: "sub" });
  const places = placesBar(placeColour);
  const io = lines({ label: "Page I/O", format: rate, unit: "/s", height: 250 });
  const map = slabmap({ small: true });
  const mapLegend = h("p", { class: "legend" });
  const donors = table({ caption: "Donors", key: (d) => d.name || d.address, columns: donorColumns("short") });
  const events = table({ caption: "The latest events", key: (e) => e.row, columns: eventColumns("short"), narrow: "lines", empty: "Nothing has happened yet." });
  const facts = h("dl", { class: "inspect" });
  const more = (view, text) => h("a", { href: address(key, view) }, text);
  const el = h("div", { class: "grid" }, stats.el,
    panel("Latency", { cls: "w8", sub: heatSub, side: more("latency", "All sources") }, heat.el),
    panel("Slabs", { cls: "w4", side: more("slabs", "Each slab") }, map.el, mapLegend),
    panel("Page I/O", { cls: "w8" }, io.el),
    panel("Pages", { cls: "w4" }, places.el, facts),
    panel("Donors", { cls: "w6", side: more("donors", "All figures") }, donors.el),
    panel("Events", { cls: "w6", side: more("log", "All events and decisions") }, events.el));
  let shownFacts = "";

  return {
    el, name: "Overview",
    update(d, tier) {
      const dev = d.device, points = d.points, last = points.at(-1);
      if (!dev) return;
      const source = headline.find((s) => sourcesOf(d, sourceOrder).includes(s)) ?? sourcesOf(d, sourceOrder)[0];
      const fine = columnsOf(d, source, "fine"), now = fine.at(-1);
      const ins = points.map((p) => (p.length > 3 ? p[3] + p[5] : null)), outs = points.map((p) => (p.length > 3 ? p[4] + p[6] : null));
      stats.set("Page-ins", `${rate(ins.at(-1) ?? NaN)}/s`, last?.length > 3 ? `${rate(last[5])}/s of them from disk` : "");
      stats.set("Page-outs", `${rate(outs.at(-1) ?? NaN)}/s`, last?.length > 3 ? `${rate(last[6])}/s of them to disk` : "");
      stats.set("Latency p99", duration(now?.p99), source ? `${sourceName(source)}, p50 ${duration(now?.p50)}` : "not measured");
      stats.line("Page-ins", ins.slice(-120));
      stats.line("Page-outs", outs.slice(-120));
      stats.line("Latency p99", fine.slice(-120).map((c) => (c.count > 0 ? c.p99 : null)));
      const p = dev.pages, remote = p.remote + p.both, written = remote + p.backing + p.lost;
      stats.set("On donors", bytes(pageBytes(remote)), `of ${bytes(pageBytes(written))} in use`);
      const up = d.donors.filter((o) => o.state === "up").length, slow = d.donors.filter((o) => o.slow).length;
      stats.set("Donors", `${up} of ${d.donors.length}`, [slow ? `${slow} slow` : "", dev.transport].filter(Boolean).join(", "), up < d.donors.length ? "bad" : slow ? "warn" : "");
      const trouble = dev.io.errors + dev.io.corrupt + (dev.io.forged || 0) + p.lost;
      stats.set("Trouble", trouble ? count(trouble) : "None", `${count(dev.io.failovers)} failovers, ${count(dev.moves.slabs)} slabs moved`, trouble ? "bad" : "");
      heatSub.textContent = source ? `${sourceName(source)}: ${sourceHint(source)}` : "";
      heat.update(columnsOf(d, source, tier), source ? sourceName(source) : "");
      const shown = pointsOf(d, tier);
      io.update(times(shown), ioSeries(shown));
      places.update(p);
      map.update(d);
      put(mapLegend, ...d.slabs.donors.map((name, i) => h("span", { class: "key" }, donorSwatch(i), name)), h("span", { class: "key" }, donorSwatch(-1), "on none"));
      donors.update(d.donors);
      events.update(d.events.slice(-6).reverse());
      showFacts(dev);
    },
    destroy: () => [heat, io, map].forEach((x) => x.destroy()),
  };

  function showFacts(dev) {
    const list = [
      ["State", [dev.state, dev.swap ? "swapped on" : "", dev.insecure ? "INSECURE" : "", dev.target === "swap" && !dev.sealed ? "PAGES NOT SEALED" : ""].filter(Boolean).join(", ")],
      ["Started", dev.started.startsWith("0001") ? "–" : dayTime(Date.parse(dev.started))],
      ["Acknowledges", dev.ack || "–"], ["Backing", `${dev.backing || "–"}${dev.backing && dev.backing !== "none" && !dev.backing_ok ? " (FAILED)" : ""}`],
      ["Slabs", `${count(d2(dev))} of ${bytes(dev.slab_size)}`], ["Queues", `${dev.queues} of ${dev.depth} requests`],
      ["Locked memory", bytes(dev.memory.locked_bytes)], ["Probes", dev.probes.state + (dev.probes.reason ? `: ${dev.probes.reason}` : "")],
    ];
    const text = JSON.stringify(list);
    if (text === shownFacts) return;
    shownFacts = text;
    put(facts, ...list.flatMap(([k, v]) => [h("dt", null, k), h("dd", null, v)]));
  }
}
const d2 = (dev) => Math.ceil(dev.size / (dev.slab_size || dev.size || 1));
