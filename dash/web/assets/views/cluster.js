// The cluster: every device and donor that this dashboard or one of its peers can see.

import { h, panel, say, tag } from "../dom.js";
import { store } from "../store.js";
import { table } from "../table.js";
import { age, bytes, count, dayTime, duration, none, rate, sourceName } from "../format.js";
import { levelOfState, link, meter, pageBytes, statTiles } from "./parts.js";

const originName = (id) => store.origins.find((o) => o.id === id)?.name ?? id;

// stateCell shows the state of the server, or why it does not answer.
function stateCell(td, [, t]) {
  const lost = store.origins.find((o) => o.id === t.origin)?.state === "down";
  const inner = t.device ?? t.donor;
  const word = lost ? "unknown" : t.state === "live" ? (inner?.degraded ? "degraded" : (inner?.state ?? "live")) : t.state;
  const why = lost ? "its dashboard does not answer" : t.error || inner?.reason || "";
  const level = lost ? "warn" : t.state !== "live" ? "bad" : inner?.degraded ? "warn" : levelOfState(word);
  const shown = `${word}|${why}|${level}`;
  if (td.dataset.shown === shown) return;
  td.dataset.shown = shown;
  td.replaceChildren(h("span", null, tag(word, level), why ? h("span", { class: "sub" }, ` ${why}`) : null));
}

const nameCell = (td, [key, t]) => {
  if (!td.firstChild) td.append(link(key, t.name));
  say(td.firstChild, t.name);
};

