/* The errors of steps in execution order, on a logarithmic scale. The pointer reads them; so does the slider beneath,
 * with the arrow keys or a finger. */

const CURVE = { width: 1000, height: 320, left: 52, right: 12, top: 12, bottom: 24 };

/* As wide as its place, so that its text keeps its size on a phone */
const curveWidth = () => Math.max(300, document.getElementById("main").clientWidth - 34);

function decades(shown) {
  let low = Infinity, high = -Infinity;
  for (const step of shown)
    for (const name of SERIES) {
      const value = step[name];
      if (!(value > 0) || state.hide.includes(name)) continue;
      low = Math.min(low, value);
      high = Math.max(high, value);
    }
  if (low > high) return [-4, 0];
  const first = Math.floor(Math.log10(low)), last = Math.ceil(Math.log10(high));
  return [first, Math.max(last, first + 1)];
}

function curveScales(shown) {
  const [first, last] = decades(shown);
  const part = i => shown.length > 1 ? i / (shown.length - 1) : 0.5;
  const x = i => CURVE.left + (CURVE.width - CURVE.left - CURVE.right) * part(i);
  const y = value => {
    const place = (Math.log10(Math.max(value, 10 ** first)) - first) / (last - first);
    return CURVE.height - CURVE.bottom - place * (CURVE.height - CURVE.top - CURVE.bottom);
  };
  return { first, last, x, y };
}

/* A line, broken where a step has no such number */
function pathOf(shown, name, scales) {
  let path = "", pen = false;
  shown.forEach((step, i) => {
    const value = step[name];
    if (value === null || value === undefined) { pen = false; return; }
    path += (pen ? "L" : "M") + scales.x(i).toFixed(1) + " " + scales.y(value).toFixed(1);
    if (!pen) path += "h0.01";
    pen = true;
  });
  return path;
}

function drawGrid(plot, shown, scales) {
  const every = Math.ceil((scales.last - scales.first) / 8);
  for (let power = scales.first; power <= scales.last; power += every) {
    const y = scales.y(10 ** power);
    plot.append(svg("line", { class: "grid", x1: CURVE.left, x2: CURVE.width - CURVE.right, y1: y, y2: y }),
                svg("text", { x: CURVE.left - 6, y: y + 4, "text-anchor": "end" }, "1e" + power));
  }
  let last = -Infinity;
  shown.forEach((step, i) => {
    const layer = step.tap.match(/layers\.(\d+)$/);
    if (!layer || scales.x(i) - last < 36) return;
    last = scales.x(i);
    plot.append(svg("text", { x: last, y: CURVE.height - 6, "text-anchor": "middle" }, layer[1]));
  });
}

function drawBent(plot, shown, scales) {
  shown.forEach((step, i) => {
    if (step.verdict !== "fail") return;
    const x = scales.x(i), y = step.introduced > 0 ? scales.y(step.introduced) : CURVE.top + 6;
    plot.append(svg("path", { class: "bent", d: `M${x - 5} ${y - 5}l10 10m0 -10l-10 10` }));
  });
}

function readoutOf(step) {
  return [tap(step.tap), " ", badge(step.verdict), el("br"),
          SERIES.map(name => name + " " + number(step[name])).join(", ") + ", ratio " + number(step.ratio)];
}

function curve(choose) {
  const shown = steps().filter(isShown);
  const section = el("section", { "aria-labelledby": "curve" }, el("h2", { id: "curve" }, "Errors by depth"));
  if (shown.length === 0) {
    section.append(el("p", {}, "No step matches the filters."));
    return section;
  }
  CURVE.width = curveWidth();
  CURVE.height = CURVE.width < 600 ? 240 : 320;
  const scales = curveScales(shown), readout = el("p", { class: "readout", "aria-live": "polite" });
  const plot = svg("svg", { viewBox: `0 0 ${CURVE.width} ${CURVE.height}`, role: "img", "aria-label":
    `Errors of ${shown.length} steps in execution order, logarithmic; the table of steps has the numbers.` });
  drawGrid(plot, shown, scales);
  for (const name of SERIES.filter(name => !state.hide.includes(name)).reverse())
    plot.append(svg("path", { class: "series " + name, d: pathOf(shown, name, scales) }));
  drawBent(plot, shown, scales);
  const cursor = svg("line", { class: "cursor", y1: CURVE.top, y2: CURVE.height - CURVE.bottom, x1: -9, x2: -9 });
  plot.append(cursor);

  const slider = el("input", { type: "range", class: "slider", min: 0, max: shown.length - 1, step: 1,
                               "aria-label": "Step to read in the plot" });
  const read = i => {
    slider.value = i;
    slider.setAttribute("aria-valuetext", shown[i].tap);
    cursor.setAttribute("x1", scales.x(i));
    cursor.setAttribute("x2", scales.x(i));
    readout.replaceChildren(...readoutOf(shown[i]));
  };
  const under = event => {
    const box = plot.getBoundingClientRect(), x = (event.clientX - box.left) / box.width * CURVE.width;
    const part = (x - CURVE.left) / (CURVE.width - CURVE.left - CURVE.right);
    return Math.min(shown.length - 1, Math.max(0, Math.round(part * (shown.length - 1))));
  };
  plot.addEventListener("pointermove", event => read(under(event)));
  plot.addEventListener("click", event => choose(shown[under(event)].tap));
  slider.addEventListener("input", () => read(Number(slider.value)));
  slider.addEventListener("change", () => choose(shown[Number(slider.value)].tap));

  const keys = el("div", { class: "bar legend" });
  for (const name of SERIES)
    keys.append(el("button", { type: "button", "aria-pressed": String(!state.hide.includes(name)), onclick: () => {
      state.hide = state.hide.includes(name) ? state.hide.filter(other => other !== name) : [...state.hide, name];
      changed("curve");
    } }, el("span", { class: "key " + name }), name));
  keys.append(el("span", { class: "soft" }, "relative L2; a cross is a bent step; numbers beneath are layers"));
  section.append(keys, el("figure", {}, plot), slider, readout);
  const begin = shown.findIndex(step => step.tap === (state.step || report().first_bent));
  read(begin < 0 ? 0 : begin);
  return section;
}
