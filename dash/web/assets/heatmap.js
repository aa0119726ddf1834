// Latency over time: colours show how many requests took how long. For the keyboard the
// picture is a slider over its columns, which reads out each column.

import { h, put } from "./dom.js";
import { onTheme, theme } from "./theme.js";
import { count, duration, minute, none, time } from "./format.js";

const perOctave = 4, least = 1024; // as in package feed

// bounds of a row in nanoseconds.
export function rowBounds(row) {
  const low = (r) => {
    if (r <= 0) return 0;
    const octave = Math.floor((r - 1) / perOctave), part = (r - 1) % perOctave;
    return least * 2 ** octave * (1 + part / perOctave);
  };
  return [low(row), low(row + 1)];
}

// rowOf returns the place of a duration among the rows, with a fraction.
function rowOf(ns) {
  if (ns < least) return Math.max(0, ns / least);
  const octave = Math.floor(Math.log2(ns / least));
  return 1 + (octave + (ns / (least * 2 ** octave) - 1)) * perOctave;
}

// about returns about how many requests a level stands for.
const about = (level) => Math.round(2 ** (level / 3) - 1);

// heatmap returns {el, update(columns, source name), destroy}.
export function heatmap({ height = 260 } = {}) {
  const canvas = h("canvas", { class: "draw", tabindex: "0", role: "slider", "aria-label": "Latency over time", "aria-valuemin": 0, "aria-valuemax": 0, "aria-valuenow": 0, "aria-valuetext": none, "aria-orientation": "horizontal" });
  canvas.style.height = `${height}px`;
  const tip = h("div", { class: "tip", hidden: true, "aria-hidden": "true" });
  const ramp = h("canvas", { class: "ramp", width: 64, height: 1, "aria-hidden": "true" });
  const highest = h("span");
  const legend = h("p", { class: "legend" },
    h("span", { class: "key" }, "few", ramp, highest),
    h("span", { class: "key" }, dash(false), "p50"), h("span", { class: "key" }, dash(true), "p99"));
  const body = h("tbody");
  const table = h("details", null, h("summary", null, "As a table"), h("div", { class: "scroll" }, h("table", null,
    h("caption", { class: "hidden" }, "Latency over time, the newest first"),
    h("thead", null, h("tr", null, ...["Time", "Requests", "p50", "p99", "p99.9"].map((l, i) => h("th", { scope: "col", class: i ? "num" : false }, l)))), body)));
  const nothing = h("p", { class: "empty" }, "Nothing has been measured in this time.");
  const plot = h("div", { class: "plot" }, canvas, tip);
  const el = h("div", null, nothing, plot, legend, table);
  const left = 52, bottom = 20, right = 2, top = 6;
  let columns = [], usual = 1, chosen = null, pointer = null, name = "", low = 0, high = 1, from = 0, to = 1, peak = 1;

  function dash(dashed) {
    const c = h("canvas", { width: 18, height: 3, "aria-hidden": "true" });
    c.dataset.dash = dashed ? "1" : "";
    return c;
  }
  function paintLegend() {
    const t = theme();
    t.heat.forEach((colour, i) => {
      const c = ramp.getContext("2d");
      c.fillStyle = colour;
      c.fillRect(i, 0, 1, 1);
    });
    for (const c of legend.querySelectorAll("canvas[data-dash]")) {
      const g = c.getContext("2d");
      g.clearRect(0, 0, 18, 3);
      g.strokeStyle = t["over-line"];
      g.lineWidth = 2;
      g.setLineDash(c.dataset.dash ? [4, 3] : []);
      g.beginPath();
      g.moveTo(0, 1.5);
      g.lineTo(18, 1.5);
      g.stroke();
    }
  }

  const width = () => canvas.clientWidth;
  const x = (ms) => left + ((ms - from) / (to - from)) * (width() - left - right);
  const y = (row) => height - bottom - ((row - low) / (high - low)) * (height - bottom - top);

  function update(list, label) {
    columns = list;
    name = label;
    const any = columns.some((c) => c.count > 0);
    nothing.hidden = any;
    plot.hidden = legend.hidden = table.hidden = !any;
    if (!any) return;
    low = Infinity;
    high = -Infinity;
    peak = 1;
    usual = columns.map((c) => c.over).sort((a, b) => a - b)[columns.length >> 1] || 1;
    for (const c of columns) {
      if (!c.cells.length) continue;
      low = Math.min(low, c.first);
      high = Math.max(high, c.first + c.cells.length);
      for (const l of c.cells) peak = Math.max(peak, heat(c, l));
    }
    low = Math.max(0, low - 2);
    high = Math.max(high + 2, low + 16);
    from = columns[0].at - Math.max(columns[0].over, 1);
    to = columns.at(-1).at;
    highest.textContent = `about ${count(about(peak))} requests`;
    canvas.setAttribute("aria-label", `Latency over time, ${name}`);
    canvas.setAttribute("aria-valuemax", columns.length - 1);
    if (chosen !== null && document.activeElement === canvas) choose(Math.min(chosen, columns.length - 1), true);
    draw();
    if (table.open) fillTable();
  }

  // heat scales a level to a column of the usual length, so that a longer column is not hotter.
  const heat = (c, l) => (l ? Math.max(1, Math.round(l - 3 * Math.log2(Math.max(c.over / usual, 1)))) : 0);

  function draw() {
    const w = width();
    if (!w || !columns.length) return;
    const t = theme(), scale = devicePixelRatio;
    if (canvas.width !== Math.round(w * scale)) canvas.width = Math.round(w * scale);
    if (canvas.height !== Math.round(height * scale)) canvas.height = Math.round(height * scale);
    const c = canvas.getContext("2d");
    c.setTransform(scale, 0, 0, scale, 0, 0);
    c.clearRect(0, 0, w, height);
    c.font = `11px ${t.sans}`;
    axes(c, t, w);
    for (const [i, one] of columns.entries()) {
      // A late answer leaves no gap: its column begins where the last one ended.
      const before = columns[i - 1]?.at, begin = before && one.at - one.over - before < 2 * one.over ? before : one.at - one.over;
      const x0 = Math.round(x(begin) * scale) / scale, x1 = Math.round(x(one.at) * scale) / scale;
      if (one.count < 0) {
        c.fillStyle = t.raised;
        c.fillRect(x0, top, Math.max(x1 - x0, 1), height - bottom - top);
        continue;
      }
      one.cells.forEach((l, i) => {
        if (!l) return;
        const y1 = Math.round(y(one.first + i) * scale) / scale, y0 = Math.round(y(one.first + i + 1) * scale) / scale;
        c.fillStyle = t.heat[Math.min(63, Math.round(8 + (heat(one, l) / peak) * 55))];
        c.fillRect(x0, y0, Math.max(x1 - x0, 0.5), y1 - y0);
      });
    }
    curve(c, t, "p50", []);
    curve(c, t, "p99", [5, 3]);
    const at = pointer ? pointer.column : document.activeElement === canvas ? chosen : null;
    if (at !== null && columns[at]) {
      c.fillStyle = t["over-line"];
      c.fillRect(x(columns[at].at - columns[at].over / 2) - 0.5, top, 1, height - bottom - top);
    }
  }

  function axes(c, t, w) {
    c.textBaseline = "middle";
    c.textAlign = "right";
    for (let ns = 1e3; ns < 1e11; ns *= 10) {
      const row = rowOf(ns);
      if (row < low || row > high) continue;
      c.fillStyle = t.line;
      c.fillRect(left, Math.round(y(row)), w - left - right, 1);
      c.fillStyle = t.muted;
      c.fillText(duration(ns), left - 8, y(row));
    }
    c.textAlign = "center";
    c.textBaseline = "alphabetic";
    const step = [5, 10, 15, 30, 60, 120, 300, 600, 900, 1800].map((s) => s * 1000).find((s) => (to - from) / s <= (w - left) / 84) ?? 3600e3;
    for (let ms = Math.ceil(from / step) * step; ms < to; ms += step) {
      if (x(ms) < left + 20 || x(ms) > w - 24) continue;
      c.fillText((step < 60000 ? time : minute)(ms), x(ms), height - 4);
    }
  }

  function curve(c, t, which, dashes) {
    c.lineJoin = "round";
    for (const [colour, thick] of [[t["over-halo"], 4], [t["over-line"], 1.5]]) {
      c.strokeStyle = colour;
      c.lineWidth = thick;
      c.globalAlpha = thick > 2 ? 0.55 : 1;
      c.setLineDash(thick > 2 ? [] : dashes);
      c.beginPath();
      let pen = false;
      for (const one of columns) {
        if (!(one.count > 0)) {
          pen = false;
          continue;
        }
        const px = x(one.at - one.over / 2), py = y(rowOf(one[which]));
        pen ? c.lineTo(px, py) : c.moveTo(px, py);
        pen = true;
      }
      c.stroke();
    }
    c.setLineDash([]);
    c.globalAlpha = 1;
  }

  const said = (c) => (c.count < 0 ? `${time(c.at)}: no answer from the server` : c.count === 0 ? `${time(c.at)}: no requests` :
    `${time(c.at)}: ${count(c.count)} requests, p50 ${duration(c.p50)}, p99 ${duration(c.p99)}, p99.9 ${duration(c.p999)}`);

  function choose(i, quiet) {
    chosen = i;
    canvas.setAttribute("aria-valuenow", i);
    canvas.setAttribute("aria-valuetext", said(columns[i]));
    if (!quiet) draw();
    showTip(columns[i], x(columns[i].at), null);
  }

  function showTip(c, px, row) {
    if (!c) return;
    const list = c.count < 0 ? "No answer from the server" : h("dl");
    if (c.count >= 0) {
      for (const [k, v] of [["Requests", count(c.count)], ["p50", duration(c.p50)], ["p99", duration(c.p99)], ["p99.9", duration(c.p999)]]) list.append(h("dt", null, k), h("dd", null, v));
      const l = row === null ? 0 : (c.cells[row - c.first] ?? 0);
      if (l > 0) {
        const [a, b] = rowBounds(row);
        list.append(h("dt", null, `${duration(a)} to ${duration(b)}`), h("dd", null, `about ${count(about(l))}`));
      }
    }
    put(tip, h("b", null, time(c.at)), list);
    tip.hidden = false;
    tip.style.left = `${px > width() / 2 ? Math.max(0, px - tip.offsetWidth - 14) : Math.min(px + 14, width() - tip.offsetWidth)}px`;
    tip.style.top = "10px";
  }

  canvas.addEventListener("pointermove", (e) => {
    if (!columns.length) return;
    const ms = from + ((e.offsetX - left) / (width() - left - right)) * (to - from);
    const i = columns.findIndex((c) => c.at >= ms);
    if (i < 0 || e.offsetX < left) return leave();
    pointer = { column: i };
    draw();
    showTip(columns[i], e.offsetX, Math.floor(low + ((height - bottom - e.offsetY) / (height - bottom - top)) * (high - low)));
  });
  const leave = () => {
    pointer = null;
    tip.hidden = document.activeElement !== canvas;
    draw();
  };
  canvas.addEventListener("pointerleave", leave);
  canvas.addEventListener("focus", () => columns.length && canvas.matches(":focus-visible") && choose(chosen === null || chosen >= columns.length ? columns.length - 1 : chosen));
  canvas.addEventListener("blur", () => {
    tip.hidden = true;
    draw();
  });
  canvas.addEventListener("keydown", (e) => {
    const last = columns.length - 1, now = chosen ?? last;
    const go = { ArrowLeft: now - 1, ArrowDown: now - 1, ArrowRight: now + 1, ArrowUp: now + 1, PageDown: now - 10, PageUp: now + 10, Home: 0, End: last }[e.key];
    if (go === undefined || last < 0) return;
    e.preventDefault();
    choose(Math.min(Math.max(go, 0), last));
  });

  function fillTable() {
    put(body, ...columns.slice(-30).reverse().map((c) => h("tr", null, h("th", { scope: "row" }, time(c.at)), ...(c.count < 0 ? [h("td", { colspan: 4 }, "no answer")] :
      [count(c.count), duration(c.p50), duration(c.p99), duration(c.p999)].map((v) => h("td", { class: "num" }, v))))));
  }
  table.addEventListener("toggle", () => table.open && fillTable());

  const sized = new ResizeObserver(draw);
  sized.observe(plot);
  const stopTheme = onTheme(() => (paintLegend(), draw()));
  paintLegend();
  return { el, update, destroy: () => (sized.disconnect(), stopTheme()) };
}
