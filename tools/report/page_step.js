/* One step: its numbers beside their limits, and with --json-detail its rows, channels and elements */

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

/* From the ground to red: a ratio of 1 is honest */
function colourOf(ratio, most) {
  if (ratio === null) return [128, 128, 128, 60];
  const part = Math.min(1, Math.log1p(ratio) / Math.log1p(most));
  const stops = [[247, 251, 255], [107, 174, 214], [254, 217, 118], [189, 0, 38]];
  const at = part * (stops.length - 1), i = Math.min(stops.length - 2, Math.floor(at));
  return [...stops[i].map((from, c) => Math.round(from + (stops[i + 1][c] - from) * (at - i))), 255];
}

/* The last dimension of the rows runs to the right, all others downwards: heads and queries, batch and tokens */
function heatMap(title, values, columns, placeOf) {
  const lines = Math.max(1, Math.ceil(values.length / columns));
  const most = Math.max(4, ...values.filter(value => value !== null));
  const canvas = el("canvas", { width: columns, height: lines, role: "img" });
  const worst = values.reduce((best, value, i) => value !== null && (best < 0 || value > values[best]) ? i : best, -1);
  canvas.setAttribute("aria-label", `${title}: ${values.length} ratios` +
    (worst >= 0 ? `, the worst ${number(values[worst])} at ${placeOf(worst)}` : ""));
  const paper = canvas.getContext("2d"), image = paper.createImageData(columns, lines);
  values.forEach((value, i) => image.data.set(colourOf(value, most), 4 * i));
  paper.putImageData(image, 0, 0);
  canvas.style.height = Math.min(320, Math.max(24, lines * Math.max(2, Math.min(16, 600 / columns)))) + "px";
  const readout = el("p", { class: "readout soft" },
                     worst >= 0 ? `worst: ${placeOf(worst)} ${number(values[worst])}` : "");
  canvas.addEventListener("pointermove", event => {
    const box = canvas.getBoundingClientRect();
    const i = Math.floor((event.clientY - box.top) / box.height * lines) * columns +
              Math.floor((event.clientX - box.left) / box.width * columns);
    if (i >= 0 && i < values.length)
      readout.textContent = `${placeOf(i)}: ${values[i] === null ? "not graded" : number(values[i])}`;
  });
  const ramp = el("div", { class: "ramp", "aria-hidden": "true" });
  const at = part => colourOf(Math.expm1(part * Math.log1p(most)), most).slice(0, 3);
  const stops = [0, 1 / 3, 2 / 3, 1].map(part => `rgb(${at(part)})`);
  ramp.style.background = `linear-gradient(to right, ${stops})`;
  return el("figure", {}, el("h3", {}, title), canvas, ramp,
            el("div", { class: "scale" }, el("span", {}, "0"), el("span", {}, number(most))), readout);
}

function placeIn(shape, index) {
  const place = [];
  for (let i = shape.length - 1; i >= 0; i--) {
    place.unshift(index % shape[i]);
    index = Math.floor(index / shape[i]);
  }
  return "[" + place.join(", ") + "]";
}

const density = x => Math.exp(-x * x / 2) / Math.sqrt(2 * Math.PI);

function histogram(elements) {
  const counts = elements.counts, width = elements.bin_width, all = counts.reduce((a, b) => a + b, 0) || 1;
  const middle = (counts.length - 1) / 2, most = Math.max(...counts, all * width * density(0));
  const x = i => 10 + 280 * i / counts.length, y = count => 150 - 135 * count / most;
  const plot = svg("svg", { viewBox: "0 0 300 170", role: "img", "aria-label":
    `Errors of ${all} elements in units of their own noise, beside a normal distribution` });
  counts.forEach((count, i) => plot.append(svg("rect", { class: "fill", x: x(i), width: 280 / counts.length * 0.9,
                                                         y: y(count), height: 150 - y(count) })));
  const normal = i => y(all * width * density((i - middle) * width)).toFixed(1);
  plot.append(svg("path", { class: "normal", d: counts.map((_, i) =>
    (i ? "L" : "M") + x(i + 0.5).toFixed(1) + " " + normal(i)).join("") }));
  for (const unit of [-6, -3, 0, 3, 6])
    plot.append(svg("text", { x: x(middle + 0.5 + unit / width), y: 166, "text-anchor": "middle" }, String(unit)));
  return el("figure", {}, el("h3", {}, "Errors of elements, in units of their noise"), plot,
            el("p", { class: "soft" }, "Dashed: a normal distribution. The outermost bars hold all that lies " +
               "farther out" + (elements.not_finite ? `; ${elements.not_finite} are not finite.` : ".")));
}