export function clusterView() {
  const stats = statTiles(["Devices", "Donors", "Pages on donors", "Page-ins", "Page-outs", "Lent of donors' memory"]);
  const devices = table({
    caption: "Devices", field: "devices", key: ([key]) => key, empty: "No device is known. Start one with: farswap ublk add",
    columns: [
      { label: "Device", head: true, fill: nameCell, sort: ([, t]) => t.name },
      { label: "Machine", text: ([, t]) => originName(t.origin), sort: ([, t]) => originName(t.origin) },
      { label: "State", fill: stateCell, wrap: true },
      { label: "Size", num: true, text: ([, t]) => bytes(t.device?.size), value: ([, t]) => t.device?.size, sort: ([, t]) => t.device?.size ?? 0 },
      { label: "On donors", num: true, text: ([, t]) => (t.device ? bytes(pageBytes(t.device.pages.remote + t.device.pages.both)) : none), sort: ([, t]) => (t.device ? t.device.pages.remote + t.device.pages.both : 0) },
      { label: "Donors up", num: true, text: ([, t]) => (t.device ? `${t.device.donors_up} of ${t.device.donors}` : none) },
      { label: "In, pages/s", num: true, text: ([, t]) => rate(t.device?.in), sort: ([, t]) => t.device?.in ?? 0 },
      { label: "Out, pages/s", num: true, text: ([, t]) => rate(t.device?.out), sort: ([, t]) => t.device?.out ?? 0 },
      { label: "Latency of", text: ([, t]) => (t.device?.source ? sourceName(t.device.source) : none) },
      { label: "p50", num: true, text: ([, t]) => duration(t.device?.p50), sort: ([, t]) => t.device?.p50 ?? 0 },
      { label: "p99", num: true, text: ([, t]) => duration(t.device?.p99), sort: ([, t]) => t.device?.p99 ?? 0 },
    ],
  });
  const donors = table({
    caption: "Donors", field: "donors", key: ([key]) => key, empty: "No donor is known here. A device's own view has the donors that it uses.",
    columns: [
      { label: "Donor", head: true, fill: nameCell, sort: ([, t]) => t.name },
      { label: "Machine", text: ([, t]) => originName(t.origin), sort: ([, t]) => originName(t.origin) },
      { label: "State", fill: stateCell, wrap: true },
      { label: "Share", fill: (td, [, t]) => meter(td, t.donor?.mapped ?? 0, t.donor?.total ?? 0) },
      { label: "Lent", num: true, text: ([, t]) => bytes(t.donor?.mapped), value: ([, t]) => t.donor?.mapped, sort: ([, t]) => t.donor?.mapped ?? 0 },
      { label: "At most", num: true, text: ([, t]) => bytes(t.donor?.total), value: ([, t]) => t.donor?.total, sort: ([, t]) => t.donor?.total ?? 0 },
      { label: "Available on machine", num: true, text: ([, t]) => bytes(t.donor?.available) },
      { label: "Devices", num: true, text: ([, t]) => count(t.donor?.sessions), sort: ([, t]) => t.donor?.sessions ?? 0 },
      { label: "Read/s", num: true, text: ([, t]) => bytes(t.donor?.in) },
      { label: "Written/s", num: true, text: ([, t]) => bytes(t.donor?.out) },
      { label: "Evicted slabs", num: true, text: ([, t]) => count(t.donor?.evictions), value: ([, t]) => t.donor?.evictions },
    ],
  });
  const machines = table({
    caption: "Machines that are asked", field: "machines", key: (o) => o.id,
    columns: [
      { label: "Machine", head: true, text: (o) => o.name },
      { label: "Dashboard", text: (o) => (o.id === "local" ? "this one" : o.id) },
      { label: "State", wrap: true, fill: (td, o) => {
        const shown = `${o.state}|${o.error}`;
        if (td.dataset.shown === shown) return;
        td.dataset.shown = shown;
        td.replaceChildren(h("span", null, tag({ up: "answers", down: "does not answer", connecting: "connecting" }[o.state], { up: "good", down: "bad" }[o.state]), o.error ? h("span", { class: "sub" }, ` ${o.error}`) : null));
      } },
      { label: "Since", text: (o) => `${dayTime(o.since)} (${age(Date.now() - o.since)})` },
    ],
  });
  const el = h("div", null, h("div", { class: "title" }, h("h1", null, "Cluster")),
    h("div", { class: "grid" }, stats.el, panel("Devices", {}, devices.el), panel("Donors", { sub: h("p", { class: "sub" }, "as they see themselves") }, donors.el), panel("Machines", {}, machines.el)));
  return {
    el, name: "Cluster",
    update() {
      const all = [...store.things].sort(([a, x], [b, y]) => (x.origin === "local" ? 0 : 1) - (y.origin === "local" ? 0 : 1) || (a < b ? -1 : 1));
      const d = all.filter(([, t]) => t.kind === "device"), o = all.filter(([, t]) => t.kind === "donor");
      devices.update(d);
      donors.update(o);
      machines.update(store.origins);
      const live = (list) => list.filter(([, t]) => t.state === "live" && store.origins.find((x) => x.id === t.origin)?.state === "up");
      const sum = (list, f) => live(list).reduce((n, [, t]) => n + (f(t) ?? 0), 0);
      const trouble = live(d).filter(([, t]) => t.device?.degraded).length;
      stats.set("Devices", count(live(d).length), [live(d).length < d.length ? `of ${count(d.length)} answer` : "", trouble ? `${count(trouble)} degraded` : ""].filter(Boolean).join(", ") || "all answer", trouble || live(d).length < d.length ? "warn" : "");
      stats.set("Donors", count(live(o).length), live(o).length < o.length ? `of ${count(o.length)} answer` : "all answer", live(o).length < o.length ? "warn" : "");
      stats.set("Pages on donors", bytes(sum(d, (t) => pageBytes((t.device?.pages.remote ?? 0) + (t.device?.pages.both ?? 0)))), `of ${bytes(sum(d, (t) => t.device?.size))} swap`);
      stats.set("Page-ins", `${rate(sum(d, (t) => t.device?.in))}/s`, "from donors and disk");
      stats.set("Page-outs", `${rate(sum(d, (t) => t.device?.out))}/s`, "to donors and disk");
      stats.set("Lent of donors' memory", bytes(sum(o, (t) => t.donor?.mapped)), `of ${bytes(sum(o, (t) => t.donor?.total))}`);
    },
    destroy() {},
  };
}
