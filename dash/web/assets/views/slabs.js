// Each slab of a device.

import { h, panel, put, say, segments } from "../dom.js";
import { busiest, byDonor, colourings, donorSwatch, rampLegend, slabmap } from "../slabmap.js";
import { table } from "../table.js";
import { count, duration, none, percent, rate } from "../format.js";
import { onTheme } from "../theme.js";

export function slabsView() {
  let by = "donor", only = null, detail = null, shown = "";
  const inspect = h("dl", { class: "inspect", id: "slab" });
  const values = new Map();
  const map = slabmap({ onchoose: (i, pairs) => {
    if (!values.size) {
      for (const [name] of pairs) {
        const dd = h("dd");
        values.set(name, dd);
        inspect.append(h("dt", null, name), dd);
      }
    }
    for (const [name, text, exact] of pairs) {
      const dd = values.get(name);
      say(dd, text);
      dd.dataset.value = exact;
    }
    inspect.dataset.slab = i;
  } });
  const legend = h("div", { class: "legend", role: "group", "aria-label": "What the colours stand for" });
  const groups = table({
    caption: "Slabs by donor and state", narrow: "plain", field: "slabgroups", key: (g) => g.key,
    columns: [
      { label: "Donor", head: true, text: (g) => g.donor || "on none", sort: (g) => g.donor },
      { label: "State", text: (g) => g.state, sort: (g) => g.state },
      { label: "Slabs", num: true, text: (g) => count(g.slabs), value: (g) => g.slabs, sort: (g) => g.slabs },
      { label: "Share", minor: true, num: true, text: (g) => percent(g.slabs / Math.max(1, detail.slabs.count)) },
      { label: "Pages/s", num: true, text: (g) => rate(g.activity), sort: (g) => g.activity },
      { label: "Pages on donor", minor: true, num: true, text: (g) => count(g.remote), value: (g) => g.remote, sort: (g) => g.remote },
    ],
  });
  const hot = table({
    caption: "The busiest slabs", narrow: "plain", field: "busiest", key: (s) => s.index, empty: "No slab is in use.",
    columns: [
      { label: "Slab", head: true, num: true, text: (s) => count(s.index) },
      { label: "Donor", text: (s) => s.donor || none },
      { label: "State", minor: true, text: (s) => s.state },
      { label: "Pages/s", num: true, text: (s) => rate(s.activity), value: (s) => s.activity },
      { label: "Pages on donor", minor: true, num: true, text: (s) => count(s.remote), value: (s) => s.remote },
      { label: "p99", num: true, text: (s) => duration(s.p99), value: (s) => s.p99 },
    ],
  });
  const el = h("div", { class: "grid" },
    panel("Slabs", { cls: "w8", side: segments("colour", "Colour by", colourings, by, (v) => {
      by = v;
      only = null;
      map.highlight(null);
      map.colour(v);
      shown = "";
      showLegend();
    }) }, map.el, legend, h("p", { class: "sub" }, "In the order of addresses. A cut corner marks a slab on its way, a cross a slab that has failed. Arrow keys go from slab to slab.")),
    panel("Slab", { cls: "w4" }, inspect),
    panel("By donor and state", { cls: "w6" }, groups.el), panel("Busiest", { cls: "w6" }, hot.el));

  function showLegend() {
    if (!detail?.slabs.count) return;
    const s = detail.slabs, range = map.range();
    const counts = new Map();
    for (const n of s.donor) counts.set(n, (counts.get(n) ?? 0) + 1);
    const now = JSON.stringify([by, only, range, s.donors, [...counts]]);
    if (now === shown) return;
    shown = now;
    if (by === "donor") {
      const focused = document.activeElement?.dataset?.donor;
      put(legend, ...[...s.donors.keys(), -1].filter((n) => counts.get(n)).map((n) => h("button", { type: "button", "data-donor": n, "aria-pressed": only === n ? "true" : "false", onclick: () => {
        only = only === n ? null : n;
        map.highlight(only);
        showLegend();
      } }, donorSwatch(n), n < 0 ? "on none" : s.donors[n], " ", h("b", null, count(counts.get(n))))));
      legend.querySelector(`[data-donor="${focused}"]`)?.focus();
    } else if (by === "remote") put(legend, rampLegend("few pages", "all pages"), h("span", { class: "key" }, donorSwatch(-1), "none"));
    else if (range.high > 0) put(legend, by === "activity" ? rampLegend(`${rate(range.low)} pages/s`, `${rate(range.high)} pages/s`) : rampLegend(duration(range.low), duration(range.high)), h("span", { class: "key" }, donorSwatch(-1), by === "activity" ? "idle" : "not measured"));
    else put(legend, h("span", null, by === "activity" ? "No slab is in use." : "The latency of slabs is not known: only the probes measure it."));
  }
  const stopTheme = onTheme(() => ((shown = ""), showLegend()));
  return {
    el, name: "Slabs",
    update(d) {
      detail = d;
      map.update(d);
      showLegend();
      groups.update(byDonor(d));
      hot.update(busiest(d, 12));
    },
    destroy: () => (map.destroy(), stopTheme()),
  };
}
