// What is to be judged: the input, the outputs, the criteria. Outputs are treated alike in
// everything: long ones are cut at the same height, and opened and closed together.
"use strict";

(function (rating) {
  const { make, visible, prose, byId } = rating.dom;
  const STATES = { 1: ["met", "✓ met"], 0: ["unmet", "✗ not met"], null: ["", "skipped"] };

  function show(task, { toggle }) {
    const names = task.output_b === null ? ["Response"] : ["Response 1", "Response 2"];
    const outputs = [task.output_a, task.output_b].slice(0, names.length);
    byId("board").className = `board ${task.kind}${task.rating_criteria.length ? "" : " bare"}`;
    byId("instructions").textContent = visible(task.instructions);
    byId("instructions").hidden = !task.instructions;
    byId("input").replaceChildren(...block(input(task.input), toggle));
    byId("outputs").className = `outputs${names.length > 1 ? " two" : ""}`;
    byId("outputs").replaceChildren(
      ...outputs.map((text, place) => output(names[place], text, place + 1, toggle)),
    );
  }

  function output(name, text, number, toggle) {
    const id = `output-${number}`;
    return make(
      "section",
      { class: "output", id, "aria-labelledby": `${id}-title` },
      make("h2", { id: `${id}-title` }, name),
      make("div", { class: "block" }, ...block([prose(text)], toggle)),
    );
  }

  function block(content, toggle) {
    const more = make(
      "button",
      { type: "button", class: "control more", hidden: true, on: { click: toggle } },
    );
    return [make("div", { class: "clip" }, ...content), more];
  }

  /** A text as it is, messages as a conversation, anything else as indented JSON. */
  function input(value) {
    if (typeof value === "string") return [prose(value)];
    if (!isConversation(value)) return [data(value)];
    return value.map((message) =>
      make(
        "div",
        { class: "turn" },
        make("p", { class: "role" }, visible(message.role)),
        typeof message.content === "string"
          ? prose(message.content)
          : parts(message.content),
      ),
    );
  }

  function isConversation(value) {
    const isMessage = (each) => typeof each?.role === "string" && "content" in each;
    return Array.isArray(value) && value.length > 0 && value.every(isMessage);
  }

  function parts(content) {
    const isText = (part) => typeof part?.text === "string";
    return Array.isArray(content) && content.every(isText)
      ? content.map((part) => prose(part.text))
      : data(content);
  }

  function data(value) {
    return prose(JSON.stringify(value, null, 2), { class: "text data", dir: "ltr" });
  }

  /** Cut what is long, or show all of it. */
  function fold(isOpen) {
    const blocks = document.querySelectorAll("#board .block");
    for (const each of blocks) each.classList.add("is-short");
    const isLong = [...blocks].map((each) => {
      const clip = each.querySelector(".clip");
      return clip.scrollHeight > clip.clientHeight + 2;
    });
    blocks.forEach((each, place) => {
      const more = each.querySelector(".more");
      each.classList.toggle("is-short", !isOpen);
      each.classList.toggle("is-clipped", isLong[place] && !isOpen);
      more.hidden = !isLong[place];
      more.setAttribute("aria-expanded", String(isOpen));
      more.replaceChildren(isOpen ? "Show less " : "Show all ", make("kbd", {}, "Space"));
    });
    return isLong.includes(true);
  }

  /** The criteria; of a rubric with their answers, the active one marked. */
  function criteria(task, { said, active, choose }) {
    const list = task.kind === "rubric" ? "ol" : "ul";
    const items = task.rating_criteria.map((text, place) =>
      task.kind === "rubric"
        ? make("li", {}, criterion(text, place, { said, active, choose }))
        : make("li", { class: "plain", dir: "auto" }, visible(text)),
    );
    byId("criteria-section").hidden = items.length === 0;
    byId("criteria").replaceChildren(make(list, {}, ...items));
  }

  function criterion(text, place, { said, active, choose }) {
    const [kind, word] = said.has(text) ? STATES[said.get(text).label] : ["", "open"];
    return make(
      "button",
      {
        type: "button",
        class: "criterion",
        "aria-current": place === active ? "true" : null,
        on: { click: () => choose(place) },
      },
      make("span", { dir: "auto" }, visible(text)),
      make("span", { class: `state ${kind}` }, word),
    );
  }

  rating.texts = { show, fold, criteria };
})((globalThis.rating ??= {}));
