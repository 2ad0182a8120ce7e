// The keyboard: single keys, but not while somebody types, and not where they are switched off.
"use strict";

(function (rating) {
  const { make, byId, storage } = rating.dom;
  const store = storage("localStorage");
  const OFF = "rating keys off";

  const HELP = {
    pairwise: [
      ["1 or ←", "response 1 is better"],
      ["2 or →", "response 2 is better"],
      ["3", "a tie: equally good"],
      ["4", "both are bad"],
    ],
    rubric: [
      ["1", "the criterion is met"],
      ["2", "it is not met"],
      ["↑ ↓", "another criterion"],
    ],
    all: [
      ["s", "skip: no answer"],
      ["u", "undo: back to the task before"],
      ["c", "go on, after going back"],
      ["n", "write a note"],
      ["f", "flag: something is wrong with the task"],
      ["Space", "show all of long texts, or less"],
      ["?", "this help"],
    ],
  };

  /** The name of a key that stands for what is printed on it, whatever the layout. */
  function nameOf(event) {
    if (/^Digit[1-4]$/.test(event.code) && !event.shiftKey) return event.code.slice(5);
    if (event.key.length > 1) return event.key;
    const isForeign = event.key > "\u007f" && event.code.startsWith("Key");
    return (isForeign ? event.code.slice(3) : event.key).toLowerCase();
  }

  function isTyping(target) {
    return target.closest("textarea, input, dialog") !== null;
  }

  /** `actions()` gives those of this moment: from key to function. */
  function connect(actions) {
    document.addEventListener("keydown", (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
      if (isTyping(event.target) || byId("single-keys").checked === false) return;
      const name = nameOf(event);
      // A button that has the focus is pressed by them.
      if ((name === " " || name === "Enter") && event.target.closest("button")) return;
      const action = actions()[name];
      if (!action) return;
      event.preventDefault();
      // Who leaves a finger on a key has judged one task, not ten.
      if (!event.repeat) action();
    });
  }

  function prepare() {
    const box = make("input", {
      type: "checkbox",
      id: "single-keys",
      checked: store.read(OFF) !== true,
      on: { change: (event) => store.write(OFF, !event.target.checked) },
    });
    byId("keys").querySelector("form").before(make("label", {}, box, " Answer by single keys"));
    byId("help").addEventListener("click", () => byId("keys").showModal());
  }

  /** `1 or ←` as it is printed on keys. */
  function caps(keys) {
    return keys.split(" ").flatMap((word) => [word === "or" ? word : make("kbd", {}, word), " "]);
  }

  function describe(kind) {
    const rows = [...(HELP[kind] ?? []), ...HELP.all].map(([keys, text]) =>
      make("tr", {}, make("th", { scope: "row" }, ...caps(keys)), make("td", {}, text)),
    );
    byId("keys-table").replaceChildren(...rows);
  }

  rating.keys = { connect, prepare, describe };
})((globalThis.rating ??= {}));
