/* The page: verdict and bug first, then curve, step, steps, candidates, and what the report is of */

function choose(name) {
  state.step = name;
  changed(name ? "step" : "steps");
}

/* Draws all anew; the place that changed stays in sight and keeps the focus. */
function changed(place) {
  const active = document.activeElement, id = active && active.id, label = active && active.textContent;
  writeAddress();
  draw();
  const again = (id && document.getElementById(id)) ||
    (label && [...document.querySelectorAll("button")].find(button => button.textContent === label));
  if (again) again.focus({ preventScroll: true });
  if (place === "step" && document.getElementById("step"))
    document.getElementById("step").scrollIntoView({ block: "nearest" });
}

function showReport(i) {
  Object.assign(state, { report: i, step: null, module: "" });
  changed("report");
}

function headsOf(names) {
  return el("thead", {}, el("tr", {}, ...names.map(name => el("th", { scope: "col" }, name))));
}

const UNREAD = "not read"; /* an error came before the case or the class */

/* Cases downwards, classes to the right; in each place a link for each port's dump */
function grid() {
  const distinct = key => [...new Set(reports.map(r => r[key] || UNREAD))];
  const cases = distinct("case"), classes = distinct("class");
  if (cases.length * classes.length < 2) return null;
  const body = el("tbody");
  for (const name of cases)
    body.append(el("tr", {}, el("th", { scope: "row" }, name), ...classes.map(kind => el("td", { class: "wide" },
      ...reports.flatMap((r, i) => (r.case || UNREAD) === name && (r.class || UNREAD) === kind
        ? [el("button", { type: "button", class: "row cell", id: "cell-" + i, onclick: () => showReport(i) },
              badge(r.outcome), " " + (r.dump || titleOf(r))), " "] : [])))));
  return scrolled("Cases and classes", el("table", {}, headsOf(["case", ...classes]), body));
}

function matrix() {
  const body = el("tbody");
  reports.forEach((r, i) => body.append(el("tr", { class: i === state.report ? "chosen" : null },
    el("td", {}, badge(r.outcome)),
    el("td", { class: "wide" }, el("button", { type: "button", class: "row", id: "report-" + i,
      "aria-current": i === state.report ? "true" : null, onclick: () => showReport(i) }, titleOf(r))),
    el("td", {}, r.class || "-"), el("td", { class: "wide" }, (r.all_named || []).join(", ")),
    el("td", { class: "wide" }, tap(r.first_bent || r.first_far || r.error || "")))));
  const failed = reports.filter(r => r.outcome === "fail" || r.outcome === "error").length;
  return el("section", { "aria-labelledby": "matrix" },
    el("h2", { id: "matrix" }, `${failed} of ${reports.length} reports failed`), grid(), el("br"),
    scrolled("Reports", el("table", {},
      headsOf(["verdict", "case and dump", "class", "named bug", "first bent step"]), body)));
}

function scrolled(label, table) {
  return el("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": label }, table);
}

/* Words of a source that are addresses become links */
function source(text) {
  return text.split(/(https?:\/\/[^\s,;)]+)/).map((part, i) =>
    i % 2 ? el("a", { href: part, rel: "noreferrer" }, part) : part);
}

function bugSection(id, r) {
  const bug = (r.bugs || {})[id] || {}, c = (r.candidates || []).find(candidate => candidate.id === id);
  const from = el("span", {}, ...source(bug.source || ""));
  const place = (r.all_named || []).indexOf(id), reach = (r.reaches || [])[place], strength = (r.strengths || [])[place];
  const where = r.first_bent || (c && c.first_step), first = steps().find(step => step.tap === where);
  const meaning = first && first.meaning;
  return el("div", { class: "bug" }, el("h3", {}, "Known bug: ", el("code", {}, id), reach ? ", " + reach : ""),
    el("p", {}, bug.mechanism ? bug.mechanism[0].toUpperCase() + bug.mechanism.slice(1) + "." : ""),
    meaning ? el("p", {}, "What to change: there where your port computes ", el("code", {}, where), ", ",
                 meaning.phrase, ". Compare with Hugging Face's ", el("code", {}, meaning.hugging_face)) : null,
    list([["stage", bug.stage], ["seen in", from], ["shows with", bug.exposed_by],
          ["explains", c ? `${number(100 * c.explained)} % of the error; coefficient ${number(c.coefficient)}, ` +
                           `z ${number(c.z)} (${number(c.expected_z)} for the bug itself)` : null],
          ["beside it", (r.with_others || [])[place] ? "something else is bent there too" : null],
          ["how much of it", strength && strength !== 1 ? `coefficient ${number(strength)}` : null],
          ["could be seen from", c && c.first_step ? tap(c.first_step) : null],
          ["cannot be told from", (r.cannot_tell_from || []).join(", ")]]));
}

