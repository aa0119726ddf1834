// The slabs of a device as a field of cells, in the order of their addresses. For the keyboard
// the field is a slider over the slabs, which reads out each slab.

import { h, swatch } from "./dom.js";
import { onTheme, series, theme } from "./theme.js";
import { bytes, count, duration, none, percent, rate } from "./format.js";

export const states = ["unmapped", "mapping", "mapped", "draining", "failed", "migrating", "unknown"];
const unmapped = 0, mapping = 1, mapped = 2, draining = 3, failed = 4, migrating = 5;
const pageSize = 4096;

export const colourings = [["donor", "Donor"], ["activity", "Activity"], ["remote", "Pages"], ["latency", "p99"]];

// slabmap returns {el, inspect, update(detail), colour(by), highlight(donor number), destroy}.
// With small it is a picture for a glance, without keys.
export function slabmap({ small = false, onchoose = () => {} } = {}) {
  const canvas = small ? h("canvas", { class: "draw", role: "img", "aria-label": "Slabs by donor" }) :
    h("canvas", { class: "draw", id: "slabs", tabindex: "0", role: "slider", "aria-label": "Slab", "aria-valuemin": 0, "aria-valuemax": 0, "aria-valuenow": 0, "aria-valuetext": none });
  const el = h("div", { class: "plot" }, canvas);
  let detail = null, by = "donor", only = null, chosen = null, hovered = null, across = 1, cell = 10, gap = 1;

  const slabs = () => detail.slabs;
  const pages = (i) => {
    const all = detail.device?.size ?? 0, each = detail.device?.slab_size ?? 0;
    return Math.max(0, Math.min(each, all - i * each) / pageSize);
  };

  // layout finds the largest cells with which all slabs fit into the wanted height.
  function layout(w) {
    const n = slabs().count, most = small ? 262 : 620, least = small ? 3 : 5;
    for (cell = small ? 20 : 26; cell > least; cell--) {
      gap = cell > 9 ? 2 : 1;
      across = Math.floor((w + gap) / (cell + gap));
      if (Math.ceil(n / across) * (cell + gap) <= most) break;
    }
    gap = cell > 9 ? 2 : cell > 3 ? 1 : 0;
    across = Math.max(1, Math.floor((w + gap) / (cell + gap)));
    if (!small && across > 10) across -= across % (across >= 64 ? 8 : across >= 20 ? 10 : 1); // rows begin at round numbers
  }

  function shade(i, t, tops) {
    const s = slabs();
    if (by === "donor") return s.donor[i] < 0 ? t["empty-cell"] : series(s.donor[i]);
    if (by === "remote") return s.remote[i] ? t.heat[Math.round(10 + 53 * Math.min(1, s.remote[i] / Math.max(1, pages(i))))] : t["empty-cell"];
    const v = by === "activity" ? s.activity[i] : s.p99[i];
    if (!(v > 0)) return t["empty-cell"];
    const share = tops.high > tops.low ? Math.log(v / tops.low) / Math.log(tops.high / tops.low) : 1;
    return t.heat[Math.round(10 + 53 * Math.min(1, Math.max(0, share)))];
  }

  // range returns the lowest and the highest figure that the colours stand for.
  function range() {
    const values = by === "activity" ? slabs().activity : by === "latency" ? slabs().p99 : null;
    if (!values) return { low: 0, high: 1 };
    let low = Infinity, high = 0;
    for (const v of values) {
      if (v > 0) low = Math.min(low, v);
      high = Math.max(high, v);
    }
    if (by === "activity") low = Math.max(low, high / 1000);
    return { low, high };
  }

  function draw() {
    const w = el.clientWidth;
    if (!w || !detail || !slabs().count) return;
    layout(w);
    const n = slabs().count, height = Math.ceil(n / across) * (cell + gap) - gap, scale = devicePixelRatio;
    canvas.style.height = `${height}px`;
    canvas.width = Math.round(w * scale);
    canvas.height = Math.round(height * scale);
    const c = canvas.getContext("2d"), t = theme(), tops = range(), s = slabs();
    c.scale(scale, scale);
    const round = cell >= 8 ? Math.min(3, cell / 5) : 0;
    for (let i = 0; i < n; i++) {
      const x = (i % across) * (cell + gap), y = Math.floor(i / across) * (cell + gap);
      c.globalAlpha = only !== null && s.donor[i] !== only ? 0.18 : 1;
      c.fillStyle = shade(i, t, tops);
      if (round) {
        c.beginPath();
        c.roundRect(x, y, cell, cell, round);
        c.fill();
      } else c.fillRect(x, y, cell, cell);
      if (s.state[i] !== unmapped && s.state[i] !== mapped) mark(c, t, s.state[i], x, y);
    }
    c.globalAlpha = 1;
    const at = hovered ?? (small ? null : chosen);
    if (at !== null && at < n) {
      c.strokeStyle = t.text;
      c.lineWidth = 2;
      c.strokeRect((at % across) * (cell + gap) - 1 + (at % across ? 0 : 1), Math.floor(at / across) * (cell + gap) - 1 + (at < across ? 1 : 0), cell + 2 - (at % across ? 0 : 1), cell + 2 - (at < across ? 1 : 0));
    }
  }

  // mark shows states by shape, not by colour alone: a failed slab is crossed out, and a slab
  // on its way has a corner cut off.
  function mark(c, t, state, x, y) {
    if (state === failed) {
      c.strokeStyle = t.bad;
      c.lineWidth = Math.max(1.5, cell / 7);
      c.beginPath();
      c.moveTo(x, y);
      c.lineTo(x + cell, y + cell);
      c.moveTo(x + cell, y);
      c.lineTo(x, y + cell);
      c.stroke();
      return;
    }
    c.fillStyle = state === migrating ? t.text : state === draining ? t.warn : state === mapping ? t.muted : t.bad;
    c.beginPath();
    c.moveTo(x + cell, y);
    c.lineTo(x + cell, y + cell * 0.62);
    c.lineTo(x + cell * 0.38, y);
    c.fill();
  }

  // describe returns a slab's figures, as pairs.
  function describe(i) {
    const s = slabs(), each = detail.device?.slab_size ?? 0, p = pages(i);
    const donor = s.donor[i] < 0 ? none : s.donors[s.donor[i]];
    return [
      ["Slab", count(i), i], ["State", states[s.state[i]] ?? states.at(-1), states[s.state[i]]], ["Donor", donor, s.donor[i] < 0 ? "" : donor],
      ["Activity", `${rate(s.activity[i])} pages/s`, s.activity[i]],
      ["Pages on donor", `${count(s.remote[i])} of ${count(p)} (${percent(p ? s.remote[i] / p : 0)})`, s.remote[i]],
      ["Block read p99", duration(s.p99[i]), s.p99[i]],
      ["Addresses", `${bytes(i * each)} to ${bytes(i * each + p * pageSize)}`, i * each],
    ];
  }

  function choose(i) {
    chosen = i;
    canvas.setAttribute("aria-valuenow", i);
    canvas.setAttribute("aria-valuetext", describe(i).map(([k, v]) => `${k} ${v}`).join(", "));
    onchoose(i, describe(i));
    draw();
  }

  function update(d) {
    detail = d;
    const n = slabs().count;
    el.hidden = n === 0;
    if (!n) return;
    if (small) {
      canvas.setAttribute("aria-label", `${count(n)} slabs by donor; the view Slabs has them as a list`);
    } else {
      canvas.setAttribute("aria-valuemax", n - 1);
      if (chosen === null || chosen >= n) chosen = 0;
      const i = hovered ?? chosen;
      if (document.activeElement === canvas) canvas.setAttribute("aria-valuetext", describe(chosen).map(([k, v]) => `${k} ${v}`).join(", "));
      onchoose(i, describe(i));
    }
    draw();
  }

  if (!small) {
    const under = (e) => {
      const column = Math.floor(e.offsetX / (cell + gap)), i = Math.floor(e.offsetY / (cell + gap)) * across + column;
      return column < across && i >= 0 && i < slabs().count ? i : null;
    };
    canvas.addEventListener("pointermove", (e) => {
      if (!detail) return;
      const i = under(e);
      if (i === hovered) return;
      hovered = i;
      onchoose(i ?? chosen, describe(i ?? chosen));
      draw();
    });
    canvas.addEventListener("pointerleave", () => {
      hovered = null;
      if (detail && chosen !== null) onchoose(chosen, describe(chosen));
      draw();
    });
    canvas.addEventListener("click", (e) => detail && under(e) !== null && choose(under(e)));
    canvas.addEventListener("focus", () => detail && slabs().count && choose(chosen ?? 0));
    canvas.addEventListener("keydown", (e) => {
      if (!detail) return;
      const last = slabs().count - 1, now = chosen ?? 0;
      const go = { ArrowLeft: now - 1, ArrowRight: now + 1, ArrowUp: now - across, ArrowDown: now + across, PageUp: now - 10 * across, PageDown: now + 10 * across, Home: 0, End: last }[e.key];
      if (go === undefined || last < 0) return;
      e.preventDefault();
      choose(go < 0 || go > last ? now : go);
    });
  }

  const sized = new ResizeObserver(() => draw());
  sized.observe(el);
  const stopTheme = onTheme(draw);
  return {
    el, update, range, draw,
    colour: (what) => ((by = what), draw()),
    highlight: (donor) => ((only = donor), draw()),
    destroy: () => (sized.disconnect(), stopTheme()),
  };
}

