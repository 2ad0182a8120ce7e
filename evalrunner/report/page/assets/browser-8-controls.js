// The controls over the list: they show the state and ask for changes of it.
"use strict";

(function (evalrunner) {
  const SELECTS = ["result", "scope", "status", "sort"];
  const SWITCHES = ["disagree", "flipped", "people"];
  const WAIT_MS = 150;

  const { make, name, visible, byId } = evalrunner.dom;

  /** Fills in what depends on the run, and calls `change(patch)` for whatever people do. */
  function connect(index, change) {
    const filter = (patch) => change({ ...patch, page: 1 });
    for (const key of SELECTS) onChange(`case-${key}`, (each) => filter({ [key]: each.value }));
    for (const key of SWITCHES) onChange(`case-${key}`, (each) => filter({ [key]: each.checked }));
    for (const key of ["low", "high"])
      onChange(`case-${key}`, (each) => filter({ [key]: percentOf(each) }));
    byId("case-people").closest("label").hidden = !index.hasPeople;
    byId("case-flipped").closest("label").hidden = !index.hasReference;
    byId("case-slices").replaceChildren(...sliceSelects(index, filter));
    byId("case-cells-body").replaceChildren(...cellMenu(index, filter));
    connectSearch(filter);
    closeMenuOutside();
    byId("case-reset").addEventListener("click", () => {
      change(evalrunner.state.initial());
      byId("case-search").focus();
    });
  }

  /** Makes the controls show a state. */
  function show(index, state, { shown, rows }) {
    for (const key of SELECTS) byId(`case-${key}`).value = state[key];
    for (const key of SWITCHES) byId(`case-${key}`).checked = state[key];
    for (const key of ["low", "high"]) byId(`case-${key}`).value = state[key] ?? "";
    if (document.activeElement !== byId("case-search")) byId("case-search").value = state.query;
    for (const select of byId("case-slices").querySelectorAll("select")) {
      select.value = state.slices[select.dataset.field] ?? "";
    }
    for (const box of byId("case-cells-body").querySelectorAll("input")) {
      box.checked = shown.includes(Number(box.value));
    }
    byId("case-cells-count").textContent = `${shown.length} of ${index.cells.size}`;
    byId("case-reset").hidden =
      evalrunner.state.format({ ...state, id: null, page: 1 }) === "#cases";
    setText("case-count", countText(index, rows));
    byId("case-searched").hidden = !state.query || state.whole;
  }

  function countText(index, rows) {
    const { count } = evalrunner.format;
    const lack =
      { running: " so far", stopped: ", search stopped" }[evalrunner.search.lack()] ?? "";
    return `${count(rows.length)} of ${count(index.size)} cases${lack}`;
  }

  // Equal text is not written again: screen readers would repeat it.
  function setText(id, text) {
    if (byId(id).textContent !== text) byId(id).textContent = text;
  }

  function onChange(id, listener) {
    byId(id).addEventListener("change", (event) => listener(event.target));
  }

  function percentOf(input) {
    const number = input.valueAsNumber;
    return Number.isFinite(number) ? Math.min(100, Math.max(0, number)) : null;
  }

  function connectSearch(filter) {
    const field = byId("case-search");
    let timer = 0;
    const ask = (whole) => {
      clearTimeout(timer);
      filter({ query: field.value.trim(), whole: whole && field.value.trim() !== "" });
    };
    field.addEventListener("input", () => {
      clearTimeout(timer);
      timer = setTimeout(ask, WAIT_MS, false);
    });
    field.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && !event.isComposing) ask(true);
    });
    byId("case-search-whole").addEventListener("click", () => ask(true));
    byId("case-task-stop").addEventListener("click", () => evalrunner.pages.stop());
  }

  function sliceSelects(index, filter) {
    return [...index.fields].map(([field, values]) => {
      const options = [...values].map((value) => make("option", { value }, visible(value)));
      const select = make(
        "select",
        { "data-field": field },
        make("option", { value: "" }, "any"),
        options,
      );
      select.addEventListener("change", () => filter({ slices: chosenSlices() }));
      return make("label", { class: "browser-field" }, name(field), select);
    });
  }

  function chosenSlices() {
    const selects = [...byId("case-slices").querySelectorAll("select")];
    return Object.fromEntries(
      selects.filter((each) => each.value).map((each) => [each.dataset.field, each.value]),
    );
  }

  function cellMenu(index, filter) {
    const boxes = () => [...byId("case-cells-body").querySelectorAll("input:checked")];
    const choose = () => filter({ cells: cellsOrDefault(boxes()) });
    const { button } = evalrunner.dom;
    const all = button("All", () => filter({ cells: [...index.cells.keys()] }));
    const usual = button("Candidates", () => filter({ cells: null }));
    const labels = [...index.cells.values()].map((cell) => {
      const box = make("input", { type: "checkbox", value: cell.id, on: { change: choose } });
      const role =
        cell.role === "candidate" ? null : make("span", { class: "browser-role" }, cell.role);
      return make(
        "label",
        {},
        box,
        make("span", { class: "browser-id" }, String(cell.id)),
        name(cell.label),
        role,
      );
    });
    return [make("div", { class: "browser-menu-buttons" }, usual, all), ...labels];
  }

  // Nothing chosen is no view: the default comes back.
  function cellsOrDefault(boxes) {
    return boxes.length ? boxes.map((box) => Number(box.value)) : null;
  }

  function closeMenuOutside() {
    const menu = byId("case-cells");
    document.addEventListener("click", (event) => {
      if (menu.open && event.target.isConnected && !menu.contains(event.target)) menu.open = false;
    });
    menu.addEventListener("focusout", (event) => {
      if (event.relatedTarget && !menu.contains(event.relatedTarget)) menu.open = false;
    });
    menu.addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || !menu.open) return;
      menu.open = false;
      menu.querySelector("summary").focus();
      event.stopPropagation();
    });
  }

  evalrunner.controls = { connect, show, setText };
})((globalThis.evalrunner ??= {}));
