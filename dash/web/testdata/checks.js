// What the browser test asks of the page, put into it by the test.
window.checks = (() => {
  const spot = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  // rgba is any colour that CSS can say, as the browser draws it.
  function rgba(colour) {
    spot.clearRect(0, 0, 1, 1);
    spot.fillStyle = colour;
    spot.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = spot.getImageData(0, 0, 1, 1).data;
    return [r, g, b, a / 255];
  }
  const over = (top, under) => [0, 1, 2].map((i) => top[i] * top[3] + under[i] * (1 - top[3])).concat(1);
  function behind(el) {
    const layers = [];
    for (; el; el = el.parentElement) layers.push(rgba(getComputedStyle(el).backgroundColor));
    return layers.reduceRight((under, top) => over(top, under), [255, 255, 255, 1]);
  }
  const light = (c) => {
    const [r, g, b] = c.slice(0, 3).map((v) => (v / 255 <= 0.04045 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ratio = (a, b) => (Math.max(light(a), light(b)) + 0.05) / (Math.min(light(a), light(b)) + 0.05);
  const seen = (el) => {
    const box = el.getBoundingClientRect();
    return box.width > 1 && box.height > 1 && getComputedStyle(el).visibility === "visible" && !el.closest(".hidden");
  };
  return {
    // faint lists texts whose contrast is below 4.5.
    faint() {
      const bad = [], walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
      let n = 0;
      while (walk.nextNode()) {
        const el = walk.currentNode.parentElement;
        if (!walk.currentNode.data.trim() || !seen(el) || ["SCRIPT", "NOSCRIPT", "OPTION"].includes(el.tagName)) continue;
        n++;
        const under = behind(el), r = ratio(over(rgba(getComputedStyle(el).color), under), under);
        if (r < 4.5) bad.push(`${r.toFixed(2)}: ${walk.currentNode.data.trim().slice(0, 40)}`);
      }
      if (n < 10) bad.push(`only ${n} texts were looked at`);
      return bad;
    },
    // marks lists colours of pictures that can hardly be told from what is behind them.
    marks() {
      const style = getComputedStyle(document.documentElement), under = rgba(style.getPropertyValue("--surface"));
      const list = style.getPropertyValue("--series").split(",");
      return list.filter((c) => ratio(rgba(c), under) < 3);
    },
    // wide says what sticks out to the side.
    wide() {
      const root = document.documentElement;
      if (root.scrollWidth <= root.clientWidth) return [];
      return [...document.querySelectorAll("body *")].filter((el) => seen(el) && el.getBoundingClientRect().right > root.clientWidth + 0.5 && !el.closest(".scroll, .tabs"))
        .slice(0, 5).map((el) => `${el.tagName}.${el.className} ${el.textContent.slice(0, 30)}`).concat(`${root.scrollWidth} of ${root.clientWidth}`);
    },
    // rows are the exact values of a table, by row and label.
    rows(field) {
      return [...document.querySelectorAll(`[data-table="${field}"] tbody tr`)].map((tr) => {
        const cells = {};
        for (const td of tr.children) cells[td.dataset.label ?? "head"] = td.dataset.value ?? td.textContent;
        return cells;
      });
    },
    // field is the exact value of a figure.
    field: (name) => document.querySelector(`[data-field="${name}"]`)?.dataset.value ?? "missing",
    // fact is what a list says of a name: exactly where that is more than the text.
    fact(name, within = "main") {
      const dd = [...document.querySelectorAll(`${within} dt`)].find((dt) => dt.textContent === name)?.nextSibling;
      return dd ? (dd.dataset.value ?? dd.textContent) : "missing";
    },
    // focused describes what has the focus, and whether one can see it.
    focused() {
      const el = document.activeElement, ring = el.matches(".seg input") ? el.nextElementSibling : el, s = getComputedStyle(ring);
      return { tag: el.tagName, id: el.id, text: el.textContent.trim().slice(0, 40), href: el.getAttribute("href") ?? "", visible: s.outlineStyle !== "none" && parseFloat(s.outlineWidth) >= 2 };
    },
    // painted says whether a canvas has more than one colour.
    painted(selector) {
      const c = document.querySelector(selector);
      if (!c || !c.width) return false;
      const copy = new OffscreenCanvas(c.width, c.height).getContext("2d", { willReadFrequently: true });
      copy.drawImage(c, 0, 0);
      const data = new Uint32Array(copy.getImageData(0, 0, c.width, c.height).data.buffer);
      return new Set(data).size > 3;
    },
  };
})();
