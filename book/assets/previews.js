/* A reference shows what it refers to, on hover and on focus: equations, figures, theorems,
   exercises, terms, sections, citations. What stands on another page is fetched from there.
   Without this script, and on a touch screen, a reference is a link and nothing else. */
(() => {
  "use strict";
  const article = document.querySelector("article.bd-article");
  if (!article) return;
  const WAIT = 250; // milliseconds: a pointer that only passes opens nothing ...
  const STAY = 200; // ... and one on its way to the preview does not close it
  const LINKS = "a.reference.internal[href]";
  const LEFT_OUT =
    "script, button, details, fieldset, .headerlink, .equation-test, .widget-status, .copybtn";

  /* What a page's own sheet says of single elements (tools/site/delivery.py), under names of its own. */
  const SHEET = /<style>([^<]*)<\/style>/g;

  const parsed = new Map();
  const sheets = new WeakMap();
  let link, box, timer, borrowed;

  /* The page of an address: this one, or a fetched one, once. */
  function pageOf(url) {
    if (url.pathname === location.pathname) return Promise.resolve(document);
    if (!parsed.has(url.pathname)) {
      const page = fetch(url.pathname)
        .then((answer) => (answer.ok ? answer.text() : Promise.reject(answer.status)))
        .then((html) => {
          // our policy lets no page bring its own sheet; a script may make one
          const rules = [...html.matchAll(SHEET)].map(([, css]) => css).join("");
          const other = new DOMParser().parseFromString(html.replace(SHEET, ""), "text/html");
          const sheet = new CSSStyleSheet();
          sheet.replaceSync(rules.replace(/\.s-(?=\d+\b)/g, ".other-s-"));
          sheets.set(other, sheet);
          return other;
        });
      parsed.set(url.pathname, page);
      page.catch(() => parsed.delete(url.pathname));
    }
    return parsed.get(url.pathname);
  }

  /* What to show of a place: a few elements of its page. */
  function partsOf(page, id) {
    let target = id ? page.getElementById(id) : page.querySelector("article.bd-article section");
    if (target?.matches("span:empty, .target")) target = target.parentElement;
    if (!target) return [];
    if (target.matches("dt")) return [target, target.nextElementSibling];
    if (target.closest("tr")) return [target.closest("tr")];
    const opening = target.matches("section, .api-entry, .api-member");
    return opening
      ? [target.querySelector("h1, h2, h3, h4, .api-signature"), target.querySelector(":scope > p:not(.api-signature)")]
      : [target];
  }

  /* A copy that does no harm: no second id, nothing to operate, every glyph at hand. */
  function copy(page, parts) {
    const content = document.createElement("div");
    content.append(...parts.filter(Boolean).map((part) => document.importNode(part, true)));
    content.querySelectorAll(LEFT_OUT).forEach((element) => element.remove());
    content.querySelectorAll("a").forEach((a) => a.replaceWith(...a.childNodes));
    content.querySelectorAll("[tabindex]").forEach((e) => e.removeAttribute("tabindex"));
    if (page !== document) {
      for (const element of content.querySelectorAll("[class*='s-']")) {
        const classes = element.getAttribute("class");
        element.setAttribute("class", classes.replace(/(?<!\S)s-(?=\d+(?!\S))/g, "other-s-"));
      }
    }

    const ids = new Set([...content.querySelectorAll("[id]")].map((element) => element.id));
    for (const element of content.querySelectorAll("*")) {
      for (const attribute of element.attributes) {
        const { name, value } = attribute;
        if (name === "id") attribute.value = `preview-${value}`;
        else if (/href$|labelledby|describedby|^(clip-path|mask|fill|stroke|marker)/.test(name)) {
          attribute.value = value.replace(/(#|^|\s)([\w.:-]+)/g, (all, before, id) =>
            ids.has(id) ? `${before}preview-${id}` : all
          );
        }
      }
    }
    for (const use of content.querySelectorAll("use[href^='#']")) {
      const outline = page.getElementById(use.getAttribute("href").slice(1));
      if (outline && !document.getElementById(outline.id)) glyphs().append(document.importNode(outline, true));
    }
    return content;
  }

  /* Outlines are named by what they look like, so those of all pages can lie together. */
  function glyphs() {
    const name = "http://www.w3.org/2000/svg";
    let svg = document.querySelector("svg.formula-glyphs");
    if (!svg) {
      svg = document.createElementNS(name, "svg");
      svg.setAttribute("class", "formula-glyphs");
      svg.setAttribute("width", 0);
      svg.setAttribute("height", 0);
      svg.append(document.createElementNS(name, "defs"));
      article.prepend(svg);
    }
    return svg.querySelector("defs");
  }

  /* Below the reference, or above it where there is more room; never outside the window. */
  function place(x) {
    const lines = [...link.getClientRects()];
    const line = lines.find((r) => r.left <= x && x <= r.right) ?? lines[0];
    const [width, height] = [document.documentElement.clientWidth, innerHeight];
    const above = line.top - 14;
    const below = height - line.bottom - 14;
    const up = box.offsetHeight > below && above > below;
    box.style.maxHeight = `${Math.max(up ? above : below, 80)}px`;
    const left = Math.max(8, Math.min(line.left, width - box.offsetWidth - 8));
    const top = up ? line.top - box.offsetHeight - 6 : line.bottom + 6;
    const origin = (box.offsetParent ?? document.body).getBoundingClientRect();
    box.style.left = `${left - origin.left}px`;
    box.style.top = `${top - origin.top}px`;
  }

  async function open(wanted, x) {
    const url = new URL(wanted.href);
    let page, content;
    try {
      page = await pageOf(url);
      const parts = partsOf(page, decodeURIComponent(url.hash.slice(1)));
      content = copy(page, parts);
    } catch {
      return; // offline, or a file: the link still leads there
    }
    if (link !== wanted || !content.childElementCount) return;
    document.adoptedStyleSheets = document.adoptedStyleSheets.filter((s) => s !== borrowed).concat(sheets.get(page) ?? []);
    borrowed = sheets.get(page);
    box = document.createElement("div");
    box.id = "preview";
    box.className = "preview bd-article";
    box.setAttribute("role", "tooltip");
    box.append(...content.childNodes);
    box.addEventListener("pointerenter", () => clearTimeout(timer));
    box.addEventListener("pointerleave", closeSoon);
    (document.querySelector(".bd-content") ?? document.body).append(box);
    link.removeAttribute("title"); // the browser's own tooltip would lie over this one
    const words = link.getAttribute("aria-describedby");
    link.setAttribute("aria-describedby", words ? `${words} preview` : "preview");
    place(x);
  }

  function openSoon(wanted, x) {
    if (wanted === link && box) return clearTimeout(timer);
    close();
    link = wanted;
    timer = setTimeout(open, WAIT, wanted, x);
  }

  function close() {
    clearTimeout(timer);
    if (box) {
      const words = link.getAttribute("aria-describedby").replace(/ ?\bpreview$/, "");
      words ? link.setAttribute("aria-describedby", words) : link.removeAttribute("aria-describedby");
      box.remove();
    }
    link = box = undefined;
  }

  function closeSoon() {
    clearTimeout(timer);
    timer = setTimeout(close, STAY);
  }

  /* A reference to a place of this site; the site is whatever lies beside this script's folder. */
  const site = new URL("..", document.currentScript.src);
  function referenceAt(event) {
    const found = event.target.closest?.(LINKS);
    const known = found?.href.startsWith(site.href) && !found.matches(".equation-test, .sd-stretched-link");
    return known && !found.closest(".toctree-wrapper") ? found : null;
  }

  article.addEventListener("pointerover", (event) => {
    const found = referenceAt(event);
    if (found && event.pointerType !== "touch") openSoon(found, event.clientX);
  });
  article.addEventListener("pointerout", (event) => {
    if (link && referenceAt(event) === link && !link.contains(event.relatedTarget)) closeSoon();
  });
  article.addEventListener("focusin", (event) => {
    const found = referenceAt(event);
    if (found?.matches(":focus-visible")) openSoon(found, -1);
  });
  article.addEventListener("focusout", close);
  article.addEventListener("click", close);
  document.addEventListener("keydown", (event) => event.key === "Escape" && close());
})();
