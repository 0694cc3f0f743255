/* Maps of one step's rows and channels, with --json-detail: each has a slider that reads it, as a pointer does */

/* From the ground to red: a ratio of 1 is honest */
function colourOf(ratio, most) {
  if (ratio === null) return [128, 128, 128, 60];
  const part = Math.min(1, Math.log1p(ratio) / Math.log1p(most));
  const stops = [[247, 251, 255], [107, 174, 214], [254, 217, 118], [189, 0, 38]];
  const at = part * (stops.length - 1), i = Math.min(stops.length - 2, Math.floor(at));
  return [...stops[i].map((from, c) => Math.round(from + (stops[i + 1][c] - from) * (at - i))), 255];
}

const largest = values => values.reduce((most, value) => value !== null && value > most ? value : most, 0);
const worstOf = values =>
  values.reduce((best, value, i) => value !== null && (best < 0 || value > values[best]) ? i : best, -1);
const ratioText = value => value === null ? "not graded" : number(value);

/* A canvas of a pixel each. sayAt(i) says what is there, as text; the pointer asks for it, and so does the slider, with
 * the arrow keys or a finger. */
function pixelMap({ title, columns, lines, colourAt, sayAt, begin }) {
  const canvas = el("canvas", { width: columns, height: lines, role: "img",
                                "aria-label": `${title}: ${sayAt(begin)}` });
  const paper = canvas.getContext("2d"), image = paper.createImageData(columns, lines);
  for (let i = 0; i < columns * lines; i++) image.data.set(colourAt(i), 4 * i);
  paper.putImageData(image, 0, 0);
  const readout = el("p", { class: "readout soft", "aria-live": "polite" });
  const slider = el("input", { type: "range", class: "slider", min: 0, max: columns * lines - 1, step: 1,
                               "aria-label": "Place to read in: " + title });
  const read = i => {
    slider.value = i;
    slider.setAttribute("aria-valuetext", sayAt(i));
    readout.textContent = sayAt(i);
  };
  canvas.addEventListener("pointermove", event => {
    const box = canvas.getBoundingClientRect();
    const column = Math.floor((event.clientX - box.left) / box.width * columns);
    const line = Math.floor((event.clientY - box.top) / box.height * lines);
    read(Math.max(0, Math.min(lines - 1, line)) * columns + Math.max(0, Math.min(columns - 1, column)));
  });
  slider.addEventListener("input", () => read(Number(slider.value)));
  read(begin);
  return { canvas, slider, readout };
}

function ramp(most) {
  const bar = el("div", { class: "ramp", "aria-hidden": "true" });
  const at = part => colourOf(Math.expm1(part * Math.log1p(most)), most).slice(0, 3);
  bar.style.background = `linear-gradient(to right, ${[0, 1 / 3, 2 / 3, 1].map(part => `rgb(${at(part)})`)})`;
  return [bar, el("div", { class: "scale" }, el("span", {}, "0"), el("span", {}, number(most)))];
}

function heatMap(title, values, columns, placeOf) {
  const lines = Math.max(1, Math.ceil(values.length / columns)), most = Math.max(4, largest(values));
  const map = pixelMap({ title, columns, lines, begin: Math.max(0, worstOf(values)),
    colourAt: i => i < values.length ? colourOf(values[i], most) : [0, 0, 0, 0],
    sayAt: i => i < values.length ? `${placeOf(i)}: ${ratioText(values[i])}` : "nothing" });
  map.canvas.style.height = Math.min(320, Math.max(24, lines * Math.max(2, Math.min(16, 600 / columns)))) + "px";
  return el("figure", {}, el("h3", {}, title), map.canvas, ...ramp(most), map.slider, map.readout);
}

/* ---------------------------------------------------------------- rows by what they are of */

/* The worst ratio of a position of one of the batch, over heads and what is inside; null where none is graded */
function ratioAt(detail, batch, position) {
  const { heads, positions, inner } = detail.layout;
  let worst = null;
  for (let head = 0; head < heads; head++)
    for (let i = 0; i < inner; i++) {
      const ratio = detail.rows[((batch * heads + head) * positions + position) * inner + i];
      if (ratio !== null && ratio !== undefined && !(ratio <= worst)) worst = ratio;
    }
  return worst;
}

