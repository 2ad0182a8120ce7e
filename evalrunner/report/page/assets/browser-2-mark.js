// An outcome as a small sign: a glyph in a colour, and words for whom either says nothing.
"use strict";

(function (evalrunner) {
  const { make, visible } = evalrunner.dom;

  /** The sign of a score; `of` says whose it is. */
  function ofScore(score, letter, of) {
    return sign({ ...evalrunner.format.mark(score, letter), of });
  }

  /** The sign of a criterion: passed, failed, or without a verdict. */
  function ofCriterion(passed) {
    if (passed === null) return sign({ glyph: "?", kind: "none", words: "no verdict" });
    return passed
      ? sign({ glyph: "✓", kind: "good", words: "passed" })
      : sign({ glyph: "✗", kind: "bad", words: "failed" });
  }

  function sign({ glyph, kind, words, of }) {
    return make(
      "span",
      { class: `mark mark-${kind}`, title: of ? `${visible(of)}: ${words}` : words },
      make("span", { "aria-hidden": "true" }, glyph),
      make("span", { class: "unseen" }, words),
    );
  }

  evalrunner.mark = { ofScore, ofCriterion };
})((globalThis.evalrunner ??= {}));
