/* Where a reader left off, and which chapters were read to their end. It is kept in this browser's
   own storage, goes nowhere, and can be forgotten. Without scripts, or without storage: nothing. */
(() => {
  "use strict";
  const links = [...document.querySelectorAll(".bd-docs-nav li > a.reference.internal")];
  const article = document.querySelector("article.bd-article");
  const site = new URL("..", document.currentScript.src);
  const KEY = `mlpbook-reading ${site.pathname}`;
  if (!article || !links.length) return;

  function recall() {
    try {
      return JSON.parse(localStorage.getItem(KEY)) ?? { read: [] };
    } catch {
      return { read: [] };
    }
  }

  function keep(state) {
    try {
      localStorage.setItem(KEY, JSON.stringify(state));
    } catch {
      /* storage is full or forbidden: then nothing is remembered */
    }
  }

  const nameOf = (link) => new URL(link.href).pathname.slice(site.pathname.length);
  const isChapter = (link) => /^\d+\./.test(link.textContent.trim());
  const chapters = links.filter(isChapter);
  const here = location.pathname.slice(site.pathname.length);
  const chapter = chapters.find((link) => nameOf(link) === here);

  /* ------------------------------------------------------------ what is shown */

  const box = document.createElement("section");
  box.className = "reading";
  box.setAttribute("aria-label", "Your reading");

  function element(name, text, attributes = {}) {
    const made = Object.assign(document.createElement(name), attributes);
    made.append(text);
    return made;
  }

  function linkTo({ page, place, title }) {
    return element("a", title, { href: new URL(page + (place ? `#${place}` : ""), site).href });
  }

  function show(state) {
    document.querySelectorAll(".read-mark, .left-off").forEach((old) => old.remove());
    for (const link of chapters) {
      if (!state.read.includes(nameOf(link))) continue;
      const mark = element("span", " ✓", { className: "read-mark", title: "read" });
      mark.append(element("span", " read", { className: "spoken" }));
      link.append(mark);
    }
    box.replaceChildren();
    if (!state.last) return box.remove();
    const count = chapters.filter((link) => state.read.includes(nameOf(link))).length;
    const elsewhere = state.last.page !== here;
    if (elsewhere) box.append(element("p", element("span", "You left off at ")));
    if (elsewhere) box.lastChild.append(linkTo(state.last), ".");
    box.append(element("p", `${count} of ${chapters.length} chapters read.`));
    const forget = element("button", "Forget", { type: "button" });
    forget.addEventListener("click", () => {
      localStorage.removeItem(KEY);
      recording = false; // until the next page
      show(recall());
      const done = element("p", "Forgotten.", { tabIndex: -1 });
      done.setAttribute("role", "status");
      box.replaceChildren(done);
      document.querySelector(".bd-docs-nav").append(box);
      done.focus();
    });
    box.append(element("p", "Kept on this device only. ", { className: "reading-note" }));
    box.lastChild.append(forget);
    document.querySelector(".bd-docs-nav").append(box);

    const doors = document.querySelector(".front-door"); // of the home page
    if (doors && elsewhere) {
      const again = element("p", "You left off at ", { className: "left-off" });
      again.append(linkTo(state.last), ".");
      doors.append(again);
    }
  }

  /* ------------------------------------------------------------ what is noted */

  let recording = Boolean(chapter);
  let waiting;

  function note() {
    waiting = undefined;
    if (!recording || scrollY < 200) return;
    const state = recall();
    const sections = [...article.querySelectorAll("section[id]:has(> :is(h1, h2, h3))")];
    const passed = sections.filter((s) => s.getBoundingClientRect().top < innerHeight / 3);
    const place = passed.at(-1) ?? sections[0];
    const heading = place.querySelector("h1, h2, h3").cloneNode(true);
    heading.querySelectorAll(".headerlink, math").forEach((part) => part.remove());
    const title = heading.textContent.trim();
    state.last = { page: here, place: place.id, title };
    if (article.getBoundingClientRect().bottom < innerHeight + 200 && !state.read.includes(here)) {
      state.read.push(here);
      keep(state);
      return show(recall());
    }
    keep(state);
  }

  addEventListener("scroll", () => (waiting ??= setTimeout(note, 400)), { passive: true });
  addEventListener("pagehide", () => waiting && note());
  show(recall());
})();
