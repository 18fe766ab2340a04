/* Copy buttons say aloud what they otherwise only show. */
(() => {
  "use strict";
  const status = document.createElement("p");
  status.className = "spoken";
  status.setAttribute("role", "status");
  document.body.append(status);
  new MutationObserver((changes) => {
    for (const { target } of changes) {
      const words = target.dataset.tooltip;
      if (target.matches(".copybtn")) status.textContent = words === "Copy" ? "" : words;
    }
  }).observe(document.querySelector("main") ?? document.body, {
    subtree: true,
    attributeFilter: ["data-tooltip"],
  });
})();
