/* Buttons say aloud what they otherwise only show: that code was copied, which colours are chosen.
   And the page's menu, which opens without a script, closes as menus do. */
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

  const menu = document.querySelector(".page-menu");
  if (!menu) return;
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !menu.open) return;
    menu.open = false;
    menu.querySelector("summary").focus();
  });
  document.addEventListener("click", (event) => menu.contains(event.target) || (menu.open = false));
})();
