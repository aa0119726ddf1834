// The colours of the style sheet, for pictures.

const dark = matchMedia("(prefers-color-scheme: dark)");
const listeners = new Set();
let cache = null;

dark.addEventListener("change", () => {
  cache = null;
  for (const f of listeners) f();
});

// onTheme calls f when the scheme changes. The returned function ends that.
export function onTheme(f) {
  listeners.add(f);
  return () => listeners.delete(f);
}

// theme has the colours by name; heat and series are lists.
export function theme() {
  if (cache) return cache;
  const style = getComputedStyle(document.documentElement);
  const read = (name) => style.getPropertyValue(`--${name}`).trim();
  const list = (name) => read(name).split(",").map((c) => c.trim());
  cache = { heat: ramp(list("heat")), series: list("series"), sans: read("sans") };
  for (const name of ["bg", "surface", "raised", "line", "strong-line", "text", "muted", "accent", "good", "warn", "bad", "over-line", "over-halo", "empty-cell"]) cache[name] = read(name);
  return cache;
}

const rgb = (hex) => [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16));

// ramp makes 64 colours between a few given ones.
function ramp(stops) {
  const colours = stops.map(rgb);
  return Array.from({ length: 64 }, (_, i) => {
    const at = (i / 63) * (colours.length - 1);
    const from = Math.min(Math.floor(at), colours.length - 2);
    const mix = colours[from].map((v, c) => Math.round(v + (at - from) * (colours[from + 1][c] - v)));
    return `rgb(${mix.join(" ")})`;
  });
}

// series returns the colour of the nth series.
export const series = (n) => theme().series[n % theme().series.length];
