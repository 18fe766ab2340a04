/* Buttons say aloud what they otherwise only show: that code was copied, which colours are chosen. */
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

  for (const button of document.querySelectorAll(".theme-switch-button")) {
    button.addEventListener("click", (event) => {
      requestAnimationFrame(() => {
        status.textContent = `Colours: ${document.documentElement.dataset.mode}`;
        if (event.detail === 0) button.focus(); // pressed by keyboard: the theme would drop it
      });
    });
  }
})();
