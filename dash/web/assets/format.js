// Figures as text. Each function takes what the server sent and returns what people read. A
// missing figure becomes an en dash.

export const none = "–";

const three = (v) => (v >= 100 ? v.toFixed(0) : v >= 10 ? v.toFixed(1) : v.toFixed(2)).replace(/\.0+$|(\.\d*[1-9])0+$/, "$1");

// duration takes nanoseconds.
export function duration(ns) {
  if (!(ns > 0)) return none;
  if (ns < 1e3) return `${Math.round(ns)} ns`;
  if (ns < 999.5e3) return `${three(ns / 1e3)} µs`;
  if (ns < 999.5e6) return `${three(ns / 1e6)} ms`;
  return ns < 999.5e9 ? `${three(ns / 1e9)} s` : age(ns / 1e6);
}

// bytes uses powers of 1024.
export function bytes(n) {
  if (!Number.isFinite(n)) return none;
  const units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
  let i = 0;
  while (n >= 999.5 && i < units.length - 1) {
    n /= 1024;
    i++;
  }
  return `${i ? three(n) : Math.round(n)} ${units[i]}`;
}

const grouped = new Intl.NumberFormat("en-GB");

// count writes all digits.
export const count = (n) => (Number.isFinite(n) ? grouped.format(n) : none);

// rate writes a number per second, in three digits.
export function rate(n) {
  if (!Number.isFinite(n) || n < 0) return none;
  if (n >= 999.5e3) return `${three(n / 1e6)} M`;
  if (n >= 9999.5) return `${three(n / 1e3)} k`;
  return n >= 99.95 ? grouped.format(Math.round(n)) : three(n);
}

// percent takes a share from 0 to 1.
export const percent = (share) => (Number.isFinite(share) ? `${share > 0 && share < 0.001 ? "<0.1" : three(100 * share)} %` : none);

const clock = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false });
const minutes = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", hour12: false });
const day = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short" });

// time takes milliseconds since 1970, and writes them in the reader's time zone.
export const time = (ms) => clock.format(ms);
export const minute = (ms) => minutes.format(ms);
export const dayTime = (ms) => (new Date(ms).toDateString() === new Date().toDateString() ? time(ms) : `${day.format(ms)}, ${time(ms)}`);

// age takes milliseconds, and writes how long something has lasted.
export function age(ms) {
  const s = Math.max(0, Math.round(ms / 1000));
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min ${s % 60} s`;
  if (s < 86400) return `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`;
  return `${Math.floor(s / 86400)} d ${Math.floor((s % 86400) / 3600)} h`;
}

const sourceNames = {
  fault: "Page fault", swapin: "Swap-in", block_read: "Block read", block_write: "Block write", read: "Server read",
  write: "Server write", remote_read: "Donor read", remote_write: "Donor write", backing_read: "Backing read", backing_write: "Backing write",
};
const sourceHints = {
  fault: "all of a page fault that met a swapped page, in the kernel", swapin: "a page's read in the kernel, from submission to its end",
  block_read: "a block request in the kernel, from issue to completion", block_write: "a block request in the kernel, from issue to completion",
  read: "a request in the server, from fetch to commit", write: "a request in the server, from fetch to commit",
  remote_read: "one read at a donor, its time in line included", remote_write: "one write at a donor, its time in line included",
  backing_read: "one read of the backing file", backing_write: "one write of the backing file",
};

export const sourceName = (s) => sourceNames[s] ?? s;
export const sourceHint = (s) => sourceHints[s] ?? "";
// sourceOrder goes from the application down.
export const sourceOrder = Object.keys(sourceNames);
