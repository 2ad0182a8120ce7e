// Word diff: Myers' O(ND) algorithm (Algorithmica 1, 1986) over words, spaces and signs.
"use strict";

(function (evalrunner) {
  // Past these the answers have little in common, and the diff would only cost time.
  const MOST_WORDS = 40_000;
  const MOST_EDITS = 1_500;
  // Scripts without spaces are compared sign by sign.
  const WORD =
    /\s+|[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}]|[\p{L}\p{M}\p{N}_]+|[^]/gu;

  /** Parts `{kind: "same" | "del" | "ins", text}` that lead from `before` to `after`; null if too long. */
  function diff(before, after) {
    const [left, right] = [words(before), words(after)];
    if (left.length + right.length > MOST_WORDS) return null;
    let start = 0;
    while (start < left.length && start < right.length && left[start] === right[start]) start += 1;
    let end = 0;
    const most = Math.min(left.length, right.length) - start;
    while (end < most && left.at(-1 - end) === right.at(-1 - end)) end += 1;
    const middle = shortest(
      left.slice(start, left.length - end),
      right.slice(start, right.length - end),
    );
    if (middle === null) return null;
    const same = (tokens) => tokens.map((text) => ({ kind: "same", text }));
    return joined([
      ...same(left.slice(0, start)),
      ...middle,
      ...same(left.slice(left.length - end)),
    ]);
  }

  function words(text) {
    return text.match(WORD) ?? [];
  }

  function shortest(left, right) {
    const steps = search(left, right);
    return steps === null ? null : walkBack(left, right, steps);
  }

  // One array of furthest points per number of edits, until both ends are reached.
  function search(left, right) {
    const size = Math.min(left.length + right.length, MOST_EDITS);
    const furthest = new Int32Array(2 * size + 3);
    const steps = [];
    for (let edits = 0; edits <= size; edits += 1) {
      steps.push(furthest.slice(size + 1 - edits - 1, size + 1 + edits + 2));
      for (let diagonal = -edits; diagonal <= edits; diagonal += 2) {
        const at = size + 1 + diagonal;
        const down =
          diagonal === -edits || (diagonal !== edits && furthest[at - 1] < furthest[at + 1]);
        let x = down ? furthest[at + 1] : furthest[at - 1] + 1;
        while (x < left.length && x - diagonal < right.length && left[x] === right[x - diagonal])
          x += 1;
        furthest[at] = x;
        if (x >= left.length && x - diagonal >= right.length) return steps;
      }
    }
    return null;
  }

  function walkBack(left, right, steps) {
    const parts = [];
    let [x, y] = [left.length, right.length];
    for (let edits = steps.length - 1; edits >= 0; edits -= 1) {
      const furthest = (diagonal) => steps[edits][diagonal + edits + 1];
      const diagonal = x - y;
      const down =
        diagonal === -edits ||
        (diagonal !== edits && furthest(diagonal - 1) < furthest(diagonal + 1));
      const fromX = edits === 0 ? 0 : furthest(down ? diagonal + 1 : diagonal - 1);
      const fromY = edits === 0 ? 0 : fromX - (down ? diagonal + 1 : diagonal - 1);
      while (x > fromX && y > fromY) {
        parts.push({ kind: "same", text: left[x - 1] });
        [x, y] = [x - 1, y - 1];
      }
      if (edits > 0 && down) parts.push({ kind: "ins", text: right[(y -= 1)] });
      else if (edits > 0) parts.push({ kind: "del", text: left[(x -= 1)] });
    }
    return parts.reverse();
  }

  // Runs of one kind become one part. A space between two changes counts as changed: people read
  // "two words became three", not three changes around equal spaces.
  function joined(parts) {
    const made = [];
    let [gone, come] = ["", ""];
    const flush = () => {
      if (gone) made.push({ kind: "del", text: gone });
      if (come) made.push({ kind: "ins", text: come });
      [gone, come] = ["", ""];
    };
    parts.forEach((part, at) => {
      const isChange = part.kind !== "same";
      const isGap =
        (gone || come) && /^\s+$/.test(part.text) && (parts[at + 1]?.kind ?? "same") !== "same";
      if (!isChange && !isGap) {
        flush();
        const last = made.at(-1);
        if (last?.kind === "same") last.text += part.text;
        else made.push({ ...part });
      } else {
        if (part.kind !== "ins") gone += part.text;
        if (part.kind !== "del") come += part.text;
      }
    });
    flush();
    return made;
  }

  evalrunner.diff = diff;
})((globalThis.evalrunner ??= {}));
