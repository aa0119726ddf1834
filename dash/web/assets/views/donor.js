// A donor as it sees itself.

import { h, panel, put } from "../dom.js";
import { lines } from "../chart.js";
import { series } from "../theme.js";
import { pointsOf } from "../store.js";
import { table } from "../table.js";
import { age, bytes, count, dayTime, duration, none, percent } from "../format.js";
import { lineValues, statTiles, times } from "./parts.js";

export function donorView() {
  const stats = statTiles(["Lent", "Prepared", "Room", "Available on machine", "Waiting for memory", "Evicted"]);
  const memory = lines({ label: "Memory", format: bytes, binary: true, height: 220 });
  const io = lines({ label: "Pages read and written by devices", format: bytes, binary: true, unit: "/s", height: 220 });
  const sessions = table({
    caption: "Devices", field: "sessions", key: (s) => s.uuid + s.address, empty: "No device is connected.",
    columns: [
      { label: "Device", head: true, text: (s) => s.device, sort: (s) => s.device },
      { label: "Identity", text: (s) => s.identity || none },
      { label: "Address", text: (s) => s.address },
      { label: "Slabs", num: true, text: (s) => count(s.slabs), value: (s) => s.slabs, sort: (s) => s.slabs },
      { label: "Bytes", num: true, text: (s) => bytes(s.bytes), value: (s) => s.bytes, sort: (s) => s.bytes },
      { label: "Connected", text: (s) => dayTime(Date.parse(s.since)) },
    ],
  });
  const leases = table({
    caption: "Leases", key: (l) => l.uuid, empty: "No memory is kept for a device that was lost.",
    columns: [
      { label: "Device", head: true, text: (l) => l.device },
      { label: "Slabs", num: true, text: (l) => count(l.slabs) },
      { label: "Bytes", num: true, text: (l) => bytes(l.bytes) },
      { label: "Kept for", text: (l) => age(Date.parse(l.expires) - Date.now()) },
    ],
  });
  const facts = h("dl", { class: "inspect" });
  const el = h("div", { class: "grid" }, stats.el, panel("Memory", { cls: "w6" }, memory.el), panel("Traffic", { cls: "w6" }, io.el),
    panel("Devices", { cls: "w8" }, sessions.el), panel("Donor", { cls: "w4" }, facts), panel("Leases", {}, leases.el));
  return {
    el, name: "Donor",
    update(d, tier) {
      const o = d.donor, shown = pointsOf(d, tier);
      if (!o) return;
      const m = o.memory;
      stats.set("Lent", bytes(m.mapped), `of ${bytes(m.total)}`);
      stats.set("Prepared", bytes(m.prepared), "allocated ahead of need");
      stats.set("Room", bytes(m.room), "could be lent now");
      stats.set("Available on machine", bytes(m.available), `of ${bytes(m.machine)}, headroom ${bytes(m.headroom)}`, m.available < m.headroom ? "warn" : "");
      stats.set("Waiting for memory", percent(m.stall), "of the last second, some task", m.stall > 0.1 ? "warn" : "");
      stats.set("Evicted", count(o.evictions), `${bytes(o.evicted_bytes)} taken back`);
      memory.update(times(shown), [
        { id: "m", label: "Lent", colour: () => series(0), values: lineValues(shown, 2) },
        { id: "p", label: "Prepared", colour: () => series(1), values: lineValues(shown, 3) },
        { id: "a", label: "Available on machine", colour: () => series(2), values: lineValues(shown, 5) },
      ]);
      io.update(times(shown), [
        { id: "r", label: "Read", colour: () => series(0), values: lineValues(shown, 0) },
        { id: "w", label: "Written", colour: () => series(1), values: lineValues(shown, 1) },
      ]);
      sessions.update(o.sessions);
      leases.update(o.leases);
      const e = o.last_eviction;
      put(facts, ...[
        ["State", o.state], ["Serves", o.address], ["Over", o.transports.map((t) => `${t.name} ${t.address}`).join(", ") || "no transport: see the log"],
        ["Process", String(o.pid)], ["Started", dayTime(Date.parse(o.started))], ["Refused operations", count(o.io.refused)],
        ["Last eviction", e ? `${count(e.slabs)} slabs of ${e.device || none} (${e.why}) ${dayTime(Date.parse(e.at))}, back in ${duration(e.choosing_ns + e.returning_ns + e.freeing_ns)}` : "none yet"],
      ].flatMap(([k, v]) => [h("dt", null, k), h("dd", null, v)]));
    },
    destroy: () => [memory, io].forEach((x) => x.destroy()),
  };
}
