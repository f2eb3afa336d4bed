// Runs before the page is painted, so that a chosen theme does not flash; without it the page
// follows the system.
(function () {
  "use strict";
  const root = document.documentElement;
  const dark = matchMedia("(prefers-color-scheme: dark)");
  function kept() {
    try { return localStorage.getItem("zoo-theme"); } catch { return null; }
  }
  function keep(theme) {
    try { localStorage.setItem("zoo-theme", theme); } catch { /* a page from disk may have none */ }
  }
  function current() { return root.dataset.theme || (dark.matches ? "dark" : "light"); }

  root.classList.add("js");
  if (kept() === "dark" || kept() === "light") root.dataset.theme = kept();

  document.addEventListener("DOMContentLoaded", function () {
    const button = document.querySelector("[data-theme-toggle]");
    if (!button) return;
    function say() { button.setAttribute("aria-pressed", String(current() === "dark")); }
    button.hidden = false;
    button.addEventListener("click", function () {
      root.dataset.theme = current() === "dark" ? "light" : "dark";
      keep(root.dataset.theme);
      say();
    });
    dark.addEventListener("change", say);
    say();
  });
})();
