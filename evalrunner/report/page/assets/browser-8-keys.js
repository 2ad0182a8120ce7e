// The keyboard: single letters, never while somebody types, and they can be switched off.
"use strict";

(function (evalrunner) {
  const { byId } = evalrunner.dom;

  /** Calls `actions[key]()` for a pressed key that is meant for the case browser. */
  function connect(actions) {
    document.addEventListener("keydown", (event) => {
      const action = actions[event.key];
      if (!action || !isMeant(event)) return;
      event.preventDefault();
      action();
    });
    byId("case-help-open").addEventListener("click", help);
    for (const button of document.querySelectorAll("#case-browser dialog button.browser-close")) {
      button.addEventListener("click", () => button.closest("dialog").close());
    }
  }

  function help() {
    if (!byId("case-help").open) byId("case-help").showModal();
  }

  function isMeant(event) {
    if (event.defaultPrevented || event.isComposing) return false;
    if (event.ctrlKey || event.altKey || event.metaKey) return false;
    if (document.querySelector("dialog[open]")) return false;
    // Escape takes one out of a field, and is no letter that somebody could dictate by mistake.
    if (event.key !== "Escape" && !byId("case-keys").checked) return false;
    return !isTyping(event.target);
  }

  function isTyping(target) {
    if (!(target instanceof Element)) return false;
    if (target.closest("textarea, select, [contenteditable]:not([contenteditable=false])"))
      return true;
    const input = target.closest("input");
    return input !== null && !["checkbox", "radio", "button"].includes(input.type);
  }

  evalrunner.keys = { connect, help };
})((globalThis.evalrunner ??= {}));
