// The list of cases: a table of one page, a link per case and a mark per shown cell.
"use strict";

(function (evalrunner) {
  const PAGE = 50;
  // With more cells than this their names do not fit over the marks.
  const MOST_NAMED = 6;
  const LONGEST_TITLE = 90;

  const { make, name, visible, byId } = evalrunner.dom;

  /** Draws the page of `rows` that the state asks for. */
  function draw(index, state, { rows, shown }) {
    const page = Math.min(state.page, pageCount(rows));
    const visibleRows = rows.slice((page - 1) * PAGE, page * PAGE);
    byId("case-table-head").replaceChildren(head(index, shown));
    byId("case-table-body").replaceChildren(
      ...visibleRows.map((row) => line(index, row, { state, shown })),
    );
    byId("case-table").classList.toggle("is-crowded", shown.length > MOST_NAMED);
    byId("case-table").hidden = visibleRows.length === 0;
    byId("case-none").hidden = visibleRows.length > 0 || evalrunner.search.lack() === "running";
    drawPager(page, rows);
  }

  function pageCount(rows) {
    return Math.max(1, Math.ceil(rows.length / PAGE));
  }

  /** Page of the list that has the row at this place. */
  function pageOf(place) {
    return Math.floor(place / PAGE) + 1;
  }

  /** The link of a case in the list as drawn; null when it is on another page. */
  function link(id) {
    return links().find((each) => each.dataset.id === id) ?? null;
  }

  function links() {
    return [...byId("case-table-body").querySelectorAll("a")];
  }

  function head(index, shown) {
    const cells = shown.map((cell) => {
      const { label } = index.cells.get(cell);
      const options = { scope: "col", class: "mark-head", title: visible(label) };
      // The style sheet shows one of the two.
      return make("th", options, name(label), make("span", {}, String(cell)));
    });
    return make("tr", {}, make("th", { scope: "col" }, "Case"), cells);
  }

  function line(index, row, { state, shown }) {
    const id = index.id(row);
    const address = evalrunner.state.format({ ...state, id });
    const link = make("a", { href: address, "data-id": id, class: "case-link" }, name(id));
    const title = make(
      "span",
      { class: "case-title", dir: "auto" },
      visible(cutTitle(index.title(row))),
    );
    const marks = shown.map((cell) => make("td", { class: "mark-cell" }, markOf(index, row, cell)));
    const first = make("th", { scope: "row" }, link, ...badges(index, row, shown), title);
    return make("tr", {}, first, marks);
  }

  // The index has the beginnings of inputs only.
  function cutTitle(title) {
    return title.length < LONGEST_TITLE ? title : `${title}…`;
  }

  /** A cell's outcome on a case; nothing where the cell has no such case. */
  function markOf(index, row, cell) {
    const score = index.score(row, cell);
    if (score === undefined) return null;
    return evalrunner.mark.ofScore(score, index.status(row, cell), index.cells.get(cell).label);
  }

  function badges(index, row, shown) {
    const { disagree, flipped, peopleDisagree } = evalrunner.outcomes;
    const cells = shown.filter((cell) => index.score(row, cell) !== undefined);
    const known = [
      [disagree, "disagree", "The models disagree"],
      [flipped, "flipped", "Flipped against the baseline"],
      [peopleDisagree, "people", "People and the judge disagree"],
    ];
    return known
      .filter(([test]) => test(index, row, cells))
      .map(([, text, title]) =>
        make("span", { class: `case-badge case-badge-${text}`, title }, text),
      );
  }

  function drawPager(page, rows) {
    const last = pageCount(rows);
    byId("case-pager").hidden = last === 1;
    byId("case-page-before").disabled = page === 1;
    byId("case-page-after").disabled = page === last;
    byId("case-page").textContent =
      `Page ${evalrunner.format.count(page)} of ${evalrunner.format.count(last)}`;
  }

  evalrunner.list = { draw, pageCount, pageOf, link, links };
})((globalThis.evalrunner ??= {}));
