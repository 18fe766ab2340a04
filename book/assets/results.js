/* The page of results: Sphinx's script searches; what it says, and what it shows of a place, is ours. */
(() => {
  "use strict";
  Object.assign(Documentation.TRANSLATIONS, {
    "Search finished, found ${resultCount} page(s) matching the search query.": "Places found: ${resultCount}.",
    "Your search did not match any documents. Please make sure that all words are spelled correctly and that you've selected enough categories.":
      "Nothing found: no page has all of these words. Try fewer of them, or look into the index.",
  });
  const field = document.querySelector("form.bd-search input");
  const query = new URLSearchParams(location.search).get("q") ?? "";
  if (!query) field.focus(); // results are not covered by a telephone's keyboard
  const words = splitQuery(query.toLowerCase()).filter((word) => !stopwords.includes(word) && !/^\d+$/.test(word));

  const AROUND = 110; // characters before what was found, and twice as many after it
  const LEFT_OUT = "script, style, svg, button, .headerlink, .equation-test, .toctree-wrapper, details.figure-data";

  /* A page, or one place of it, as text: without its menu and its contents. */
  function textOf(html, anchor) {
    const sheets = /<style>[^<]*<\/style>/g; // our policy lets no page bring its own
    const page = new DOMParser().parseFromString(html.replace(sheets, ""), "text/html");
    const place = anchor && page.getElementById(decodeURIComponent(anchor.slice(1)));
    const part = place || page.querySelector("article.bd-article");
    part?.querySelectorAll(LEFT_OUT).forEach((element) => element.remove());
    return (part?.textContent ?? "").replace(/\s+/g, " ").trim();
  }

  Search.makeSearchSummary = (html, stems, anchor) => {
    const text = textOf(html, anchor);
    const small = text.toLowerCase();
    const places = [...words, ...stems].map((word) => small.indexOf(word)).filter((at) => at >= 0);
    const first = places[0] ?? 0;
    const from = first > AROUND ? text.indexOf(" ", first - AROUND) + 1 : 0;
    const to = text.lastIndexOf(" ", from + 3 * AROUND);
    const whole = text.length <= from + 3 * AROUND;
    const summary = document.createElement("p");
    summary.className = "context";
    summary.textContent = (from ? "… " : "") + (whole ? text.slice(from) : `${text.slice(from, to)} …`);
    return summary;
  };

  /* Each result leads on with the words, so that the page can mark them. */
  new MutationObserver((changes) => {
    for (const { addedNodes } of changes) {
      for (const node of addedNodes) {
        if (node.nodeType !== Node.ELEMENT_NODE || !words.length) continue;
        marks.mark(node, words);
        for (const link of node.querySelectorAll("a[href]")) {
          const url = new URL(link.href);
          url.searchParams.set("highlight", words.join(" "));
          link.href = url;
        }
      }
    }
  }).observe(document.getElementById("search-results"), { childList: true, subtree: true });
})();
