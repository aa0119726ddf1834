// Tables that change in place. A row stays the same element as long as its item is there, so
// the reader keeps selection, focus and place.

import { h, say } from "./dom.js";
import { none } from "./format.js";

// table has columns {label, num, wrap, head, text(item), value(item), sort(item), fill(td, item)}.
// value returns the exact figure behind the text, fill draws a cell of its own, and head marks
// the cell that names the row. key(item) tells items apart. narrow says how the table looks on a
// phone: as cards, as lines, or plain, which leaves out minor columns.
export function table({ caption, columns, key, empty = "Nothing yet.", field = "", order = null, most = Infinity, narrow = "cards" }) {
  const body = h("tbody");
  const heads = columns.map((c, i) => {
    const th = h("th", { scope: "col", class: [c.num && "num", c.minor && "minor"].filter(Boolean).join(" ") || false });
    th.append(c.sort ? h("button", { type: "button", onclick: () => sortBy(i) }, c.label) : c.label);
    return th;
  });
  const nothing = h("p", { class: "empty", hidden: true }, empty);
  const grid = h("table", { class: narrow, "data-table": field || false, hidden: true },
    h("caption", { class: "hidden" }, caption), h("thead", null, h("tr", null, ...heads)), body);
  const el = h("div", { class: "scroll" }, grid, nothing);
  const rows = new Map();
  let sorted = order, items = [];
  const showSort = () => heads.forEach((th, i) => {
    if (sorted && sorted.column === i) th.setAttribute("aria-sort", sorted.down ? "descending" : "ascending");
    else th.removeAttribute("aria-sort");
  });
  function sortBy(i) {
    sorted = { column: i, down: sorted?.column === i ? !sorted.down : true };
    showSort();
    update(items);
  }
  function row(item) {
    const tr = h("tr");
    for (const c of columns) {
      tr.append(h(c.head ? "th" : "td", { scope: c.head ? "row" : false, class: [c.num && "num", c.wrap && "wrap", c.words && "words", c.minor && "minor"].filter(Boolean).join(" ") || false, "data-label": c.head ? false : c.label }));
    }
    tr.dataset.key = key(item);
    return tr;
  }
  function update(list) {
    items = list;
    let shown = list;
    if (sorted) {
      const by = columns[sorted.column].sort;
      shown = [...list].sort((a, b) => {
        const [x, y] = [by(a), by(b)];
        return (x < y ? -1 : x > y ? 1 : 0) * (sorted.down ? -1 : 1);
      });
    }
    shown = shown.slice(0, most);
    grid.hidden = shown.length === 0;
    nothing.hidden = !grid.hidden;
    const keys = shown.map((item) => String(key(item))), now = new Set(keys);
    for (const [k, tr] of rows) { // before rows move, because a row that moves loses the selection in it
      if (now.has(k)) continue;
      tr.remove();
      rows.delete(k);
    }
    let before = null;
    for (const [i, item] of shown.entries()) {
      let tr = rows.get(keys[i]);
      if (!tr) rows.set(keys[i], (tr = row(item)));
      columns.forEach((c, at) => cell(tr.children[at], c, item));
      const place = before ? before.nextSibling : body.firstChild;
      if (place !== tr) body.insertBefore(tr, place);
      before = tr;
    }
  }
  function cell(td, c, item) {
    if (c.value) {
      const exact = String(c.value(item) ?? "");
      if (td.dataset.value !== exact) td.dataset.value = exact;
    }
    if (c.fill) c.fill(td, item);
    else {
      const text = c.text(item);
      say(td, text);
      td.classList.toggle("blank", text === "" || text === none); // a phone does not show it
    }
  }
  showSort();
  return { el, update, rows };
}
