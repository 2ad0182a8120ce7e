// Searching the index; sorting is that of every table.
"use strict";

(() => {
  const input = document.getElementById("runs-filter");
  const status = document.getElementById("runs-status");
  const shown = document.getElementById("runs-shown");
  const rows = Array.from(document.querySelectorAll("#runs tbody tr"));

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
    shown.textContent = n === rows.length ? "" : `${n} of ${rows.length} runs`;
  }

  input.addEventListener("input", apply);
  status.addEventListener("change", apply);
  // A reload keeps what was typed.
  apply();
})();
