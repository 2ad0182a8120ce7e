// What a case is: its input, what was expected, and its other fields.
"use strict";

(function (evalrunner) {
  const { make, name, prose, textOf, visible } = evalrunner.dom;

  /** Elements that show the case itself, without any answer. */
  function facts(entry, slices) {
    const beside = [
      part("Expected", entry.expected),
      part("Rubric", entry.rubric),
      fields({ ...slices, ...entry.fields }),
    ].filter(Boolean);
    return make(
      "div",
      { class: `case-facts${beside.length ? " has-beside" : ""}` },
      make("div", { class: "case-part" }, make("h4", {}, "Input"), value(entry.input)),
      beside.length ? make("div", { class: "case-beside" }, beside) : null,
    );
  }

  function part(title, content) {
    if (content === null || content === undefined) return null;
    return make("div", { class: "case-part" }, make("h4", {}, title), value(content));
  }

  /** Any JSON value in the form people read best: text, turns, a list, or indented JSON. */
  function value(content) {
    if (isConversation(content)) return conversation(content);
    if (isListOfTexts(content)) return make("ul", { class: "case-texts" }, content.map(item));
    return prose(textOf(content), typeof content === "string" ? {} : { class: "mono" });
  }

  /** Turns of a conversation, or a prompt's system text and user turns. */
  function conversation(turns) {
    return make(
      "div",
      { class: "case-turns" },
      turns.map((turn) =>
        make(
          "div",
          { class: "case-turn" },
          make("span", { class: "case-role" }, visible(turn.role)),
          contentOf(turn.content),
        ),
      ),
    );
  }

  function contentOf(content) {
    if (!Array.isArray(content)) return value(content);
    const isText = (each) => each?.type === "text" && typeof each.text === "string";
    return make(
      "div",
      {},
      content.map((each) => (isText(each) ? prose(each.text) : value(each))),
    );
  }

  function item(text) {
    return make("li", { dir: "auto" }, visible(text));
  }

  function isConversation(content) {
    return (
      Array.isArray(content) &&
      content.length > 0 &&
      content.every((turn) => typeof turn?.role === "string" && "content" in turn)
    );
  }

  function isListOfTexts(content) {
    return (
      Array.isArray(content) &&
      content.length > 0 &&
      content.every((each) => typeof each === "string")
    );
  }

  function fields(known) {
    const pairs = Object.entries(known).filter(([, content]) => content !== null);
    if (!pairs.length) return null;
    const lines = pairs.map(([key, content]) => [
      make("dt", {}, name(key)),
      make("dd", {}, isListOfTexts(content) ? prose(content.join(", ")) : prose(textOf(content))),
    ]);
    return make(
      "div",
      { class: "case-part" },
      make("h4", {}, "Fields"),
      make("dl", {}, lines.flat()),
    );
  }

  evalrunner.facts = { facts, conversation };
})((globalThis.evalrunner ??= {}));
