// Sorting and filtering of tables that are complete without it, and the light/dark switch.
"use strict";

(() => {
  const root = document.documentElement;

  // Numbers go before text, and what is unknown last, whichever way the column is sorted.
  function sortKey(row, column) {
    const cell = row.cells[column];
    if (!cell) return null;
    const value = cell.dataset.value ?? cell.textContent.trim();
    if (value === "") return null;
    const number = Number(value);
    return Number.isNaN(number) ? value : number;
  }

  function compare(a, b) {
    if (typeof a === "number" && typeof b === "number") return a - b;
    if (typeof a === "number") return -1;
    if (typeof b === "number") return 1;
    return a.localeCompare(b, "en", { numeric: true });
  }

  function sortRows(body, column, direction) {
    const rows = Array.from(body.rows, (row) => ({ row, key: sortKey(row, column) }));
    const known = rows.filter((each) => each.key !== null);
    const unknown = rows.filter((each) => each.key === null);
    known.sort((a, b) => direction * compare(a.key, b.key));
    body.append(...[...known, ...unknown].map((each) => each.row));
  }

  function makeSortable(table) {
    const heads = Array.from(table.tHead.rows[table.tHead.rows.length - 1].cells);
    heads.forEach((head, column) => {
      const button = head.querySelector("button");
      if (!button) return;
      button.addEventListener("click", () => {
        // The first click on numbers shows the largest, on names the first.
        const first = head.matches(".num, [data-first=descending]") ? "descending" : "ascending";
        const other = first === "ascending" ? "descending" : "ascending";
        const wanted = head.getAttribute("aria-sort") === first ? other : first;
        heads.forEach((each) => each.removeAttribute("aria-sort"));
        head.setAttribute("aria-sort", wanted);
        for (const body of table.tBodies) {
          if (!body.classList.contains("group-head")) {
            sortRows(body, column, wanted === "ascending" ? 1 : -1);
          }
        }
      });
    });
  }

  function makeFilter(input) {
    const status = document.getElementById("cells-status");
    const shown = document.getElementById("cells-shown");
    const rows = Array.from(document.querySelectorAll("#cells tbody tr[data-status]"));

    function apply() {
      const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
      let n = 0;
      for (const row of rows) {
        const text = row.textContent.toLowerCase();
        const isShown = (status.value === "" || row.dataset.status === status.value)
          && words.every((word) => text.includes(word));
        row.hidden = !isShown;
        n += isShown;
      }
      shown.textContent = n === rows.length ? "" : `${n} of ${rows.length} cells`;
    }

    // A link to a row that is filtered away would lead nowhere.
    function reveal() {
      const row = document.getElementById(location.hash.slice(1));
      if (row && row.hidden && rows.includes(row)) {
        input.value = "";
        status.value = "";
        apply();
        row.scrollIntoView();
      }
    }

    input.addEventListener("input", apply);
    status.addEventListener("change", apply);
    addEventListener("hashchange", reveal);
    // A reload keeps what was typed.
    apply();
  }

  function makeThemeSwitch(button) {
    const dark = matchMedia("(prefers-color-scheme: dark)");
    const isDark = () => (root.dataset.theme ? root.dataset.theme === "dark" : dark.matches);
    const say = () => { button.textContent = isDark() ? "Light" : "Dark"; };
    button.addEventListener("click", () => {
      root.dataset.theme = isDark() ? "light" : "dark";
      say();
    });
    dark.addEventListener("change", say);
    button.hidden = false;
    say();
  }

  // On paper nothing can be opened.
  function openForPrint() {
    let opened = [];
    addEventListener("beforeprint", () => {
      opened = Array.from(document.querySelectorAll("details:not([open])"));
      opened.forEach((each) => { each.open = true; });
    });
    addEventListener("afterprint", () => {
      opened.forEach((each) => { each.open = false; });
      opened = [];
    });
  }

  document.querySelectorAll("table[data-sortable]").forEach(makeSortable);
  document.querySelectorAll("#cells-filter").forEach(makeFilter);
  document.querySelectorAll("#theme").forEach(makeThemeSwitch);
  openForPrint();
})();
