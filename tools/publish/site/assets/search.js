// Search over all pages: every word of the query must begin a word of the page. The index is a
// script, loaded when the field is first used, since a page from disk cannot fetch.
(function () {
  "use strict";
  const form = document.querySelector("form.search");
  const field = form.querySelector("input");
  const panel = form.querySelector(".found");
  const said = panel.querySelector("p");
  const list = panel.querySelector("ul");
  const root = document.body.dataset.root;
  const most = 12;

  function load() {
    if (window.zooIndex || document.querySelector("script[data-index]")) return;
    const script = document.createElement("script");
    script.src = root + "assets/search-index.js";
    script.dataset.index = "";
    script.addEventListener("load", show);
    script.addEventListener("error", function () { said.textContent = "The index of this site cannot be read."; });
    document.head.append(script);
  }
  function words(text) { // as tools/publish/site/index.py cuts them
    const plain = text.toLowerCase().normalize("NFKD").replace(/[\u0300-\u036f]/g, "");
    return plain.match(/[\p{L}\p{N}]+/gu) || [];
  }
  function pagesOf(prefix) {
    const all = window.zooIndex.words;
    let low = 0, high = all.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (all[middle][0] < prefix) low = middle + 1; else high = middle;
    }
    const pages = new Set();
    for (; low < all.length && all[low][0].startsWith(prefix); low += 1) {
      for (const page of all[low][1]) pages.add(page);
    }
    return pages;
  }
  function find(query) {
    const asked = words(query);
    if (!asked.length) return [];
    const sets = asked.map(pagesOf);
    const pages = Array.from(sets[0]).filter(function (page) {
      return sets.every(function (set) { return set.has(page); });
    });
    function inTitle(page) {
      const title = words(window.zooIndex.pages[page][1]);
      return asked.filter(function (word) {
        return title.some(function (other) { return other.startsWith(word); });
      }).length;
    }
    return pages.sort(function (a, b) { return inTitle(b) - inTitle(a) || a - b; });
  }
  function item(page) {
    const [path, title, description] = window.zooIndex.pages[page];
    const li = document.createElement("li"), a = document.createElement("a");
    const strong = document.createElement("strong"), span = document.createElement("span");
    a.href = root + path;
    strong.textContent = title;
    span.textContent = description;
    span.className = "muted small";
    a.append(strong, span);
    li.append(a);
    return li;
  }
  function show() {
    const query = field.value.trim();
    panel.hidden = !query;
    if (!query) { list.replaceChildren(); said.textContent = ""; return; }
    if (!window.zooIndex) { said.textContent = "Loading …"; load(); return; }
    const pages = find(query);
    list.replaceChildren(...pages.slice(0, most).map(item));
    said.textContent = pages.length === 0 ? "No page has all of these words."
      : pages.length === 1 ? "1 page"
      : pages.length <= most ? pages.length + " pages" : "The first " + most + " of " + pages.length + " pages";
  }
  function close() { panel.hidden = true; }

  form.hidden = false;
  field.addEventListener("focus", load);
  field.addEventListener("input", show);
  form.addEventListener("submit", function (event) {
    event.preventDefault();
    const first = list.querySelector("a");
    if (first) first.click();
  });
  form.addEventListener("keydown", function (event) {
    const stops = [field, ...list.querySelectorAll("a")];
    const at = stops.indexOf(document.activeElement);
    if (event.key === "Escape") { field.focus(); close(); event.preventDefault(); }
    const step = event.key === "ArrowDown" ? 1 : event.key === "ArrowUp" ? -1 : 0;
    if (step && !panel.hidden && stops[at + step]) { stops[at + step].focus(); event.preventDefault(); }
  });
  document.addEventListener("keydown", function (event) {
    const writing = event.target.closest("input, textarea, select, [contenteditable]");
    if (event.key === "/" && !writing && !event.ctrlKey && !event.metaKey && !event.altKey) {
      event.preventDefault();
      field.focus();
    }
  });
  document.addEventListener("click", function (event) { if (!form.contains(event.target)) close(); });
  form.addEventListener("focusout", function (event) {
    if (event.relatedTarget && !form.contains(event.relatedTarget)) close();
  });
})();
