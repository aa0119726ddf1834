// Parts that several views share.

import { h, say } from "../dom.js";
import { count, percent } from "../format.js";
import { spark } from "../chart.js";

export const pageSize = 4096;
export const pageBytes = (pages) => pages * pageSize;

// link makes a link to the first view of a device or donor.
export const address = (key, view) => `#/${encodeURIComponent(key)}/${view}`;
export const link = (key, text) => h("a", { href: address(key, key.split("/")[1] === "donor" ? "donor" : "overview") }, text);

const levels = {
  live: "good", up: "good", serving: "good", starting: "warn", stopping: "warn", short: "warn", draining: "warn", connecting: "warn", silent: "bad",
  dead: "bad", gone: "bad", lost: "bad", down: "bad", failed: "bad", refused: "bad", mapped: "", migrating: "warn", info: "", warn: "warn", error: "bad",
};
export const levelOfState = (state) => levels[state] ?? "";

// meter fills a cell with a bar of a share.
export function meter(td, value, most) {
  if (!td.firstChild) td.append(h("span", { class: "meter", "aria-hidden": "true" }, h("i")), h("span", { class: "hidden" }));
  const share = most > 0 ? Math.min(1, value / most) : 0;
  td.firstChild.firstChild.style.width = `${(100 * share).toFixed(1)}%`;
  say(td.lastChild, percent(share));
}

// statTiles shows a few figures at a glance. set(name, text, more, level, exact) sets one,
// line(name, values) draws a line below it.
export function statTiles(names, sparks = {}) {
  const tiles = new Map();
  const el = h("div", { class: "stats" });
  for (const name of names) {
    const big = h("dd", { class: "big" }), more = h("dd", { class: "more" });
    const line = sparks[name] ? spark(sparks[name]) : null;
    el.append(h("dl", { class: "panel stat" }, h("dt", null, name), big, more, line?.el));
    tiles.set(name, { big, more, line });
  }
  return {
    el,
    set(name, text, more = "", level = "", exact = text) {
      const t = tiles.get(name);
      say(t.big, text);
      say(t.more, more);
      if (t.big.dataset.value !== String(exact)) t.big.dataset.value = exact;
      t.big.className = `big ${level && `is-${level}`}`;
    },
    line: (name, values) => tiles.get(name).line?.update(values),
    mark: (name, field) => (tiles.get(name).big.dataset.field = field),
  };
}

// placesBar shows where a device's pages are, as a bar and in words.
export function placesBar(colour) {
  const kinds = [["both", "on a donor and in the backing file"], ["remote", "on a donor only"], ["backing", "in the backing file only"], ["lost", "lost"], ["none", "never written"]];
  const bar = h("div", { class: "bar", "aria-hidden": "true" });
  const list = h("ul", { class: "legend" });
  const parts = new Map(kinds.map(([kind, words]) => {
    const part = h("i"), spot = h("i", { class: "swatch", "aria-hidden": "true" }), n = h("b", { "data-field": `pages.${kind}` }), share = h("span");
    bar.append(part);
    const li = h("li", { class: "key" }, spot, words, " ", n, share);
    list.append(li);
    return [kind, { part, spot, n, share, li }];
  }));
  return {
    el: h("div", { class: "places" }, bar, list),
    update(pages) {
      const all = kinds.reduce((n, [k]) => n + (pages[k] ?? 0), 0) || 1;
      for (const [kind] of kinds) {
        const { part, spot, n, share, li } = parts.get(kind), v = pages[kind] ?? 0;
        part.style.width = `${(100 * v) / all}%`;
        part.style.background = spot.style.background = colour(kind);
        part.hidden = li.hidden = v === 0 && kind === "lost";
        n.dataset.value = v;
        say(n, count(v));
        say(share, `(${percent(v / all)})`);
      }
    },
  };
}

// lineValues returns one value of each point of the history, by its place in the list.
export const lineValues = (points, at) => points.map((p) => p[3 + at] ?? null);
export const times = (points) => points.map((p) => p[1]);
