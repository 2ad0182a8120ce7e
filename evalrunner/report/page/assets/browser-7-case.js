// The opened case: its bar, its facts, its answers.
"use strict";

(function (evalrunner) {
  const { make, byId, name, visible } = evalrunner.dom;

  // Kept while people walk from case to case.
  const view = { against: "", chosen: "", repeats: new Map() };
  let current = null;

  /** Draws the case at `row`; resolves once its texts are there. */
  async function draw(index, row, { shown, place, total, query }) {
    const id = index.id(row);
    const isNew = current?.row !== row;
    if (isNew) view.repeats.clear();
    byId("case-title").replaceChildren(name(id));
    const { count } = evalrunner.format;
    const where =
      place < 0 ? "not among the filtered cases" : `${count(place + 1)} of ${count(total)}`;
    byId("case-place").textContent = where;
    byId("case-body").setAttribute("aria-busy", "true");
    if (isNew) byId("case-body").replaceChildren();
    current = { index, row, entry: null };
    try {
      const entry = (await evalrunner.pages.casesOf(index.page(row))).get(id);
      // Somebody went on while this was loading.
      if (current?.row !== row) return;
      current = opened(index, row, { entry, shown, query });
      drawBody();
    } catch (error) {
      fail(error);
    }
    byId("case-body").removeAttribute("aria-busy");
  }

  function opened(index, row, { entry, shown, query }) {
    const held = index.group(row).cells;
    const wanted = shown.filter((cell) => held.includes(cell));
    const cells = (wanted.length ? wanted : held).map((cell) => index.cells.get(cell));
    return { index, row, entry, cells, query, people: (cell) => index.people(row, cell) };
  }

  function drawBody() {
    const { index, row, entry } = current;
    fillAgainst();
    const slices = Object.keys(index.group(row).slices).map((field) => [
      field,
      index.slice(row, field) ?? null,
    ]);
    byId("case-body").replaceChildren(
      evalrunner.facts.facts(entry, Object.fromEntries(slices)),
      evalrunner.answers.columns(current, view),
    );
    evalrunner.found.show(byId("case-body"), current.query);
  }

  function fail(error) {
    const isOurs = error instanceof evalrunner.blobs.BlobError;
    const text = isOurs ? error.message : `This case could not be read: ${error.message}`;
    byId("case-body").replaceChildren(
      make("p", { class: "browser-error", role: "alert" }, visible(text)),
    );
  }

  // What the diff can compare with in this case; what was chosen before is kept where it exists.
  function fillAgainst() {
    const { cells, entry } = current;
    const others = cells.length > 1 ? cells : [];
    const known = [
      ["", "nothing"],
      ...(entry.expected === null ? [] : [["expected", "the expected answer"]]),
      ...others.map((cell) => [String(cell.id), visible(cell.label)]),
    ];
    const options = known.map(([value, label]) => make("option", { value }, label));
    byId("case-against").replaceChildren(...options);
    if (!known.some(([value]) => value === view.against)) view.against = "";
    byId("case-against").value = view.against;
  }

  /** Compares the answers with `against`: "", "expected" or a cell's number. */
  function compareWith(against) {
    view.against = against;
    view.chosen = against || view.chosen;
    if (current?.entry) drawBody();
  }

  /** Word diff on or off: with what was chosen last, else with the first there is. */
  function toggleDiff() {
    if (!current?.entry) return;
    const values = [...byId("case-against").options].map((option) => option.value).filter(Boolean);
    const usual = values.includes(view.chosen) ? view.chosen : (values[0] ?? "");
    compareWith(view.against ? "" : usual);
  }

  function close() {
    current = null;
    byId("case-body").replaceChildren();
  }

  /** The opened case with its texts; null while there is none. */
  function open() {
    return current?.entry ? current : null;
  }

  evalrunner.opened = { draw, close, open, compareWith, toggleDiff };
})((globalThis.evalrunner ??= {}));
