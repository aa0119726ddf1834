// What the server has sent, over two streams: one of the cluster, always, and one of a device
// or donor in detail, while the reader looks at it. All of it is bounded: old entries go.

const most = { fine: 300, coarse: 360, points: 300, entries: 200 };
const hiddenFor = 15000; // ms after which a hidden page stops listening
const silence = 12000; // ms without an event after which a stream counts as lost

export const levels = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
const levelOf = new Map([...levels].map((c, i) => [c, i]));

export const store = {
  state: "connecting", // live, lost
  at: 0, // time of the last event, by this page's clock
  interval: 1000,
  origins: [],
  things: new Map(), // by key
  key: null, // of the device or donor that the reader looks at
  detail: null,
};

const listeners = new Set();
export const onChange = (f) => (listeners.add(f), () => listeners.delete(f));
const changed = (what) => listeners.forEach((f) => f(what));

// column turns the list that the server sends into an object.
function column([seq, at, over, count, p50, p99, p999, first, cells]) {
  return { seq, at, over, count, p50, p99, p999, first, cells: Uint8Array.from(cells, (c) => levelOf.get(c) ?? 0) };
}

function emptyDetail(key) {
  return {
    key, state: "waiting", error: "", since: 0, answered: 0, device: null, donor: null, donors: [], slowest: [], cgroups: [],
    events: [], decisions: [], missed: 0, points: [], coarsePoints: [], fine: {}, coarse: {}, failed: "",
    slabs: { count: 0, donors: [], state: new Uint8Array(0), donor: new Int16Array(0), activity: new Float64Array(0), remote: new Uint32Array(0), p99: new Float64Array(0) },
  };
}

const append = (list, more, bound) => {
  list.push(...more);
  if (list.length > bound) list.splice(0, list.length - bound);
};

function applyDetail(d, m) {
  for (const part of ["state", "error", "since", "answered"]) d[part] = m[part] ?? (part === "error" ? "" : d[part]);
  for (const part of ["device", "donor", "donors", "slowest", "cgroups", "missed"]) if (m[part] !== undefined && m[part] !== null) d[part] = m[part];
  append(d.events, m.events ?? [], most.entries);
  append(d.decisions, m.decisions ?? [], most.entries);
  append(d.points, m.points ?? [], most.points);
  append(d.coarsePoints, m.coarse_points ?? [], most.coarse);
  for (const tier of ["fine", "coarse"]) {
    for (const [source, columns] of Object.entries(m[tier] ?? {})) append((d[tier][source] ??= []), columns.map(column), most[tier]);
  }
  if (m.slabs) applySlabs(d.slabs, m.slabs);
}

const fields = 6;

function applySlabs(s, { count, donors, values }) {
  s.donors = donors ?? [];
  if (count !== s.count) {
    s.count = count;
    s.state = new Uint8Array(count);
    s.donor = new Int16Array(count).fill(-1);
    s.activity = new Float64Array(count);
    s.remote = new Uint32Array(count);
    s.p99 = new Float64Array(count);
  }
  for (let i = 0; values && i < values.length; i += fields) {
    const n = values[i];
    s.state[n] = values[i + 1];
    s.donor[n] = values[i + 2];
    s.activity[n] = values[i + 3] / 10;
    s.remote[n] = values[i + 4];
    s.p99[n] = values[i + 5];
  }
}

// listen keeps a stream open. It waits and tries again itself, because the browser gives up
// when the server refuses.
function listen(path, onmessage, onfail) {
  let source, timer, watchdog, pause = 1000, over = false;
  const again = () => {
    source?.close();
    clearTimeout(watchdog);
    if (over) return;
    clearTimeout(timer);
    timer = setTimeout(open, pause);
    pause = Math.min(2 * pause, 10000);
  };
  const heard = () => {
    clearTimeout(watchdog);
    watchdog = setTimeout(() => (onfail(""), again()), silence);
  };
  const open = () => {
    source = new EventSource(path);
    heard();
    source.onopen = heard;
    source.onmessage = (e) => {
      heard();
      try {
        onmessage(JSON.parse(e.data));
        pause = 1000;
      } catch (bad) { // a peer of another version sent it: begin the stream anew
        onfail(`not the answer of a farswap dashboard (${bad.message})`);
        again();
      }
    };
    source.addEventListener("alive", heard);
    source.addEventListener("failed", (e) => (onfail(JSON.parse(e.data).error), again()));
    source.onerror = () => (onfail(""), again());
  };
  open();
  return () => {
    over = true;
    clearTimeout(timer);
    clearTimeout(watchdog);
    source.close();
  };
}

let stopCluster = null, stopWatch = null;

function startCluster() {
  stopCluster ??= listen("/api/cluster", (m) => {
    store.state = "live";
    store.at = Date.now();
    store.interval = m.interval_ms;
    store.origins = m.origins;
    for (const [key, thing] of Object.entries(m.things)) thing ? store.things.set(key, thing) : store.things.delete(key);
    changed("cluster");
  }, () => {
    store.state = "lost";
    checkSignedIn();
    changed("cluster");
  });
}

// checkSignedIn goes to the sign-in page if the reader is not signed in.
async function checkSignedIn() {
  try {
    const answer = await fetch("/", { redirect: "manual", cache: "no-store" });
    if (answer.type === "opaqueredirect") location.assign("/login");
  } catch {
    // the server does not answer: the streams go on trying
  }
}

function startWatch() {
  if (!store.key || stopWatch) return;
  const key = store.key;
  stopWatch = listen(`/api/watch?thing=${encodeURIComponent(key)}`, (m) => {
    if (m.full || !store.detail) store.detail = emptyDetail(key);
    store.detail.failed = "";
    applyDetail(store.detail, m);
    changed("detail");
  }, (why) => {
    if (store.detail && why) store.detail.failed = why;
    changed("detail");
  });
}

// watch begins the stream of one device or donor, or ends it if key is null.
export function watch(key) {
  if (store.key === key) return;
  stopWatch?.();
  stopWatch = null;
  store.key = key;
  store.detail = key ? emptyDetail(key) : null;
  startWatch();
}

// Browsers allow few connections, and keep pages that the reader has left. Such pages must not
// hold a connection.
let hide;
function rest() {
  stopCluster?.();
  stopWatch?.();
  stopCluster = stopWatch = null;
}
function wake() {
  if (!stopCluster) {
    store.things.clear();
    startCluster();
  }
  startWatch();
}
document.addEventListener("visibilitychange", () => {
  clearTimeout(hide);
  if (document.hidden) hide = setTimeout(rest, hiddenFor);
  else wake();
});
window.addEventListener("pagehide", rest);
window.addEventListener("pageshow", (e) => e.persisted && wake());

export const start = startCluster;

// pointsOf returns the points of the chosen span.
export const pointsOf = (detail, tier) => (tier === "coarse" ? detail.coarsePoints : detail.points);

// columnsOf returns a source's columns of the chosen span.
export const columnsOf = (detail, source, tier) => detail?.[tier]?.[source] ?? [];

// sourcesOf returns the sources that have columns, in the given order.
export function sourcesOf(detail, order) {
  const found = new Set([...Object.keys(detail?.fine ?? {}), ...Object.keys(detail?.coarse ?? {})]);
  return [...order.filter((s) => found.has(s)), ...[...found].filter((s) => !order.includes(s))];
}
