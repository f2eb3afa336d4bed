// Filters of the gallery. The choice stands in the address (#family=flow&data=mnist), so that it
// can be kept and sent; without this script all entries are shown and the filters are not.
(function () {
  "use strict";
  const form = document.querySelector(".filters");
  const plates = Array.from(document.querySelectorAll(".plate"));
  const count = form.querySelector("[data-count]");
  const reset = form.querySelector("[data-reset]");
  const nothing = document.querySelector("[data-nothing]");
  const names = ["family", "data", "status"];

  function chosen(name) {
    const radio = form.querySelector('input[name="' + name + '"]:checked');
    return radio ? radio.value : "";
  }
  function show() {
    let visible = 0;
    for (const plate of plates) {
      plate.hidden = !names.every(function (name) {
        const value = chosen(name);
        return !value || plate.dataset[name].split(" ").includes(value);
      });
      if (!plate.hidden) visible += 1;
    }
    const all = plates.length;
    count.textContent = visible === all
      ? (all === 1 ? "1 entry" : "All " + all + " entries")
      : visible + " of " + all + " entries";
    nothing.hidden = visible > 0;
    reset.hidden = names.every(function (name) { return !chosen(name); });
  }
  function read() {
    const wanted = new URLSearchParams(location.hash.slice(1));
    for (const name of names) {
      const radios = Array.from(form.querySelectorAll('input[name="' + name + '"]'));
      const radio = radios.find(function (one) { return one.value === (wanted.get(name) || ""); });
      if (radios.length) (radio || radios[0]).checked = true;
    }
    show();
  }
  function write() {
    const parts = new URLSearchParams();
    for (const name of names) if (chosen(name)) parts.set(name, chosen(name));
    const hash = parts.toString();
    history.replaceState(null, "", hash ? "#" + hash : location.pathname + location.search);
    show();
  }

  form.hidden = false;
  form.addEventListener("change", write);
  form.addEventListener("submit", function (event) { event.preventDefault(); });
  reset.addEventListener("click", function () {
    form.reset();
    write();
    form.querySelector("input").focus();
  });
  addEventListener("hashchange", function () {
    if (!location.hash || location.hash.includes("=")) read();
  });
  read();

  // In the tree, the lines of the paper under the pointer or the focus.
  const edges = Array.from(document.querySelectorAll(".edge"));
  function light(key) {
    for (const edge of edges) {
      edge.classList.toggle("lit", Boolean(key) && (edge.dataset.from === key || edge.dataset.to === key));
    }
  }
  for (const node of document.querySelectorAll(".node")) {
    for (const on of ["mouseenter", "focus"]) node.addEventListener(on, function () { light(node.dataset.key); });
    for (const off of ["mouseleave", "blur"]) node.addEventListener(off, function () { light(""); });
  }
})();
