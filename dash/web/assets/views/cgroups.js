// The control groups whose programs wait for pages.

import { h, panel, say } from "../dom.js";
import { table } from "../table.js";
import { count, duration, rate } from "../format.js";

export function cgroupsView() {
  let low = 1, high = 2;
  const groups = table({
    caption: "Page faults by control group since the server's start", field: "cgroups", key: (g) => g.id, order: { column: 1, down: true },
    empty: "No control group has waited for a page, or the probes are off.",
    columns: [
      { label: "Control group", head: true, text: (g) => g.name, wrap: true, sort: (g) => g.name },
      { label: "Faults", num: true, text: (g) => count(g.count), value: (g) => g.count, sort: (g) => g.count },
      { label: "Faults/s", num: true, text: (g) => rate(g.rate), sort: (g) => g.rate },
      { label: "Waited in all", num: true, text: (g) => duration(g.sum_ns), value: (g) => g.sum_ns, sort: (g) => g.sum_ns },
      { label: "p50 to p99.9", fill: rangeCell },
      { label: "p50", num: true, text: (g) => duration(g.latency_ns.p50), value: (g) => g.latency_ns.p50, sort: (g) => g.latency_ns.p50 },
      { label: "p99", num: true, text: (g) => duration(g.latency_ns.p99), value: (g) => g.latency_ns.p99, sort: (g) => g.latency_ns.p99 },
      { label: "p99.9", num: true, text: (g) => duration(g.latency_ns.p999), value: (g) => g.latency_ns.p999, sort: (g) => g.latency_ns.p999 },
    ],
  });
  function rangeCell(td, g) {
    if (!td.firstChild) td.append(h("span", { class: "range", "aria-hidden": "true" }, h("i")), h("span", { class: "hidden" }));
    const at = (ns) => (100 * Math.log(Math.max(ns, low) / low)) / Math.log(high / low);
    const bar = td.firstChild.firstChild;
    bar.style.left = `${at(g.latency_ns.p50)}%`;
    bar.style.width = `${Math.max(2, at(g.latency_ns.p999) - at(g.latency_ns.p50))}%`;
    say(td.lastChild, `from ${duration(g.latency_ns.p50)} to ${duration(g.latency_ns.p999)}`);
  }
  const el = h("div", { class: "grid" }, panel("Control groups", { sub: h("p", { class: "sub" }, "page faults on this device since the server's start, by who waited") }, groups.el));
  return {
    el, name: "Control groups",
    update(d) {
      low = Math.min(...d.cgroups.map((g) => g.latency_ns.p50 || Infinity)) / 1.5;
      high = Math.max(...d.cgroups.map((g) => g.latency_ns.p999), low * 2) * 1.2;
      groups.update(d.cgroups);
    },
    destroy() {},
  };
}