// rampLegend shows what the colours of figures stand for.
export function rampLegend(low, high) {
  const ramp = h("canvas", { class: "ramp", width: 54, height: 1, "aria-hidden": "true" });
  theme().heat.slice(10).forEach((colour, i) => {
    const c = ramp.getContext("2d");
    c.fillStyle = colour;
    c.fillRect(i, 0, 1, 1);
  });
  return h("span", { class: "key" }, low, ramp, high);
}

// slabTables say the same as the picture in text: slabs by donor and state, and the busiest.
export function byDonor(detail) {
  const groups = new Map(), s = detail.slabs;
  for (let i = 0; i < s.count; i++) {
    const key = `${s.donor[i]}/${s.state[i]}`;
    let g = groups.get(key);
    if (!g) groups.set(key, (g = { key, number: s.donor[i], donor: s.donor[i] < 0 ? "" : s.donors[s.donor[i]], state: states[s.state[i]] ?? states.at(-1), slabs: 0, activity: 0, remote: 0 }));
    g.slabs++;
    g.activity += s.activity[i];
    g.remote += s.remote[i];
  }
  return [...groups.values()].sort((a, b) => b.slabs - a.slabs);
}

export function busiest(detail, n) {
  const s = detail.slabs;
  return Array.from(s.activity, (activity, i) => ({ i, activity })).filter((e) => e.activity > 0).sort((a, b) => b.activity - a.activity).slice(0, n)
    .map(({ i, activity }) => ({ index: i, activity, state: states[s.state[i]], donor: s.donor[i] < 0 ? "" : s.donors[s.donor[i]], remote: s.remote[i], p99: s.p99[i] }));
}

export const donorSwatch = (number) => swatch(number < 0 ? theme()["empty-cell"] : series(number));