/* Quantiles of the normal distribution, by bisection of its distribution function (Abramowitz and Stegun 7.1.26) */
function below(x) {
  const t = 1 / (1 + 0.3275911 * Math.abs(x) / Math.SQRT2);
  const tail = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))));
  const half = tail * Math.exp(-x * x / 2) / 2;
  return x < 0 ? half : 1 - half;
}

function normalQuantile(part) {
  let low = -7, high = 7;
  for (let i = 0; i < 40; i++) {
    const x = (low + high) / 2;
    if (below(x) < part) low = x; else high = x;
  }
  return (low + high) / 2;
}

function quantiles(elements) {
  const counts = elements.counts, width = elements.bin_width, all = counts.reduce((a, b) => a + b, 0) || 1;
  const middle = (counts.length - 1) / 2, place = value => 150 + value * 22, rise = value => 85 - value * 12;
  const plot = svg("svg", { viewBox: "0 0 300 170", role: "img", "aria-label":
    "Quantiles of the errors against those of a normal distribution; on the line they are honest" });
  plot.append(svg("path", { class: "normal", d: `M${place(-6)} ${rise(-6)}L${place(6)} ${rise(6)}` }));
  let sum = 0;
  counts.slice(0, -1).forEach((count, i) => {
    sum += count;
    if (count === 0 || sum === 0 || sum === all) return;
    plot.append(svg("circle", { class: "dot", r: 2.2, cx: place(normalQuantile(sum / all)).toFixed(1),
                                cy: rise((i + 0.5 - middle) * width).toFixed(1) }));
  });
  for (const unit of [-6, -3, 0, 3, 6])
    plot.append(svg("text", { x: place(unit), y: 168, "text-anchor": "middle" }, String(unit)),
                svg("text", { x: 6, y: rise(unit) + 4 }, String(unit)));
  return el("figure", {}, el("h3", {}, "Quantiles beside honest noise"), plot,
            el("p", { class: "soft" }, "To the right the normal distribution's, upwards those of the step."));
}

function details(step) {
  const detail = step.detail, rows = step.shape.slice(0, -1);
  if (!detail)
    return el("p", { class: "soft" }, "Rows, channels and elements are in reports of plumb grade --json-detail.");
  const columns = rows.length ? rows[rows.length - 1] : 1;
  const plots = el("div", { class: "plots" },
    heatMap("Rows" + (rows.length > 1 ? ", " + rows.join(" x ") : ""), detail.rows, columns, i => placeIn(rows, i)),
    heatMap("Channels", detail.channels, Math.min(64, detail.channels.length), i => "channel " + i));
  if (detail.elements) plots.append(histogram(detail.elements), quantiles(detail.elements));
  return plots;
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
    step.note ? el("p", {}, step.note) : null,
    list([...SERIES.map(name => [name, number(step[name])]), ["shape", step.shape.join(" x ")],
          ["rows", `${step.graded_rows} graded of ${step.rows}`],
          ["step reaches back over", step.absent_before ? step.absent_before + " taps that were not graded" : null],
          ["worst row", step.worst_row ? "[" + step.worst_row.join(", ") + "]" : null],
          ["worst channel", step.worst_channel === null ? null : String(step.worst_channel)],
          ["worst element", worst ? `[${worst.index.join(", ")}]: found ${number(worst.found, 9)}, expected ` +
                                    number(worst.expected, 9) : null]]),
    gauges(step), step.of_inputs ? null : details(step));
}
