// What is shown, as it stands in the address: `#cases?cell=3&slice.category=billing`, `#case=ID`.
// The address is the only memory: links, back and forward need nothing else.
"use strict";

(function (evalrunner) {
  const LIST = {
    cells: null,
    slices: {},
    result: "",
    scope: "any",
    status: "",
    low: null,
    high: null,
    disagree: false,
    flipped: false,
    people: false,
    query: "",
    whole: false,
    sort: "",
    page: 1,
  };
  const CASE = { id: null, against: "" };
  const WORDS = ["result", "status", "sort"];
  const SWITCHES = ["disagree", "flipped", "people", "whole"];

  /** The list with nothing filtered. */
  function initial() {
    return { ...LIST, slices: {}, ...CASE };
  }

  /** State that an address asks for; null for an address of another section. */
  function parse(hash, previous) {
    if (hash.startsWith("#case=")) {
      const read = new URLSearchParams(hash.slice(1));
      const cells = cellsOf(read) ?? previous.cells;
      return { ...previous, id: read.get("case"), cells, against: read.get("diff") ?? "" };
    }
    if (hash !== "#cases" && !hash.startsWith("#cases?")) return null;
    const read = new URLSearchParams(hash.slice("#cases?".length));
    // Who goes back to the list and opens another case goes on with the diff.
    return { ...parseList(read), against: previous.against };
  }

  function parseList(read) {
    const state = initial();
    state.cells = cellsOf(read);
    for (const [key, value] of read) {
      if (key.startsWith("slice.")) state.slices[key.slice("slice.".length)] = value;
    }
    for (const key of WORDS) state[key] = read.get(key) ?? "";
    for (const key of SWITCHES) state[key] = read.get(key) === "1";
    for (const key of ["low", "high"]) state[key] = numberOf(read.get(key));
    state.scope = read.get("scope") === "all" ? "all" : "any";
    state.query = read.get("q") ?? "";
    state.page = Math.max(1, Math.floor(numberOf(read.get("page")) ?? 1));
    return state;
  }

  /** The address of a state. */
  function format(state) {
    return state.id === null ? formatList(state) : formatCase(state);
  }

  function formatCase(state) {
    const cells = state.cells === null ? "" : `&cells=${state.cells.join(",")}`;
    const diff = state.against ? `&diff=${encodeURIComponent(state.against)}` : "";
    // An address cannot hold half a surrogate pair: `find` knows the id without it.
    return `#case=${encodeURIComponent(state.id.toWellFormed())}${cells}${diff}`;
  }

  function formatList(state) {
    const written = new URLSearchParams();
    if (state.cells !== null) written.set("cell", state.cells.join(","));
    for (const [field, value] of Object.entries(state.slices)) written.set(`slice.${field}`, value);
    for (const key of WORDS) if (state[key]) written.set(key, state[key]);
    for (const key of SWITCHES) if (state[key]) written.set(key, "1");
    for (const key of ["low", "high"]) if (state[key] !== null) written.set(key, state[key]);
    if (state.scope === "all") written.set("scope", "all");
    if (state.query) written.set("q", state.query);
    if (state.page > 1) written.set("page", state.page);
    const text = String(written).replaceAll("%2C", ",");
    return text ? `#cases?${text}` : "#cases";
  }

  function cellsOf(read) {
    const texts = [...read.getAll("cell"), ...read.getAll("cells")].flatMap((text) =>
      text.split(","),
    );
    const cells = texts.map(numberOf).filter(Number.isInteger);
    return cells.length ? [...new Set(cells)] : null;
  }

  function numberOf(text) {
    const number = text === null || text.trim() === "" ? NaN : Number(text);
    return Number.isFinite(number) ? number : null;
  }

  evalrunner.state = { initial, parse, format };
})((globalThis.evalrunner ??= {}));