function verdict() {
  const r = report(), bent = (r.steps || []).filter(step => step.verdict === "fail").length;
  const section = el("section", { class: "verdict " + r.outcome, "aria-labelledby": "verdict" },
    el("h2", { id: "verdict" }, badge(r.outcome), " ", titleOf(r)), el("p", { class: "lead" }, sentenceOf(r)));
  if (r.first_bent) {
    const show = el("button", { type: "button", onclick: () => choose(r.first_bent) }, "Show the step");
    section.append(el("p", {}, `${bent} of ${r.steps.length} steps are bent; those after it that pass are right ` +
                               "given its output. ", show));
  }
  for (const id of r.all_named || []) section.append(bugSection(id, r));
  if (r.pattern) section.append(el("p", {}, "No known bug explains it; the error looks like: " + r.pattern));
  if (r.kind === "grade" && r.first_bent)
    section.append(el("p", { class: "soft" }, "plumb diagnose, with the same arguments, asks which known bug it is."));
  if (r.stopped) section.append(el("p", {}, "Nothing after the inputs was graded: " + r.stopped));
  if (r.computes_wider) section.append(el("p", {}, `It declares ${r.class}, and computes in a wider dtype.`));
  if (r.fits && r.first_bent) section.append(el("p", {}, `Every step is straight as ${r.fits}.`));
  for (const hint of r.hints || []) section.append(el("p", { class: "soft" }, hint));
  const features = (r.features || []).length ? ", with " + r.features.join(", ") : "";
  if (r.class) section.append(list([["graded as", r.class + features],
    ["readings", (r.readings || []).join(", ")], ["samples", String(r.samples)], ["strict", r.strict ? "yes" : "no"]]));
  return section;
}

/* How far the output of each part is off as a whole, beside whole passes of an honest backend */
function ends() {
  const list = report().ends || [], keys = ["total", "honest", "ratio", "ratio_limit", "worst_row_ratio", "kl",
                                            "honest_kl", "flipped"];
  if (list.length === 0) return "";
  const heads = ["verdict", "end", "total", "honest", "ratio", "limit", "worst row", "KL", "honest KL", "flipped"];
  return el("section", { "aria-labelledby": "ends" }, el("h2", { id: "ends" }, "Ends of parts"),
    table("Table of ends", heads, list.map(end =>
      [badge(end.verdict), tap(end.tap), ...keys.map(key => number(end[key]))])));
}

function filters() {
  const modules = [...new Set(steps().map(step => moduleOf(step.tap)))];
  const select = (key, choices) => el("select", { id: key, onchange: event => {
    state[key] = event.target.value;
    changed(key);
  } }, ...choices.map(([value, text]) => el("option", { value, selected: state[key] === value }, text)));
  const find = el("input", { type: "search", id: "find", value: state.find, oninput: event => {
    state.find = event.target.value;
    writeAddress();
    drawSteps();
  } });
  const verdicts = [["all", "all steps"], ["fail", "bent"], ["pass", "straight"], ["none", "not graded"]];
  return el("div", { class: "bar" }, el("label", {}, "show", select("show", verdicts)),
    el("label", {}, "module", select("module", [["", "all"], ...modules.map(name => [name, name])])),
    el("label", {}, "name holds", find));
}

function showWhole() {
  state.whole = true;
  drawSteps();
}

