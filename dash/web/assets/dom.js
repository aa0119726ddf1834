// Small pieces of the document. Text is only ever set as text.

// h makes an element: h("p", {class: "sub"}, "text", child…). Attributes that are false or
// null are left out; those that begin with "on" are listeners.
export function h(tag, attributes, ...children) {
  const el = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value === false || value === null || value === undefined) continue;
    if (name.startsWith("on")) el.addEventListener(name.slice(2), value);
    else el.setAttribute(name, value === true ? "" : value);
  }
  el.append(...children.filter((c) => c !== null && c !== undefined));
  return el;
}

// put replaces what is in an element.
export const put = (el, ...children) => el.replaceChildren(...children);

// say sets an element's text if it is another, so that nothing is announced or selected anew.
export function say(el, text) {
  if (el.textContent !== text) el.textContent = text;
}

// datum shows a figure with the exact value beside it, for programs that read the page.
export function datum(name) {
  const el = h("data", { "data-field": name, value: "" });
  return {
    el,
    set(value, text) {
      const exact = String(value ?? "");
      if (el.value !== exact) el.value = exact;
      say(el, text);
    },
  };
}

// panel is a part of a page with a name.
export function panel(title, { side, sub, cls = "" } = {}, ...children) {
  const id = `p${++panels}`;
  return h("section", { class: `panel ${cls}`, "aria-labelledby": id },
    h("header", null, h("h2", { id }, title), sub ?? null, side ? h("div", { class: "side" }, ...[side].flat()) : null), ...children);
}
let panels = 0;

// segments is a choice of one among a few.
export function segments(name, label, options, chosen, onchange) {
  const el = h("fieldset", { class: "seg" }, h("legend", { class: "hidden" }, label));
  const group = `${name}${++panels}`;
  for (const [value, text] of options) {
    el.append(h("label", null,
      h("input", { type: "radio", name: group, value, checked: value === chosen, onchange: () => onchange(value) }), h("span", null, text)));
  }
  return el;
}

// swatch is a spot of a colour.
export function swatch(colour, cls = "") {
  const el = h("i", { class: `swatch ${cls}`, "aria-hidden": "true" });
  el.style.background = colour;
  return el;
}

// tag is a state in a word, and a colour beside it.
export const tag = (text, level = "") => h("span", { class: `tag ${level}` }, text);

// later joins many calls into one, before the next picture of the screen.
export function later(work) {
  let asked = false;
  return () => {
    if (asked) return;
    asked = true;
    requestAnimationFrame(() => {
      asked = false;
      work();
    });
  };
}
