/* How far elements are off, in units of their own noise, beside those of an honest replay of the same step */

const CHART = { width: 300, height: 170, left: 10, right: 10, top: 12, bottom: 20 };
const UNITS = [-6, -3, 0, 3, 6];
const sumOf = counts => counts.reduce((sum, count) => sum + count, 0);

/* The middle of bin i */
const unitOf = (elements, i) => (i - (elements.counts.length - 1) / 2) * elements.bin_width;

function unitsAxis(plot, x) {
  for (const unit of UNITS)
    plot.append(svg("text", { x: x(unit), y: CHART.height - 4, "text-anchor": "middle" }, String(unit)));
}

/* Bars of the dump's elements, and the honest replay's as a line of steps, both as parts of all */
function histogram(elements) {
  const { counts, honest } = elements, width = CHART.width - CHART.left - CHART.right, bar = width / counts.length;
  const parts = list => list.map(count => count / (sumOf(list) || 1));
  const found = parts(counts), right = honest ? parts(honest) : null;
  const most = Math.max(...found, ...(right || [0]));
  const y = part => CHART.height - CHART.bottom - (CHART.height - CHART.bottom - CHART.top) * part / most;
  const plot = svg("svg", { viewBox: `0 0 ${CHART.width} ${CHART.height}`, role: "img", "aria-label":
    `Errors of ${sumOf(counts)} elements in units of their own noise, beside those of an honest replay` });
  const floor = CHART.height - CHART.bottom;
  found.forEach((part, i) => plot.append(svg("rect", { class: "fill", x: CHART.left + i * bar, width: bar * 0.9,
                                                       y: y(part), height: floor - y(part) })));
  if (right)
    plot.append(svg("path", { class: "normal", d: right.map((part, i) =>
      `${i ? "L" : "M"}${(CHART.left + i * bar).toFixed(1)} ${y(part).toFixed(1)}h${bar.toFixed(2)}`).join("") }));
  unitsAxis(plot, unit => CHART.left + width / 2 + unit / elements.bin_width * bar);
  const unlike = elements.not_finite ? `; ${elements.not_finite} are not finite.` : ".";
  return el("figure", {}, el("h3", {}, "Errors of elements, in units of their noise"), plot,
            el("p", { class: "soft" }, "Bars: the dump. Dashed: an honest replay of this step. The outermost bars " +
               "hold all that lies farther out" + unlike));
}

/* Where this part of all elements lies below, within its bin as if they were spread evenly */
function quantile(elements, counts, part) {
  let sum = 0;
  const aim = part * sumOf(counts);
  for (let i = 0; i < counts.length; i++) {
    if (counts[i] > 0 && sum + counts[i] >= aim)
      return unitOf(elements, i) + ((aim - sum) / counts[i] - 0.5) * elements.bin_width;
    sum += counts[i];
  }
  return unitOf(elements, counts.length - 1);
}

/* From a thousandth to all but a thousandth, denser towards the ends */
const PARTS = Array.from({ length: 41 }, (_, i) => 1 / (1 + Math.exp(-6.9 * (i - 20) / 20)));

function quantiles(elements) {
  const { counts, honest } = elements;
  if (!honest || sumOf(honest) === 0 || sumOf(counts) === 0) return null;
  const x = value => 150 + value * 22, y = value => 80 - value * 11;
  const plot = svg("svg", { viewBox: `0 0 ${CHART.width} ${CHART.height}`, role: "img", "aria-label":
    "Quantiles of the dump's errors against those of an honest replay; on the line they are the same" });
  plot.append(svg("path", { class: "normal", d: `M${x(-6)} ${y(-6)}L${x(6)} ${y(6)}` }));
  for (const part of PARTS)
    plot.append(svg("circle", { class: "dot", r: 2.2, cx: x(quantile(elements, honest, part)).toFixed(1),
                                cy: y(quantile(elements, counts, part)).toFixed(1) }));
  unitsAxis(plot, x);
  for (const unit of UNITS) plot.append(svg("text", { x: 4, y: y(unit) + 4 }, String(unit)));
  return el("figure", {}, el("h3", {}, "Quantiles beside honest noise"), plot,
            el("p", { class: "soft" }, "To the right the honest replay's, upwards the dump's: a step that is as " +
               "honest lies on the line, one that errs more is steeper, one that is biased lies beside it."));
}

function placeIn(shape, index) {
  const place = [];
  for (let i = shape.length - 1; i >= 0; i--) {
    place.unshift(index % shape[i]);
    index = Math.floor(index / shape[i]);
  }
  return "[" + place.join(", ") + "]";
}

function details(step) {
  const detail = step.detail, rows = step.shape.slice(0, -1);
  if (!detail)
    return el("p", { class: "soft" }, report().detail_left_out
      ? "Rows, channels and elements of this step are in the report's JSON; the page would be too large with them."
      : "Rows, channels and elements are in reports with --json-detail.");
  const columns = rows.length ? rows[rows.length - 1] : 1;
  const plots = el("div", { class: "plots" });
  const parts = [...(detail.layout ? [pictureMaps(step), tokenMaps(step)] : []), lookingGrids(detail),
    detail.layout && headMap(step, detail),
    heatMap("Rows" + (rows.length > 1 ? ", " + rows.join(" x ") : ""), detail.rows, columns, i => placeIn(rows, i)),
    heatMap("Channels", detail.channels, Math.min(64, detail.channels.length), i => "channel " + i),
    detail.elements && histogram(detail.elements), detail.elements && quantiles(detail.elements)];
  plots.append(...parts.flat().filter(part => part));
  return plots;
}
