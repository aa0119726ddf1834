// The frame around the views: which view is shown, of which device, over which time, and
// whether the figures are live.

import { h, later, put, say } from "./dom.js";
import { onChange, start, store, watch } from "./store.js";
import { age, dayTime } from "./format.js";
import { address } from "./views/parts.js";
import { clusterView } from "./views/cluster.js";
import { overviewView } from "./views/overview.js";
import { latencyView } from "./views/latency.js";
import { slabsView } from "./views/slabs.js";
import { donorsView } from "./views/donors.js";
import { slowView } from "./views/slow.js";
import { logView } from "./views/log.js";
import { cgroupsView } from "./views/cgroups.js";
import { donorView } from "./views/donor.js";

const views = {
  device: [["overview", "Overview", overviewView], ["latency", "Latency", latencyView], ["slabs", "Slabs", slabsView], ["donors", "Donors", donorsView],
    ["slow", "Slow pages", slowView], ["log", "Log", logView], ["cgroups", "Control groups", cgroupsView]],
  donor: [["donor", "Donor", donorView]],
};
const timeless = ["slabs", "donors", "slow", "log", "cgroups", ""];

const $ = (id) => document.getElementById(id);
const [main, tabs, thing, pause, live, liveText, notice, announce] = ["main", "tabs", "thing", "pause", "live", "live-text", "notice", "announce"].map($);

let route = { key: null, view: "" }, shown = null, tier = "fine", paused = false;

function parse() {
  const [, key, view] = location.hash.split("/").map(decodeURIComponent);
  if (!key || key === "cluster") return { key: null, view: "" };
  const kind = key.split("/")[1];
  const list = views[kind];
  if (!list) return { key: null, view: "" };
  return { key, view: list.some(([id]) => id === view) ? view : list[0][0], kind };
}

const nameOf = (key) => store.things.get(key)?.name ?? key.split("/").slice(2).join("/");

function go(focus) {
  const next = parse();
  if (shown && next.key === route.key && next.view === route.view) return;
  route = next;
  watch(route.key);
  shown?.destroy();
  shown = route.key ? views[route.kind].find(([id]) => id === route.view)[2](route.key) : clusterView();
  shown.el.hidden = true; // empty panels would look as if there were nothing
  put(main, ...(route.key ? [h("h1", { class: "hidden" }, "")] : []), h("p", { class: "empty" }, "Waiting for the first answer…"), shown.el);
  $("span").hidden = timeless.includes(route.view);
  showTabs();
  window.scrollTo(0, 0);
  if (focus) main.focus({ preventScroll: true });
  draw(true);
}

function showTabs() {
  const list = [h("li", { class: route.key ? "apart" : false }, h("a", { href: "#/cluster", "aria-current": route.key ? false : "page" }, "Cluster"))];
  for (const [id, name] of views[route.kind] ?? []) list.push(h("li", null, h("a", { href: address(route.key, id), "aria-current": id === route.view ? "page" : false }, name)));
  put(tabs, ...list);
  const nav = tabs.parentElement, now = tabs.querySelector("[aria-current]");
  if (now) nav.scrollLeft = now.offsetLeft - nav.clientWidth / 2 + now.offsetWidth / 2;
}

let listed = "";
function showThings() {
  const all = [...store.things].map(([key, t]) => [key, t.name, store.origins.find((o) => o.id === t.origin)?.name ?? t.origin, t.kind]);
  if (route.key && !store.things.has(route.key)) all.push([route.key, nameOf(route.key), "not there", route.kind]);
  all.sort((a, b) => (a[3] + a[2] + a[1] < b[3] + b[2] + b[1] ? -1 : 1));
  const now = JSON.stringify([all, route.key]);
  if (now === listed) return;
  listed = now;
  const option = ([key, name, machine]) => h("option", { value: key }, `${name} – ${machine}`);
  const group = (label, kind) => {
    const list = all.filter((e) => e[3] === kind);
    return list.length ? h("optgroup", { label }, ...list.map(option)) : null;
  };
  put(thing, h("option", { value: "" }, "The whole cluster"), ...[group("Devices", "device"), group("Donors", "donor")].filter(Boolean));
  thing.value = route.key ?? "";
}

// state returns whether the figures are live, in a word, and a sentence if they are not.
function state() {
  if (store.state === "lost") return ["lost", "Reconnecting", "The connection to the dashboard's server is lost. The figures are the last ones that came."];
  if (store.state === "connecting") return ["connecting", "Connecting", ""];
  const d = store.detail;
  if (route.key && d) {
    const from = store.origins.find((o) => o.id === route.key.split("/")[0]);
    if (from?.state === "down") return ["lost", "No answer", `The dashboard of ${from.name} does not answer: ${from.error}. The figures are the last ones that came.`];
    if (d.failed) return ["lost", "No answer", `${nameOf(route.key)}: ${d.failed}.`];
    if (d.state !== "live" && d.state !== "waiting") return ["lost", d.state === "silent" ? "No answer" : "Ended", `${nameOf(route.key)}: ${d.error}${d.answered ? `; it answered last ${dayTime(d.answered)}, ${age(Date.now() - d.answered)} ago` : ""}. The figures are of then.`];
  }
  return paused ? ["paused", "Paused", ""] : ["live", "Live", ""];
}

let announced = "";
function showState() {
  const [word, text, why] = state();
  live.dataset.state = word;
  say(liveText, text);
  const degraded = store.detail?.device?.degraded && word === "live" ? `Degraded: ${store.detail.device.degraded_reason}.` : "";
  const said = why || degraded;
  say(notice, said);
  notice.hidden = !said;
  notice.dataset.level = why ? "bad" : "warn";
  const news = why.replace(/, [^,]* ago/, "") || degraded; // a changed age alone is no news
  if (news !== announced) say(announce, (announced = news) || "The figures are live again.");
}

const draw = (now) => {
  showThings();
  showState();
  const heading = route.key ? `${nameOf(route.key)} – ${shown.name}` : "Cluster";
  document.title = `${heading} – farswap`;
  if (route.key) say(main.querySelector("h1"), heading);
  if (paused && !now) return;
  if (route.key ? !(store.detail?.device || store.detail?.donor) : store.state === "connecting") return;
  main.querySelector(":scope > .empty")?.remove();
  shown.el.hidden = false;
  shown.update(store.detail, tier);
};

const soon = later(() => draw(false));
let rows = 0;
onChange((what) => {
  // Events and decisions get numbers of this page, because the numbers of a server begin
  // again when it restarts.
  if (what === "detail") for (const list of [store.detail?.events, store.detail?.decisions]) for (const e of list ?? []) e.row ??= ++rows;
  if (what === "cluster" && !location.hash && store.origins.length === 1) {
    const devices = [...store.things].filter(([, t]) => t.kind === "device");
    if (devices.length === 1) {
      untouched = true; // there is nothing else to choose from
      return location.replace(address(devices[0][0], "overview"));
    }
  }
  soon();
});

let untouched = false; // the page changed the view, not the reader: the focus stays
window.addEventListener("hashchange", () => {
  go(!untouched);
  untouched = false;
});
thing.addEventListener("change", () => {
  const kind = thing.value.split("/")[1];
  const same = views[kind]?.some(([id]) => id === route.view);
  location.hash = thing.value ? address(thing.value, same ? route.view : views[kind][0][0]) : "#/cluster";
});
$("span").addEventListener("change", (e) => {
  tier = e.target.value;
  draw(true);
});
pause.addEventListener("click", () => {
  paused = !paused;
  pause.setAttribute("aria-pressed", paused);
  draw(true);
});
setInterval(showState, 1000);
go(false);
start();
