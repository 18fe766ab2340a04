/* What was searched for is marked where it stands: in the results, and on the page to which one of
   them leads. Nothing in the page changes: the browser paints the marks. It takes the place of
   Sphinx's script for this, which writes into figures, and whose button our policy forbids. */
const SPHINX_HIGHLIGHT_ENABLED = false; // Sphinx's search asks

const marks = (() => {
  "use strict";
  const UNREAD = "script, style, svg, math, button, .formula, .headerlink, .copybtn, .spoken";

  /* Where some words stand, in the order of the text. */
  function find(root, words) {
    const walker = document.createTreeWalker(root, NodeFilter.SHOW_ELEMENT | NodeFilter.SHOW_TEXT, (node) => {
      if (node.nodeType === Node.TEXT_NODE) return NodeFilter.FILTER_ACCEPT;
      return node.matches(UNREAD) ? NodeFilter.FILTER_REJECT : NodeFilter.FILTER_SKIP;
    });
    const found = [];
    while (walker.nextNode()) {
      const text = walker.currentNode.data.toLowerCase();
      for (const word of words) {
        for (let at = text.indexOf(word); at >= 0; at = text.indexOf(word, at + word.length)) {
          const range = new Range();
          range.setStart(walker.currentNode, at);
          range.setEnd(walker.currentNode, at + word.length);
          found.push(range);
        }
      }
    }
    return found.sort((a, b) => a.compareBoundaryPoints(Range.START_TO_START, b));
  }

  const can = typeof Highlight === "function" && "highlights" in CSS;
  const all = can && new Highlight();
  if (can) CSS.highlights.set("found", all);

  /* Mark some words in a part of the page; return where they stand. */
  function mark(root, words) {
    const found = can ? find(root, words) : [];
    for (const range of found) all.add(range);
    return found;
  }

  /* ------------------------------------------------------------ a page that a result led to */

  const url = new URL(location.href);
  const words = (url.searchParams.get("highlight") ?? "").toLowerCase().split(/\s+/).filter(Boolean);
  const article = document.querySelector("article.bd-article");
  if (words.length && article) {
    url.searchParams.delete("highlight");
    history.replaceState(history.state, "", url);
    const found = mark(article, words);
    if (found.length) offer(found);
  }

  function offer(found) {
    const bar = document.createElement("aside");
    bar.className = "found-bar d-print-none";
    bar.setAttribute("aria-label", "What you searched for");
    const count = document.createElement("p");
    count.setAttribute("role", "status");
    const button = (name, act) => {
      const made = Object.assign(document.createElement("button"), { type: "button", textContent: name });
      made.addEventListener("click", act);
      return made;
    };
    let at = -1;
    const say = () => {
      const places = found.length === 1 ? "1 place" : `${found.length} places`;
      count.textContent = at < 0 ? `“${words.join(" ")}”: ${places}` : `${at + 1} of ${places}`;
    };
    const next = () => {
      at = (at + 1) % found.length;
      const place = found[at].startContainer.parentElement;
      for (let box = place.closest("details:not([open])"); box; box = box.parentElement.closest("details:not([open])")) box.open = true;
      place.scrollIntoView({ block: "center" });
      CSS.highlights.set("found-here", new Highlight(found[at]));
      say();
    };
    const hide = () => {
      CSS.highlights.clear();
      bar.remove();
    };
    bar.append(count, button("Next", next), button("Hide", hide));
    document.body.append(bar);
    requestAnimationFrame(say); // a status that is there first is read aloud
    document.addEventListener("keydown", (event) => event.key === "Escape" && hide());
  }

  return { mark };
})();
