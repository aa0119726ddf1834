// Small pieces of the document. Text is always set as text, never as markup.

// h makes an element: h("p", {class: "sub"}, "text", child…). It leaves out attributes that
// are false or null. Attributes that begin with "on" are listeners.
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

// put replaces the children of an element.
export const put = (el, ...children) => el.replaceChildren(...children);

// say sets an element's text if it has changed. Setting the same text again would announce it
// again and lose the selection.
export function say(el, text) {
  if (el.textContent !== text) el.textContent = text;
}

// datum shows a figure. Its exact value is an attribute, for programs that read the page.
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

// segments offers a choice of one among a few.
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

// tag shows a state in a word, with a colour beside it.
export const tag = (text, level = "") => h("span", { class: `tag ${level}` }, text);

// later joins many calls into one, before the next frame of the screen.
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
