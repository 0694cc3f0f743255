/* One step: what its tap is, and its numbers beside their limits */

function gauges(step) {
  const body = el("tbody");
  for (const [gate, key] of GATES) {
    const limit = step.limits ? step.limits[gate] : null, found = step[key], over = step.over.includes(gate);
    const bar = el("div", { class: "gauge" + (over ? " over" : "") });
    if (limit > 0 && found !== null) {
      const reach = Math.max(Math.abs(found), limit) * 1.05;
      const filled = el("span"), mark = el("i");
      filled.style.width = Math.min(100, Math.abs(found) / reach * 100) + "%";
      mark.style.left = limit / reach * 100 + "%";
      bar.append(filled, mark);
    }
    body.append(el("tr", {}, el("th", { scope: "row" }, gate), el("td", { class: "number" }, number(found)),
                   el("td", { class: "number" }, number(limit)), el("td", {}, over ? badge("fail") : ""),
                   el("td", { class: "later", "aria-hidden": "true" }, bar)));
  }
  const head = (text, kind) => el("th", { scope: "col", class: kind }, text);
  const heads = el("tr", {}, head("gate", null), head("measured", "number"), head("limit", "number"), el("td"),
                   el("td", { class: "later" }));
  return scrolled("Measurements and limits", el("table", {}, el("thead", {}, heads), body));
}

/* Null of a tap that nobody has described, and of reports before there were descriptions */
function meaningOf(step) {
  const meaning = step.meaning;
  if (!meaning) return null;
  return el("p", {}, capitalised(meaning.phrase), ". Hugging Face: ", el("code", {}, meaning.hugging_face));
}

function stepSection(choose) {
  const step = chosenStep(), all = steps();
  if (!step) return null;
  const i = all.indexOf(step), worst = step.worst_element;
  const beside = (text, other) =>
    el("button", { type: "button", disabled: !other, onclick: () => choose(other.tap) }, text);
  return el("section", { id: "step", "aria-labelledby": "step-title" },
    el("h2", { id: "step-title" }, tap(step.tap), " ", badge(step.verdict)),
    el("div", { class: "bar" }, beside("Step before", all[i - 1]), beside("Step after", all[i + 1]),
       el("button", { type: "button", onclick: () => choose(null) }, "Close")),
    step.note ? el("p", {}, step.note) : null, meaningOf(step),
    list([...SERIES.map(name => [name, number(step[name])]), ["shape", step.shape.join(" x ")],
          ["rows", `${step.graded_rows} graded of ${step.rows}`],
          ["step reaches back over", step.absent_before ? step.absent_before + " taps that were not graded" : null],
          ["worst row", step.worst_row ? "[" + step.worst_row.join(", ") + "]" : null],
          ["worst channel", step.worst_channel === null ? null : String(step.worst_channel)],
          ["worst element", worst ? `[${worst.index.join(", ")}]: found ${number(worst.found, 9)}, expected ` +
                                    number(worst.expected, 9) : null]]),
    gauges(step), step.of_inputs ? null : details(step));
}
