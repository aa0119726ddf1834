// The donors of a device, as the device sees them.

import { h, panel, tag } from "../dom.js";
import { table } from "../table.js";
import { bytes, count, duration, none } from "../format.js";
import { levelOfState, meter } from "./parts.js";

function stateCell(td, d) {
  const shown = `${d.state}|${d.slow}|${d.error ?? ""}`;
  if (td.dataset.shown === shown) return;
  td.dataset.shown = shown;
  td.replaceChildren(h("span", null, tag(d.state, levelOfState(d.state)), d.slow ? " " : null, d.slow ? tag("slow", "warn") : null, d.error ? h("span", { class: "sub" }, ` ${d.error}`) : null));
}

// donorColumns returns the most important columns, or all.
export function donorColumns(which) {
  const all = [
    { label: "Donor", short: true, head: true, text: (d) => d.name || d.address, sort: (d) => d.name },
    { label: "State", short: true, fill: stateCell, wrap: true, sort: (d) => d.state },
    { label: "Address", text: (d) => d.address },
    { label: "Over", text: (d) => d.transport || none },
    { label: "Slabs", short: true, num: true, text: (d) => count(d.slabs), value: (d) => d.slabs, sort: (d) => d.slabs },
    { label: "Lent", short: true, fill: (td, d) => meter(td, d.total_bytes - d.free_bytes, d.total_bytes) },
    { label: "Free", short: true, num: true, text: (d) => bytes(d.free_bytes), value: (d) => d.free_bytes, sort: (d) => d.free_bytes },
    { label: "Lends at most", num: true, text: (d) => (d.total_bytes ? bytes(d.total_bytes) : none), value: (d) => d.total_bytes, sort: (d) => d.total_bytes },
    { label: "p99 lately", short: true, num: true, text: (d) => duration(d.p99_ns), value: (d) => d.p99_ns, sort: (d) => d.p99_ns },
    { label: "Baseline", num: true, text: (d) => duration(d.baseline_ns), value: (d) => d.baseline_ns },
    { label: "p50 ever", num: true, text: (d) => duration(d.latency_ns.p50), value: (d) => d.latency_ns.p50, sort: (d) => d.latency_ns.p50 },
    { label: "p99 ever", num: true, text: (d) => duration(d.latency_ns.p99), value: (d) => d.latency_ns.p99, sort: (d) => d.latency_ns.p99 },
    { label: "p99.9 ever", num: true, text: (d) => duration(d.latency_ns.p999), value: (d) => d.latency_ns.p999, sort: (d) => d.latency_ns.p999 },
  ];
  return which === "short" ? all.filter((c) => c.short) : all;
}

export function donorsView() {
  const donors = table({ caption: "Donors", field: "devicedonors", key: (d) => d.name || d.address, columns: donorColumns("all"), empty: "This device has no donor." });
  const el = h("div", { class: "grid" }, panel("Donors", { sub: h("p", { class: "sub" }, "as this device sees them; “lately” is the last period of placement, “ever” since the server's start") }, donors.el));
  return { el, name: "Donors", update: (d) => donors.update(d.donors), destroy() {} };
}
