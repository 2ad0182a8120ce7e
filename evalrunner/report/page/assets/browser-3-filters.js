// Which cases the list shows, and in which order.
"use strict";

(function (evalrunner) {
  const SORTS = {
    worst: (index, row, cells) => evalrunner.outcomes.worst(index, row, cells) ?? 2,
    disagreement: (index, row, cells) => -(evalrunner.outcomes.spread(index, row, cells) ?? -1),
  };

  /** Cells to show: those asked for, else the candidates, else all. */
  function shownCells(index, state) {
    const asked = (state.cells ?? []).filter((cell) => index.cells.has(cell));
    if (asked.length) return asked;
    return index.candidates.length ? index.candidates : [...index.cells.keys()];
  }

  /** The rows that pass every filter, sorted. `hits`: rows found in whole texts, or null. */
  function select(index, state, hits) {
    const shown = shownCells(index, state);
    const rows = [];
    index.groups.forEach((group, number) => {
      const cells = shown.filter((cell) => group.cells.includes(cell));
      if (!cells.length) return;
      const keeps = predicate(index, state, cells, hits);
      const first = index.offsets[number];
      for (let row = first; row < first + group.ids.length; row += 1)
        if (keeps(row)) rows.push(row);
    });
    return sorted(index, rows, { sort: state.sort, shown });
  }

  function predicate(index, state, cells, hits) {
    const tests = [
      ...Object.entries(state.slices).map(
        ([field, value]) =>
          (row) =>
            index.slice(row, field) === value,
      ),
      ...switches(index, state, cells),
    ];
    const byCell = cellTests(index, state);
    if (byCell.length) {
      const quantify = state.scope === "all" ? "every" : "some";
      tests.push((row) => cells[quantify]((cell) => byCell.every((test) => test(row, cell))));
    }
    if (hits) tests.push((row) => hits.has(row));
    else if (state.query) tests.push(titleTest(index, state.query));
    return (row) => tests.every((test) => test(row));
  }

  function switches(index, state, cells) {
    const { disagree, flipped, peopleDisagree } = evalrunner.outcomes;
    const asked = { disagree, flipped, people: peopleDisagree };
    return Object.keys(asked)
      .filter((key) => state[key])
      .map((key) => (row) => asked[key](index, row, cells));
  }

  // One cell must pass all of these at once: failed and refused, not failed here and refused there.
  function cellTests(index, state) {
    const tests = [];
    if (state.result) {
      tests.push((row, cell) => evalrunner.outcomes.has(state.result, index.score(row, cell)));
    }
    if (state.status) {
      tests.push(
        (row, cell) => evalrunner.format.STATUSES[index.status(row, cell)] === state.status,
      );
    }
    if (state.low !== null) tests.push((row, cell) => percentOf(index, row, cell) >= state.low);
    if (state.high !== null) tests.push((row, cell) => percentOf(index, row, cell) <= state.high);
    return tests;
  }

  function percentOf(index, row, cell) {
    const score = index.score(row, cell);
    return typeof score === "number" ? 100 * score : NaN;
  }

  function titleTest(index, query) {
    const wanted = query.toLowerCase();
    return (row) =>
      index.id(row).toLowerCase().includes(wanted) ||
      index.title(row).toLowerCase().includes(wanted);
  }

  function sorted(index, rows, { sort, shown }) {
    if (sort === "id") {
      const compare = new Intl.Collator("en", { numeric: true }).compare;
      return rows.sort((left, right) => compare(index.id(left), index.id(right)));
    }
    const key = SORTS[sort];
    if (!key) return rows;
    const keys = new Map(rows.map((row) => [row, key(index, row, shown)]));
    return rows.sort((left, right) => keys.get(left) - keys.get(right));
  }

  evalrunner.filters = { shownCells, select };
})((globalThis.evalrunner ??= {}));