function stepTable() {
  const columns = [["introduced", "introduced"], ["honest", "honest"], ["ratio", "ratio"], ["row", "worst_row_ratio"],
                   ["channel", "worst_channel_ratio"], ["element", "worst_element_ratio"], ["bias", "bias"]];
  const shown = steps().filter(isShown), body = el("tbody"), left = state.whole ? 0 : shown.length - MANY;
  for (const step of left > 0 ? shown.slice(0, MANY) : shown)
    body.append(el("tr", { class: step.tap === state.step ? "chosen" : null }, el("td", {}, badge(step.verdict)),
      el("td", {}, el("button", { type: "button", class: "row tap", onclick: () => choose(step.tap) }, step.tap)),
      ...columns.map(([, key]) => el("td", { class: "number" }, number(step[key])))));
  const heads = el("tr", {}, el("th", { scope: "col" }, "verdict"), el("th", { scope: "col" }, "step"),
    ...columns.map(([name]) => el("th", { class: "number", scope: "col" }, name)));
  return el("div", {}, el("p", { class: "soft" }, `${shown.length} of ${steps().length} steps`),
    scrolled("Table of steps", el("table", {}, el("thead", {}, heads), body)),
    left > 0 ? el("button", { type: "button", onclick: () => showWhole() }, `Show ${left} more steps`) : "");
}

function table(label, heads, rows) {
  const cellOf = (cell, i) => el("td", { class: i > 0 && typeof cell === "string" ? "wide" : null }, cell);
  return scrolled(label, el("table", {}, headsOf(heads),
    el("tbody", {}, ...rows.map(row => el("tr", {}, ...row.map(cellOf))))));
}

function folded(title, ...content) {
  return el("details", {}, el("summary", {}, title), ...content);
}

/* A folded list under "N things"; nothing where there are none */
function foldedList(things, title, content) {
  return (things || []).length ? folded(`${things.length} ${title}`, content(things)) : "";
}

function candidates(r) {
  return foldedList(r.candidates, "bugs that this dump could reveal", list => table("Candidates",
    ["bug", "explains", "coefficient", "z", "could be seen from", "mechanism"], list.map(c =>
      [el("code", {}, c.id), number(100 * c.explained) + " %", number(c.coefficient), number(c.z),
       tap(c.first_step || "-"), (r.bugs[c.id] || {}).mechanism || ""])));
}

function about() {
  const r = report(), names = list => el("p", {}, list.join(", "));
  return el("section", { "aria-labelledby": "about" }, el("h2", { id: "about" }, "What this report is of"),
    candidates(r), foldedList(r.not_exposed, "bugs that it cannot show", names),
    foldedList(r.ties, "ties", ties => table("Ties", ["tap", "row", "found", "expected"],
      ties.map(tie => [tap(tie.tap), String(tie.row), String(tie.found), String(tie.expected)]))),
    foldedList(r.not_graded, "taps were not graded", taps => table("Not graded", ["tap", "because"],
      taps.map(absence => [tap(absence.tap), absence.because]))),
    foldedList(r.unknown, "names in the dump that are no taps", names),
    foldedList(r.files, "files", files => table("Files", ["role", "file", "bytes", "SHA-256"], files.map(file =>
      [file.role, el("code", {}, file.path), String(file.bytes), el("code", {}, file.sha256)]))),
    el("p", {}, el("code", {}, r.command.join(" "))));
}

function drawSteps() {
  const place = document.getElementById("steps-list"), curves = document.getElementById("curve-place");
  place.replaceChildren(stepTable());
  curves.replaceChildren(curve(choose));
}

function draw() {
  const main = document.getElementById("main"), parts = [];
  if (reports.length > 1) parts.push(matrix());
  parts.push(verdict());
  if (steps().length) {
    parts.push(el("div", { id: "curve-place" }));
    parts.push(ends());
    const step = stepSection(choose);
    if (step) parts.push(step);
    parts.push(el("section", { "aria-labelledby": "steps" }, el("h2", { id: "steps" }, "Steps"), filters(),
                  el("div", { id: "steps-list" })));
  }
  parts.push(about());
  main.replaceChildren(...parts);
  if (steps().length) drawSteps();
  const program = report().program, commit = program.commit ? ` (${program.commit})` : "";
  document.getElementById("footer").textContent =
    `${program.name} ${program.version}${commit}, report schema ${report().schema_version}`;
}

readAddress();
draw();
addEventListener("beforeprint", () => { if (steps().length) showWhole(); });
addEventListener("hashchange", () => { readAddress(); draw(); });
addEventListener("resize", () => { if (curveWidth() !== CURVE.width) draw(); });
