// The case browser: connects the address, the list, the opened case and the keyboard.
// The scripts stand in the page in the order of their names: a file uses those of lower numbers.
"use strict";

(function (evalrunner) {
  const { byId } = evalrunner.dom;

  function connect(browser) {
    evalrunner.controls.connect(browser.index, (patch, how) => browser.change(patch, how));
    const clicks = {
      "case-back": () => browser.close(),
      "case-before": () => browser.step(-1),
      "case-after": () => browser.step(1),
      "case-page-before": () => browser.turn(-1),
      "case-page-after": () => browser.turn(1),
      "case-copy": () => browser.copyCase(),
      "case-copy-link": () => browser.copyLink(),
      "case-copy-all": () => browser.copyAll(),
      "case-save-all": () => browser.saveAll(),
    };
    for (const [id, listener] of Object.entries(clicks))
      byId(id).addEventListener("click", listener);
    byId("case-against").addEventListener("change", (event) =>
      browser.compareWith(event.target.value),
    );
    window.addEventListener("hashchange", () => browser.follow());
    evalrunner.keys.connect({
      j: () => browser.step(1),
      k: () => browser.step(-1),
      f: () => byId("case-cells").querySelector("summary").focus(),
      "/": () => browser.focusOn(byId("case-search")),
      d: () => browser.compareWith(evalrunner.opened.otherDiff()),
      r: () => evalrunner.raw.toggleAll(),
      c: () => (browser.state.id === null ? browser.copyAll() : browser.copyCase()),
      Escape: () => browser.state.id !== null && browser.close(),
      "?": () => evalrunner.keys.help(),
    });
  }

  async function start() {
    if (!byId("case-browser")) return;
    try {
      const index = new evalrunner.Index(await evalrunner.blobs.loadIndex());
      const browser = new evalrunner.Browser(index);
      connect(browser);
      byId("case-waiting").hidden = true;
      byId("case-browser").hidden = false;
      browser.render();
      browser.follow();
    } catch (error) {
      byId("case-waiting").textContent = error.message;
    }
  }

  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start);
  else start();
})((globalThis.evalrunner ??= {}));
