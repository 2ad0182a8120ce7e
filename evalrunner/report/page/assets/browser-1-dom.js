// Elements made of text nodes. Whatever a model or a user wrote comes into the page only here,
// and only as text: no file of the case browser parses HTML.
"use strict";

(function (evalrunner) {
  // Invisible, and needed to write Persian or to draw some emoji: U+200C, U+200D.
  const HIDDEN = /(?![\n\t\u200c\u200d])[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu;

  /** An element. `options`: `class`, `on` (event to listener), anything else is an attribute. */
  function make(tag, options = {}, ...children) {
    const made = document.createElement(tag);
    for (const [name, value] of Object.entries(options)) {
      if (value === null || value === undefined || value === false) continue;
      if (name === "on") {
        for (const [event, listener] of Object.entries(value))
          made.addEventListener(event, listener);
      } else made.setAttribute(name, value === true ? "" : value);
    }
    made.append(...children.flat().filter((child) => child !== null && child !== undefined));
    return made;
  }

  function button(label, listener, options = {}) {
    return make("button", { type: "button", ...options, on: { click: listener } }, label);
  }

  /** Foreign text with its control, bidi and surrogate characters made visible. */
  function visible(text) {
    return String(text)
      .replaceAll("\r\n", "\n")
      .replace(HIDDEN, (character) => {
        const code = character.codePointAt(0).toString(16);
        return code.length > 2 ? `\\u${code.padStart(4, "0")}` : `\\x${code.padStart(2, "0")}`;
      });
  }

  /** A name that somebody chose: whatever its direction, it does not reorder its neighbours. */
  function name(text) {
    return make("bdi", {}, visible(text));
  }

  /** Longer foreign text as it was written, with its line breaks. */
  function prose(text, options = {}) {
    return make(
      "div",
      { dir: "auto", ...options, class: `prose ${options.class ?? ""}`.trim() },
      visible(text),
    );
  }

  /** Any JSON value as text: strings as they are, the rest indented. */
  function textOf(value) {
    if (value === null || value === undefined) return "";
    return typeof value === "string" ? value : JSON.stringify(value, null, 2);
  }

  /** A fold whose content is made when it is opened for the first time. */
  function fold(title, fill, options = {}) {
    const body = make("div", { class: "fold-body" });
    const made = make("details", { ...options }, make("summary", {}, title), body);
    const open = () => {
      if (!made.open || body.childNodes.length) return;
      fill(body);
    };
    made.addEventListener("toggle", open);
    return made;
  }

  function byId(id) {
    return document.getElementById(id);
  }

  evalrunner.dom = { make, button, visible, name, prose, textOf, fold, byId };
})((globalThis.evalrunner ??= {}));
