// How counts, scores and outcomes are shown: the only place of the case browser that formats.
// Dollars and seconds come formatted.
"use strict";

(function (evalrunner) {
  const UNKNOWN = "–";

  /** What the letters of the index and the statuses of trials mean. */
  const STATUSES = {
    o: "ok",
    r: "refused",
    t: "truncated",
    e: "error",
    s: "skipped",
    u: "unscored",
  };

  /** 0.912 as `91.2 %`. */
  function percent(share) {
    return share === null || share === undefined ? UNKNOWN : `${(100 * share).toFixed(1)} %`;
  }

  /** 5000 as `5,000`. */
  function count(number) {
    return number.toLocaleString("en-US");
  }

  /** `233 in, 2 out`, with what was read from the provider's cache and what was thinking. */
  function tokens(usage) {
    if (!usage) return UNKNOWN;
    const read = usage.cache_read_tokens;
    const written = usage.cache_write_5m_tokens + usage.cache_write_1h_tokens;
    const input = usage.input_tokens + read + written;
    const cached = read ? ` (${count(read)} cached)` : "";
    const thinking = usage.reasoning_tokens ? ` (${count(usage.reasoning_tokens)} thinking)` : "";
    const about = usage.estimated ? "about " : "";
    return `${about}${count(input)} in${cached}, ${count(usage.output_tokens)} out${thinking}`;
  }

  /** One outcome in a glyph, a kind (for its colour) and words (for everybody else). */
  function mark(score, letter) {
    const status = STATUSES[letter] ?? letter;
    if (score === null || score === undefined) {
      const glyph = { e: "!", s: "·" }[letter] ?? "?";
      return { glyph, kind: letter === "e" ? "warn" : "none", words: status };
    }
    const words = letter === "o" ? percent(score) : `${percent(score)}, ${status}`;
    if (score >= 1) return { glyph: "✓", kind: "good", words };
    if (score > 0) return { glyph: String(partly(score)), kind: "part", words };
    return { glyph: { r: "R", t: "T" }[letter] ?? "✗", kind: "bad", words };
  }

  // Two digits: neither 0 nor 100, which would look like failed and passed.
  function partly(score) {
    return Math.min(99, Math.max(1, Math.round(100 * score)));
  }

  evalrunner.format = { STATUSES, percent, count, tokens, mark };
})((globalThis.evalrunner ??= {}));