/* Of queries and keys; and of what has a row for each head, or for each layer, inside a position */
function headMap(step, detail) {
  const { heads, positions, inner } = detail.layout, count = Math.max(heads, inner);
  if (count < 2) return null;
  const values = Array(count).fill(null);
  detail.rows.forEach((ratio, row) => {
    const head = inner > 1 ? row % inner : Math.floor(row / positions) % heads;
    if (ratio !== null && !(ratio <= values[head])) values[head] = ratio;
  });
  const name = /self_attn/.test(step.tap) ? "head" : "part";
  return heatMap(`${capitalised(name)}s, the worst row of each`, values, count, i => `${name} ${i}`);
}

/* ---------------------------------------------------------------- over the picture */

/* The ratio at each place of a grid over the picture; null where the rows are not those of its patches */
function overPicture(detail, picture, before) {
  const { of, positions } = detail.layout, pooled = of === "patch" ? 1 : picture.pooled;
  const columns = Math.floor(picture.columns / pooled), lines = Math.floor(picture.rows / pooled);
  const grid = Array(columns * lines).fill(null), list = positions !== picture.positions.length && of !== "patch";
  if (!list && pooled === 1) {
    picture.positions.forEach(([x, y], i) => {
      if (x >= 0 && y >= 0) grid[y * columns + x] = ratioAt(detail, picture.image, i);
    });
    return { columns, lines, grid };
  }
  const slots = detail.rows.length / detail.layout.inner / positions > 1; /* a list of each picture, with padding */
  for (let i = 0; i < grid.length; i++)
    grid[i] = slots ? ratioAt(detail, picture.image, i) : ratioAt(detail, 0, before + i);
  return { columns, lines, grid };
}

function pictureMap(step, picture, before) {
  const { columns, lines, grid } = overPicture(step.detail, picture, before);
  const what = step.detail.layout.of, most = Math.max(4, largest(grid));
  const title = `${capitalised(what)}es over picture ${picture.image}`.replace("tokenes", "tokens");
  const map = pixelMap({ title, columns, lines, begin: Math.max(0, worstOf(grid)),
    colourAt: i => {
      if (grid[i] === null) return [0, 0, 0, 0];
      const part = Math.min(1, Math.log1p(grid[i]) / Math.log1p(most));
      return [...colourOf(grid[i], most).slice(0, 3), Math.round(70 + 170 * part)];
    },
    sayAt: i => `${what} (${i % columns}, ${Math.floor(i / columns)}): ${ratioText(grid[i])}` });
  const strength = el("input", { type: "range", class: "slider", min: 0, max: 100, value: 80 });
  strength.addEventListener("input", () => { map.canvas.style.opacity = strength.value / 100; });
  map.canvas.style.opacity = 0.8;
  const place = el("div", { class: "picture" },
    el("img", { alt: "", src: "data:image/png;base64," + picture.png }), map.canvas);
  place.style.aspectRatio = `${picture.columns} / ${picture.rows}`;
  return el("figure", { class: "wide" }, el("h3", {}, title), place, ...ramp(most), map.slider, map.readout,
            el("label", { class: "soft" }, "how strongly errors are drawn", strength));
}

function pictureMaps(step) {
  const detail = step.detail, drawn = (report().pictures || []).filter(picture => picture.png), maps = [];
  if (!["patch", "soft token"].includes(detail.layout.of) || /@\d+$/.test(step.tap)) return maps;
  let before = 0;
  for (const picture of drawn) {
    maps.push(pictureMap(step, picture, before));
    before += Math.floor(picture.columns / picture.pooled) * Math.floor(picture.rows / picture.pooled);
  }
  return maps;
}

/* ---------------------------------------------------------------- over the prompt */

const TOKEN_KINDS = ["text", "image", "video", "audio"], MOST_TOKENS = 2000;

