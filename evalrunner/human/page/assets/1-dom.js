// Elements made of text nodes. What a model or a user wrote comes into the page only here, and only
// as text: nothing parses HTML. The files stand in the page in the order of their names.
"use strict";

(function (rating) {
  // Invisible, and needed to write Persian or to draw some emoji: U+200C, U+200D.
  const HIDDEN = /(?![\n\t\u200c\u200d])[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu;

  /** An element. `options`: `on` (event to listener), anything else is an attribute. */
  function make(tag, options = {}, ...children) {
    const made = document.createElement(tag);
    for (const [name, value] of Object.entries(options)) {
      if (value === null || value === undefined || value === false) continue;
      if (name === "on")
        for (const [event, listener] of Object.entries(value))
          made.addEventListener(event, listener);
      else made.setAttribute(name, value === true ? "" : value);
    }
    made.append(...children.flat().filter((child) => child !== null && child !== undefined));
    return made;
  }

  /** Foreign text; control and bidi characters, which could hide or reorder it, made visible. */
  function visible(text) {
    return String(text)
      .replaceAll("\r\n", "\n")
      .replace(HIDDEN, (character) => {
        const code = character.codePointAt(0).toString(16);
        return code.length > 2 ? `\\u${code.padStart(4, "0")}` : `\\x${code.padStart(2, "0")}`;
      });
  }

  /** Foreign text with its line breaks, in its own direction. */
  function prose(text, options = {}) {
    return make("div", { class: "text", dir: "auto", ...options }, visible(text));
  }

  function byId(id) {
    return document.getElementById(id);
  }

  /** Time as a person says it: `40 s`, `7 min`, `1 h 5 min`. */
  function spent(seconds) {
    if (seconds < 60) return `${Math.floor(seconds)} s`;
    const minutes = Math.floor(seconds / 60);
    return minutes < 60 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
  }

  /** A browser's storage, where it may be used: as text by name. */
  function storage(kind) {
    return {
      read(name) {
        try {
          return JSON.parse(window[kind].getItem(name));
        } catch {
          return null;
        }
      },
      /** Whether it is kept now. */
      write(name, value) {
        try {
          window[kind].setItem(name, JSON.stringify(value));
          return true;
        } catch {
          return false;
        }
      },
    };
  }

  rating.dom = { make, visible, prose, byId, spent, storage };
})((globalThis.rating ??= {}));
