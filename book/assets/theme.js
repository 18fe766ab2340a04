/* What the page's frame does: colours, the two sidebars, the search box, where one is. */
(() => {
  "use strict";
  const root = document.documentElement;
  const one = (selector) => document.querySelector(selector);
  const all = (selector) => [...document.querySelectorAll(selector)];

  /* Light, dark, or as the system is. The script in the page's head has set what was kept. */
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const keep = (name, value) => {
    try { localStorage.setItem(name, value); } catch { /* a reader who keeps nothing */ }
  };
  const show = (mode) => {
    root.dataset.mode = mode;
    root.dataset.theme = mode === "auto" ? (dark.matches ? "dark" : "light") : mode;
  };
  dark.addEventListener("change", () => show(root.dataset.mode));
  for (const button of all(".theme-switch-button")) {
    button.addEventListener("click", () => {
      const modes = dark.matches ? ["auto", "light", "dark"] : ["auto", "dark", "light"];
      show(modes[(modes.indexOf(root.dataset.mode) + 1) % modes.length]);
      keep("mode", root.dataset.mode);
      keep("theme", root.dataset.theme);
    });
  }

  /* A click outside a dialog closes it. */
  const closeOutside = ({ currentTarget: dialog, clientX: x, clientY: y }) => {
    const box = dialog.getBoundingClientRect();
    const inside = x >= box.left && x <= box.right && y >= box.top && y <= box.bottom;
    if (dialog.open && !inside) dialog.close();
  };

  /* So does the Escape key, also where the browser's own way is held up. */
  const closeByKey = (event) => {
    if (event.key !== "Escape") return;
    event.preventDefault();
    event.currentTarget.close();
  };

  /* On narrow screens a sidebar opens as a dialog; its content moves there and back. */
  const move = (from, to) => {
    to.append(...from.childNodes);
    to.classList.add(...from.classList);
    from.removeAttribute("class");
  };
  for (const name of ["primary", "secondary"]) {
    const button = one(`.${name}-toggle`);
    const sidebar = one(`#pst-${name}-sidebar`);
    const dialog = one(`#pst-${name}-sidebar-modal`);
    if (!button || !sidebar || !dialog) continue;
    button.addEventListener("click", () => {
      if (name === "primary" && matchMedia("(min-width: 992px)").matches) {
        sidebar.classList.toggle("pst-sidebar-hidden");
        return;
      }
      move(sidebar, dialog);
      dialog.showModal();
    });
    dialog.addEventListener("click", closeOutside);
    dialog.addEventListener("keydown", closeByKey);
    let goal;
    dialog.addEventListener("close", () => {
      move(dialog, sidebar);
      (goal ?? button).focus({ preventScroll: Boolean(goal) });
      goal = undefined;
    });
    /* A link within the page closes the dialog, and the keyboard goes on at its heading. */
    dialog.addEventListener("click", (event) => {
      const link = event.target.closest?.('a[href^="#"]');
      const place = link && document.getElementById(decodeURIComponent(link.hash.slice(1)));
      if (!place) return;
      goal = place.querySelector("h1, h2, h3, h4, h5, h6") ?? place;
      goal.tabIndex = -1;
      dialog.close();
    });
  }

  /* The search box: a button, or Ctrl+K. */
  const search = one("#pst-search-dialog");
  const field = one(":not(#pst-search-dialog) > form.bd-search input"); // on the search page
  const toggleSearch = () => {
    if (field) {
      field.focus();
      field.select();
    } else if (search.open) search.close();
    else search.showModal();
  };
  if (search) {
    const mac = /Mac|iPhone|iPad/.test(navigator.platform);
    if (mac) for (const key of all("kbd.kbd-shortcut__modifier")) if (key.textContent === "Ctrl") key.textContent = "⌘";
    for (const button of all(".search-button__button")) button.addEventListener("click", toggleSearch);
    search.addEventListener("click", closeOutside);
    search.addEventListener("keydown", closeByKey);
    addEventListener("keydown", (event) => {
      const modifier = mac ? event.metaKey && !event.ctrlKey : event.ctrlKey && !event.metaKey;
      if (modifier && !event.shiftKey && !event.altKey && event.key.toLowerCase() === "k") {
        event.preventDefault();
        toggleSearch();
      }
    }, true);
  }

  /* The page's contents follow the reader, and make room for what stands in the margin. */
  const contents = one("#pst-page-toc-nav");
  if (contents) {
    const links = new Map();
    for (const link of contents.querySelectorAll('a[href^="#"]')) {
      const place = document.getElementById(decodeURIComponent(link.hash.slice(1)));
      const heading = place?.querySelector("h1, h2, h3, h4, h5, h6") ?? place;
      if (heading) links.set(heading, link);
    }
    const mark = (chosen) => {
      for (const link of links.values()) {
        link.classList.toggle("active", link === chosen);
        if (link === chosen) link.setAttribute("aria-current", "true");
        else link.removeAttribute("aria-current");
      }
      for (const entry of contents.querySelectorAll(".toc-entry")) {
        entry.classList.toggle("active", entry.contains(chosen));
      }
    };
    /* Read is what lies above the upper third, however far: a jump passes headings unseen. */
    const passed = new Set();
    const reading = new IntersectionObserver((entries) => {
      for (const { target, isIntersecting } of entries) passed[isIntersecting ? "add" : "delete"](target);
      const last = [...links.keys()].findLast((heading) => passed.has(heading));
      if (last) mark(links.get(last));
    }, { rootMargin: "1000000px 0px -70% 0px" });
    for (const heading of links.keys()) reading.observe(heading);
    const chosen = [...links.values()].find((link) => link.hash === location.hash && location.hash);
    if (chosen) mark(chosen);
  }
  const sidebar = one("div.bd-sidebar-secondary");
  if (sidebar) {
    const here = new Set();
    const room = new IntersectionObserver((entries) => {
      for (const { target, isIntersecting } of entries) here[isIntersecting ? "add" : "delete"](target);
      sidebar.classList.toggle("hide", here.size > 0);
    }, { rootMargin: "0px 0px -33% 0px" });
    const wide = ["marginnote", "sidenote", "margin", "margin-caption", "full-width", "sidebar", "popout"];
    for (const aside of all(wide.flatMap((name) => [`.${name}`, `.tag_${name}`]).join())) room.observe(aside);
  }

  /* Back to the top: offered to those who scroll up. */
  const top = one("#pst-back-to-top");
  const pixel = one(".sbt-scroll-pixel-helper");
  if (pixel) {
    new IntersectionObserver(([entry]) => {
      document.body.classList.toggle("scrolled", entry.boundingClientRect.y < 0);
    }).observe(pixel);
  }
  if (top) {
    let before = scrollY;
    addEventListener("scroll", () => {
      top.style.display = scrollY < before && scrollY > 400 ? "block" : "none";
      before = scrollY;
    }, { passive: true });
    top.addEventListener("click", () => scrollTo(0, 0));
  }

  /* The book's contents stay where they were scrolled to. */
  const book = one("div.bd-sidebar");
  if (book && one(".bd-docs-nav")) {
    const name = "sidebar-scroll-top";
    let kept = 0;
    try { kept = Number(sessionStorage.getItem(name)); } catch { /* storage is forbidden */ }
    if (kept) book.scrollTop = kept;
    addEventListener("pagehide", () => {
      try { sessionStorage.setItem(name, book.scrollTop); } catch { /* or full */ }
    });
  }

  /* What scrolls sideways can be reached by keyboard; what does not is no stop on the way. The
     observer calls when the browser has laid a piece out anyway: asking earlier would lay out the
     whole page. */
  const scrolling = new ResizeObserver((entries) => {
    for (const { target } of entries) target.tabIndex = target.scrollWidth > target.clientWidth ? 0 : -1;
  });
  for (const piece of all("pre, .cell_output > .output")) scrolling.observe(piece);

  /* Paper shows what is folded. */
  addEventListener("beforeprint", () => {
    for (const folded of all("details.dropdown:not([open])")) folded.open = true;
  });
})();
