// A button for every block that is worth copying: ".copyable pre.code" and ".copyable-inline".
// Without scripts there is none. Pages from disk may have no clipboard: then the text is selected.
(function () {
  "use strict";
  function fallback(node) {
    const range = document.createRange();
    range.selectNodeContents(node);
    const selection = getSelection();
    selection.removeAllRanges();
    selection.addRange(range);
    return document.execCommand("copy");
  }
  async function copy(node, text) {
    try {
      await navigator.clipboard.writeText(text);
      return true;
    } catch {
      return fallback(node);
    }
  }
  document.addEventListener("DOMContentLoaded", function () {
    const said = document.createElement("p");
    said.className = "visually-hidden";
    said.setAttribute("role", "status");
    document.body.append(said);
    for (const node of document.querySelectorAll(".copyable pre.code, .copyable-inline")) {
      const button = document.createElement("button");
      const label = node.dataset.copyLabel || "Copy";
      button.type = "button";
      button.className = "copy";
      button.textContent = "Copy";
      button.setAttribute("aria-label", label);
      button.addEventListener("click", async function () {
        const done = await copy(node, node.textContent.replace(/\n+$/, ""));
        button.textContent = done ? "Copied" : "Selected";
        said.textContent = done ? "Copied to the clipboard" : "Selected: copy it with your keyboard";
        setTimeout(function () { button.textContent = "Copy"; said.textContent = ""; }, 1800);
      });
      if (node.tagName === "PRE") { // the button stands in the corner of its block
        const box = document.createElement("div");
        box.className = "copied";
        node.replaceWith(box);
        box.append(node, button);
      } else {
        node.after(button);
      }
    }
  });
})();
