/* The reader's place on a page, for a reload, a tab that was put away, and the way back. A browser
   remembers it in pixels, and what was above it is laid out anew: so the nearest element and its
   distance from the top of the window are remembered instead, in the entry of the tab's history. */
(() => {
  "use strict";
  const article = document.querySelector("article.bd-article");
  if (!article) return;
  /* without what other scripts write: the numbers of the others stay the same */
  const TEXT = ":is(p, li, h1, h2, h3, h4, pre, figure, .equation, tr, dt):not(.widget *, .screen-only *)";
  const parts = () => [...article.querySelectorAll(TEXT)];

  function remember() {
    const top = document.elementFromPoint(innerWidth / 3, innerHeight / 3)?.closest("article *");
    if (scrollY < 100 || !top) return history.replaceState({ ...history.state, place: null }, "");
    const all = parts();
    const near = all.findLast((part) => part.contains(top) || part === top)
      ?? all.findLast((part) => part.compareDocumentPosition(top) & Node.DOCUMENT_POSITION_FOLLOWING);
    if (!near) return;
    const place = { index: all.indexOf(near), offset: near.getBoundingClientRect().top };
    history.replaceState({ ...history.state, place }, "");
  }

  let waiting;
  addEventListener("scroll", () => {
    clearTimeout(waiting);
    waiting = setTimeout(remember, 150);
  }, { passive: true });

  addEventListener("pagehide", remember); // what came late may have moved the text since

  const [{ type } = {}] = performance.getEntriesByType("navigation");
  const { place } = history.state ?? {};
  if (!place || !["reload", "back_forward"].includes(type)) return;
  const part = parts()[place.index];
  if (!part) return;
  history.scrollRestoration = "manual";
  let still = 0;
  (function settle() { // until all has come, and what is in view has its real size
    const error = part.getBoundingClientRect().top - place.offset;
    if (Math.abs(error) > 1) scrollBy({ top: error, behavior: "instant" });
    still = document.readyState === "complete" && Math.abs(error) <= 1 ? still + 1 : 0;
    if (still < 8 && performance.now() < 5000) requestAnimationFrame(settle);
    else history.scrollRestoration = "auto";
  })();
})();
