// Search in whole inputs, expected answers and outputs, which are not in the index.
"use strict";

(function (evalrunner) {
  let found = null;

  /** Rows found so far by the search that `state` asks for; null when it asks for none. */
  function hits(state, shown) {
    if (!state.whole || !state.query) return null;
    return found?.key === keyOf(state, shown) ? found.rows : new Set();
  }

  /** Whether `state` asks for a search that has not begun. */
  function isDue(state, shown) {
    return Boolean(state.whole && state.query) && found?.key !== keyOf(state, shown);
  }

  /** Goes through all cases of the shown cells; `onFound` is called after every blob. */
  async function run(index, state, { shown, onFound }) {
    const wanted = state.query.toLowerCase();
    const search = (found = { key: keyOf(state, shown), rows: new Set(), isWhole: false });
    const visit = (entry, row) => {
      if (textsOf(entry, shown).some((text) => text.toLowerCase().includes(wanted)))
        search.rows.add(row);
    };
    const rows = evalrunner.filters.select(
      index,
      { ...evalrunner.state.initial(), cells: shown },
      null,
    );
    const title = "Searching inputs and outputs";
    search.isRunning = true;
    try {
      search.isWhole = await evalrunner.pages.eachCase(index, rows, {
        title,
        visit,
        onPage: onFound,
      });
    } finally {
      search.isRunning = false;
      onFound();
    }
  }

  /** Ends a search that nobody waits for any more. */
  function leave() {
    if (found?.isRunning) evalrunner.pages.stop();
    found = null;
  }

  /** What the last search still lacks: `running`, `stopped`, or nothing. */
  function lack() {
    if (found === null || found.isWhole) return "";
    return found.isRunning ? "running" : "stopped";
  }

  function* texts(entry, shown) {
    yield entry.id;
    yield* [entry.input, entry.expected, entry.rubric, entry.fields].map(evalrunner.dom.textOf);
    for (const cell of shown) {
      for (const trial of entry.trials[cell] ?? []) yield evalrunner.dom.textOf(trial.output);
    }
  }

  function textsOf(entry, shown) {
    return entry ? [...texts(entry, shown)] : [];
  }

  function keyOf(state, shown) {
    return JSON.stringify([state.query, shown]);
  }

  evalrunner.search = { hits, isDue, run, leave, lack };
})((globalThis.evalrunner ??= {}));
