// Lines over time. uPlot draws them. The legend can be reached with the keyboard, a box at the
// pointer shows figures, and a table has the newest ones.

import uPlot from "./uplot/uPlot.js";
import { h, put, say, swatch } from "./dom.js";
import { onTheme, theme } from "./theme.js";
import { minute, time } from "./format.js";

const powers = Array.from({ length: 50 }, (_, i) => 2 ** i);

// lines returns {el, update(times in ms, series), destroy}. A series is {id, label, colour (a
// function), values, hidden, dash}. Each series has as many values as there are times; null
// stands for no value.
export function lines({ label, format, log = false, height = 220, unit = "", binary = false }) {
  const at = h("div", { class: "plot" });
  const tip = h("div", { class: "tip", hidden: true, "aria-hidden": "true" });
  const legend = h("div", { class: "legend", role: "group", "aria-label": `${label}: lines shown` });
  const body = h("tbody"), head = h("tr");
  const table = h("details", null, h("summary", null, "As a table"),
    h("div", { class: "scroll" }, h("table", null, h("caption", { class: "hidden" }, label), h("thead", null, head), body)));
  const nothing = h("p", { class: "empty" }, "Nothing has been measured in this time.");
  const el = h("div", { class: "chart" }, h("div", { role: "img", "aria-label": `${label}, drawn as lines over time; the table below has the figures` }, at), nothing, legend, table);
  at.append(tip);
  const off = new Set(), on = new Set();
  let plot = null, shape = "", data = [[]], all = [];

  const isOff = (s) => off.has(s.id) || (s.hidden && !on.has(s.id));

  function make() {
    plot?.destroy();
    const t = theme();
    const axis = { stroke: t.muted, grid: { stroke: t.line, width: 1 }, ticks: { show: false }, font: `11px ${t.sans}`, gap: 6 };
    plot = new uPlot({
      width: Math.max(at.clientWidth, 200), height, legend: { show: false }, padding: [8, 26, 0, 0],
      cursor: { y: false, points: { size: 6 }, drag: { x: false, y: false } },
      scales: { x: { time: true }, y: log ? { distr: 3, log: 10 } : { range: (_, lo, hi) => [0, Math.max(hi * 1.08, 1e-9) || 1] } },
      axes: [
        { ...axis, incrs: [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200], size: 26, space: 90, values: (_, ticks) => ticks.map((v) => (ticks.length > 1 && ticks[1] - ticks[0] < 60 ? time : minute)(v * 1000)) },
        { ...axis, ...(binary ? { incrs: powers } : {}), size: 62, space: log ? 22 : 34, grid: { ...axis.grid, filter: (_, ticks) => ticks.map((v) => (log && !isPower(v) ? null : v)) }, values: (_, ticks) => ticks.map((v) => (v === null || v === undefined ? "" : log && !isPower(v) ? "" : format(v))) },
      ],
      series: [{}, ...all.map((s) => ({ stroke: s.colour(), width: 1.75, points: { show: false }, dash: s.dash, show: !isOff(s), spanGaps: false }))],
      hooks: { setCursor: [show] },
    }, data, at);
    at.append(tip);
  }
  const isPower = (v) => Math.abs(Math.log10(v) - Math.round(Math.log10(v))) < 1e-9;

  function show(u) {
    const i = u.cursor.idx;
    if (i === null || i === undefined || u.cursor.left < 0) {
      tip.hidden = true;
      return;
    }
    const list = h("dl");
    all.forEach((s, n) => {
      const v = data[n + 1][i];
      if (!isOff(s) && v !== null && v !== undefined) list.append(h("dt", null, swatch(s.colour(), "line"), ` ${s.label}`), h("dd", null, format(v) + unit));
    });
    put(tip, h("b", null, time(data[0][i] * 1000)), list);
    tip.hidden = false;
    const x = u.over.offsetLeft + u.cursor.left;
    tip.style.left = `${x > at.clientWidth / 2 ? Math.max(0, x - tip.offsetWidth - 14) : Math.min(x + 14, at.clientWidth - tip.offsetWidth)}px`;
    tip.style.top = "8px";
  }

  function makeLegend() {
    put(legend, ...all.map((s) => {
      const box = h("input", { type: "checkbox", checked: !isOff(s), onchange: () => {
        (box.checked ? on : off).add(s.id);
        (box.checked ? off : on).delete(s.id);
        make();
      } });
      return h("label", { title: s.hint }, box, swatch(s.colour(), "line"), s.label, " ", (s.now = h("b")));
    }));
    put(head, h("th", { scope: "col" }, "Time"), ...all.map((s) => h("th", { scope: "col", class: "num" }, s.label)));
  }

  function update(times, list) {
    const has = times.length > 0 && list.length > 0;
    nothing.hidden = has;
    at.hidden = legend.hidden = table.hidden = !has;
    if (!has) return;
    data = [times.map((t) => t / 1000), ...list.map((s) => s.values)];
    const wanted = list.map((s) => s.id + s.label).join("|");
    if (wanted !== shape) {
      all = list;
      shape = wanted;
      makeLegend();
      make();
    } else {
      list.forEach((s, i) => (all[i].values = s.values));
      plot.setData(data);
    }
    all.forEach((s) => {
      const v = s.values.at(-1);
      say(s.now, v === null || v === undefined ? "" : format(v) + unit);
    });
    if (table.open) fillTable(times);
  }

  function fillTable(times) {
    const rows = [];
    for (let i = times.length - 1; i >= 0 && rows.length < 30; i--) {
      rows.push(h("tr", null, h("th", { scope: "row" }, time(times[i])), ...all.map((s) => h("td", { class: "num" }, s.values[i] === null || s.values[i] === undefined ? "–" : format(s.values[i]) + unit))));
    }
    put(body, ...rows);
  }
  table.addEventListener("toggle", () => table.open && fillTable(data[0].map((t) => t * 1000)));

  const sized = new ResizeObserver(() => plot && at.clientWidth > 0 && plot.setSize({ width: at.clientWidth, height }));
  sized.observe(at);
  const stopTheme = onTheme(() => plot && (makeLegend(), make()));
  return { el, update, destroy: () => (sized.disconnect(), stopTheme(), plot?.destroy()) };
}

// spark is a line without axes, for a glance. The text beside it says the same.
export function spark(colour) {
  const canvas = h("canvas", { "aria-hidden": "true" });
  return {
    el: canvas,
    update(values) {
      const scale = devicePixelRatio, w = canvas.clientWidth, height = canvas.clientHeight;
      if (!w) return;
      canvas.width = w * scale;
      canvas.height = height * scale;
      const c = canvas.getContext("2d");
      c.scale(scale, scale);
      const top = Math.max(...values.filter((v) => v !== null), 1e-9);
      const x = (i) => (values.length < 2 ? w : (i / (values.length - 1)) * w);
      const y = (v) => height - 2 - (v / top) * (height - 5);
      c.strokeStyle = c.fillStyle = colour();
      c.lineWidth = 1.5;
      c.lineJoin = "round";
      let from = -1;
      for (let i = 0; i <= values.length; i++) {
        const there = i < values.length && values[i] !== null;
        if (there && from < 0) from = i;
        if (there || from < 0) continue;
        c.beginPath();
        for (let j = from; j < i; j++) c.lineTo(x(j), y(values[j]));
        c.globalAlpha = 1;
        c.stroke();
        c.lineTo(x(i - 1), height);
        c.lineTo(x(from), height);
        c.globalAlpha = 0.12;
        c.fill();
        from = -1;
      }
    },
  };
}
