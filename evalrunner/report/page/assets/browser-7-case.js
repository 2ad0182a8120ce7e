// The opened case: its bar, its facts, its answers.
"use strict";

(function (evalrunner) {
  const { make, byId, name, visible } = evalrunner.dom;

  // Kept while people walk from case to case; `against` where this case has it.
  const view = { against: "", chosen: "", repeats: new Map() };
  let current = null;

  /** Draws the case at `row`; resolves once its texts are there. */
  async function draw(index, row, { shown, place, total, query, against }) {
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
    if (isNew) current = { index, row, entry: null };
    try {
      const entry = (await evalrunner.pages.casesOf(index.page(row))).get(id);
      // Somebody went on while this was loading.
      if (current?.row !== row) return;
      current = opened(index, row, { entry, shown, query });
      chooseAgainst(against);
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
    return {
      index,
      row,
      entry,
      cells,
      query,
      score: (cell) => index.score(row, cell),
      status: (cell) => index.status(row, cell),
      people: (cell) => index.people(row, cell),
    };
  }

  function drawBody() {
    const { index, row, entry } = current;
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

  // What the diff can compare with in this case: nothing where it lacks what is asked for.
  function chooseAgainst(against) {
    const { cells, entry } = current;
    const others = cells.length > 1 ? cells : [];
    const known = [
      ["", "nothing"],
      ...(entry.expected === null ? [] : [["expected", "the expected answer"]]),
      ...others.map((cell) => [String(cell.id), visible(cell.label)]),
    ];
    const options = known.map(([value, label]) => make("option", { value }, label));
    byId("case-against").replaceChildren(...options);
    view.against = known.some(([value]) => value === against) ? against : "";
    view.chosen = view.against || view.chosen;
    byId("case-against").value = view.against;
  }

  /** What to compare with when the diff is turned on or off: what was chosen last, else the first. */
  function otherDiff() {
    if (view.against) return "";
    const values = [...byId("case-against").options].map((option) => option.value).filter(Boolean);
    return values.includes(view.chosen) ? view.chosen : (values[0] ?? "");
  }

  function close() {
    current = null;
    byId("case-body").replaceChildren();
  }

  /** The opened case with its texts; null while there is none. */
  function open() {
    return current?.entry ? current : null;
  }

  evalrunner.opened = { draw, close, open, otherDiff };
})((globalThis.evalrunner ??= {}));
