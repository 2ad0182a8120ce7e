// Shows where the searched words stand in the opened case, without touching its elements.
"use strict";

(function (evalrunner) {
  const NAME = "case-found";
  const MOST = 2_000;

  /** Marks every place of `query` in the text of `element`; an empty query marks nothing. */
  function show(element, query) {
    // Browsers without the CSS Custom Highlight API show the case without marks.
    if (!globalThis.CSS?.highlights) return;
    CSS.highlights.delete(NAME);
    if (query) CSS.highlights.set(NAME, new Highlight(...places(element, query.toLowerCase())));
  }

  function places(element, wanted) {
    const walker = document.createTreeWalker(element, NodeFilter.SHOW_TEXT);
    const found = [];
    while (walker.nextNode() && found.length < MOST) {
      const text = walker.currentNode.data.toLowerCase();
      // Lower case of a few letters is longer than they are: places would be wrong.
      if (text.length !== walker.currentNode.data.length) continue;
      for (let at = text.indexOf(wanted); at >= 0; at = text.indexOf(wanted, at + wanted.length)) {
        const range = new Range();
        range.setStart(walker.currentNode, at);
        range.setEnd(walker.currentNode, at + wanted.length);
        found.push(range);
      }
    }
    return found;
  }

  evalrunner.found = { show };
})((globalThis.evalrunner ??= {}));
