// What two answers have in common.
"use strict";

(function (rating) {
  /** What an answer is about, as a name: a pair, or one criterion of an output. */
  function partOf({ task_id, criterion }) {
    return JSON.stringify([task_id, criterion ?? null]);
  }

  /** Whether both say the same of it. */
  function isSame(one, other) {
    const gist = ({ vote, label, note, flagged }) =>
      JSON.stringify([vote ?? label ?? null, note ?? null, Boolean(flagged)]);
    return gist(one) === gist(other);
  }

  rating.answers = { partOf, isSame };
})((globalThis.rating ??= {}));
