// The slowest requests of the last minute, and where their time went.

import { h, panel, put, say, swatch } from "../dom.js";
import { series, onTheme } from "../theme.js";
import { table } from "../table.js";
import { count, duration, none, percent, time } from "../format.js";

const parts = [["queued", "Waited in the server", 7], ["remote", "At the donor", 0], ["backing", "Backing file", 1], ["rest", "Server and kernel", 8]];

// split returns the parts of a request one after the other. Time that the donor and the backing
// file spent at once counts for the longer of the two.
export function split(p) {
  const both = Math.max(p.remote_ns, p.backing_ns);
  return { queued: p.queued_ns, remote: p.remote_ns >= p.backing_ns ? both : 0, backing: p.backing_ns > p.remote_ns ? both : 0, rest: Math.max(0, p.total_ns - p.queued_ns - both) };
}

export function slowView() {
  const legend = h("p", { class: "legend" });
  const blamed = h("p", { class: "sub", id: "blamed" });
  const pages = table({
    caption: "The slowest requests of the last minute", field: "slowest", key: (p) => `${p.at}/${p.page}/${p.op}/${p.total_ns}`, empty: "No request of the last minute was slow.",
    columns: [
      { label: "When", head: true, text: (p) => time(Date.parse(p.at)), sort: (p) => p.at },
      { label: "What", text: (p) => p.op, sort: (p) => p.op },
      { label: "Took", num: true, text: (p) => duration(p.total_ns), value: (p) => p.total_ns, sort: (p) => p.total_ns },
      { label: "To blame", text: (p) => p.blame, sort: (p) => p.blame },
      { label: "Donor", text: (p) => p.donor || none, sort: (p) => p.donor ?? "" },
      { label: "Where the time went", fill: partsCell },
      { label: "Waited", num: true, text: (p) => duration(p.queued_ns), value: (p) => p.queued_ns, sort: (p) => p.queued_ns },
      { label: "At the donor", num: true, text: (p) => duration(p.remote_ns), value: (p) => p.remote_ns, sort: (p) => p.remote_ns },
      { label: "Backing file", num: true, text: (p) => duration(p.backing_ns), value: (p) => p.backing_ns, sort: (p) => p.backing_ns },
      { label: "Slab", num: true, text: (p) => count(p.slab), value: (p) => p.slab, sort: (p) => p.slab },
      { label: "Page", num: true, text: (p) => count(p.page), value: (p) => p.page, sort: (p) => p.page },
    ],
  });
  function partsCell(td, p) {
    if (!td.firstChild) td.append(h("span", { class: "parts", "aria-hidden": "true" }, ...parts.map(() => h("i"))), h("span", { class: "hidden" }));
    const share = split(p), longest = Math.max(...list.map((q) => q.total_ns), 1);
    parts.forEach(([id, , colour], i) => {
      const bit = td.firstChild.children[i];
      bit.hidden = !share[id];
      bit.style.width = `${(100 * share[id]) / longest}%`;
      bit.style.background = series(colour);
    });
    say(td.lastChild, parts.map(([id, words]) => `${words} ${percent(share[id] / p.total_ns)}`).join(", "));
  }
  const paint = () => put(legend, ...parts.map(([, words, colour]) => h("span", { class: "key" }, swatch(series(colour)), words)));
  let list = [];
  const stopTheme = onTheme(() => (paint(), pages.update(list)));
  paint();
  const el = h("div", { class: "grid" }, panel("Slowest requests of the last minute", { sub: blamed }, pages.el, legend));
  return {
    el, name: "Slow pages",
    update(d) {
      list = d.slowest;
      const by = new Map();
      for (const p of list) {
        const who = p.blame === "donor" ? `donor ${p.donor}` : p.blame;
        by.set(who, (by.get(who) ?? 0) + 1);
      }
      say(blamed, list.length ? `To blame: ${[...by].sort((a, b) => b[1] - a[1]).map(([who, n]) => `${who} ${count(n)}`).join(", ")}` : "");
      pages.update(list);
    },
    destroy: stopTheme,
  };
}