function tokenMap(step, batch) {
  const detail = step.detail, { prompt } = report(), ids = prompt.ids[batch];
  const first = ids.length - detail.layout.positions; /* a dump may hold the last ones alone */
  const values = ids.map((_, i) => i < first ? null : ratioAt(detail, batch, i - first));
  const most = Math.max(4, largest(values)), tokens = el("ol", { class: "tokens" });
  ids.slice(0, MOST_TOKENS).forEach((id, i) => {
    const type = prompt.types ? prompt.types[batch][i] : 0;
    const kind = prompt.mask && !prompt.mask[batch][i] ? "padding" : TOKEN_KINDS[type];
    const [red, green, blue] = values[i] === null ? [128, 128, 128] : colourOf(values[i], most);
    const token = el("li", { class: kind, title: `${i}: ${kind} token ${id}, ${ratioText(values[i])}` }, String(id));
    token.style.background = `rgb(${red}, ${green}, ${blue})`;
    token.style.color = red * 0.299 + green * 0.587 + blue * 0.114 > 120 ? "#000" : "#fff";
    tokens.append(token);
  });
  const worst = worstOf(values), title = prompt.ids.length > 1 ? `Tokens of prompt ${batch}` : "Tokens of the prompt";
  const say = worst < 0 ? "None is graded." : `The worst is ${worst}, token ${ids[worst]}: ${number(values[worst])}.`;
  const more = ids.length > MOST_TOKENS ? ` The first ${MOST_TOKENS} of ${ids.length}.` : "";
  return el("figure", { class: "wide" }, el("h3", {}, title), tokens, ...ramp(most),
            el("p", { class: "soft" }, `${say}${more} Token ids; a frame is a picture's, a video's or a sound's.`));
}

function tokenMaps(step) {
  const { of, positions } = step.detail.layout, prompt = report().prompt;
  if (!prompt || of !== "token" || /@\d+$/.test(step.tap)) return [];
  const fits = positions <= prompt.ids[0].length && step.detail.rows.length % (prompt.ids.length * positions) === 0;
  return fits ? prompt.ids.map((_, batch) => tokenMap(step, batch)) : [];
}

/* ---------------------------------------------------------------- who looks at whom */

const LOOKS = { "#": [[88, 130, 178, 255], "looked at"], ".": [[128, 128, 128, 40], "not looked at"],
                "+": [[189, 0, 38, 255], "looked at, and should not be"],
                "-": [[240, 150, 0, 255], "not looked at, and should be"], " ": [[128, 128, 128, 110], "not graded"] };

/* "#12.3+" -> a letter a key */
const unfold = runs => runs.replace(/(.)(\d+)/g, (_, letter, count) => letter.repeat(Number(count)));

function lookingGrid(queries, batch, batches) {
  const rows = queries.map(unfold), all = rows.join(""), columns = rows[0].length;
  const count = letter => all.split(letter).length - 1;
  const title = "Who looks at whom" + (batches > 1 ? `, prompt ${batch}` : "");
  const map = pixelMap({ title, columns, lines: rows.length, begin: Math.max(0, all.search(/[+-]/)),
    colourAt: i => LOOKS[all[i]][0],
    sayAt: i => `query ${Math.floor(i / columns)}, key ${i % columns}: ${LOOKS[all[i]][1]}` });
  map.canvas.style.aspectRatio = `${columns} / ${rows.length}`;
  map.canvas.classList.add("grid-map");
  const keys = Object.entries(LOOKS).filter(([letter]) => count(letter) > 0).map(([letter, [colour, text]]) => {
    const swatch = el("span", { class: "swatch", "aria-hidden": "true" });
    swatch.style.background = `rgba(${colour[0]}, ${colour[1]}, ${colour[2]}, ${colour[3] / 255})`;
    return el("li", {}, swatch, `${text}: ${count(letter)}`);
  });
  return el("figure", {}, el("h3", {}, title), map.canvas, map.slider, map.readout,
            el("ul", { class: "keys" }, ...keys),
            el("p", { class: "soft" }, "Queries downwards, keys to the right; heads together."));
}

const lookingGrids = detail =>
  (detail.looks || []).map((queries, batch, all) => lookingGrid(queries, batch, all.length));
