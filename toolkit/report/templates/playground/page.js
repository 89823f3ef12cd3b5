// The page: its controls, its pictures, the numbers behind a point.

const HEAD_NAMES = {
  softmax: "softmax", hinge: "multiclass hinge", squared_hinge: "squared hinge", logistic: "logistic", squared_sigmoid: "squared error on a sigmoid",
  squared: "squared error", absolute: "absolute error", huber: "Huber",
};
const DATA_NAMES = {
  circle: "disc in a ring", xor: "xor", gaussians: "clouds", spiral: "spiral", line: "two sides of a line", plane: "plane", outliers: "plane with outliers",
  saddle: "saddle", hills: "hill and hollow", waves: "waves", drawn: "points drawn by hand", table: "table",
};
const ACTIVATION_NAMES = { linear: "linear", sigmoid: "sigmoid", tanh: "tanh", relu: "ReLU", leaky_relu: "leaky ReLU", elu: "ELU", maxout: "maxout" };
// A change of these goes on with the weights as they are; of any other, training starts again.
const LIVE = ["dropout", "l1", "l2", "maxNorm", "batch", "rate"];
const LARGE = 560; // pixels of a large picture
const PATIENCE = 3000; // milliseconds for the steps of a link
const embedded = JSON.parse(find("embedded").textContent);

let table = embedded.header ? embedded : null, state = null, training = null, points = null;
let running = 0, chosen = null, pointed = null, changed = false, drag = -1, grid = null, passes = [];

function find(id) { return document.getElementById(id); }

function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name in element && typeof value !== "string") element[name] = value;
    else element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

function short(value, digits = 3) {
  return Number.isFinite(value) ? String(Number(value.toPrecision(digits))).replace("-", "−") : "not a number";
}

const percent = (share) => `${(100 * share).toFixed(1)} %`;

// ---- state -> training

function say(notes) {
  find("message").replaceChildren(...notes.map((note) => make("p", {}, note)));
}

function makePoints() {
  if (state.data === "table") return tablePoints(table, { problem: state.problem, a: state.columns[0], b: state.columns[1], target: state.columns[2], seed: state.seed });
  if (state.data !== "drawn") return generate(state);
  const classes = Math.max(2, ...state.points.map((point) => point[2] + 1));
  return {
    places: state.points.map(([x, y]) => [x, y]), y: state.points.map((point) => point[2]), axes: ["x", "y"], notes: [], scaled: false,
    labels: state.problem === "regression" ? [] : Array.from({ length: classes }, (_, k) => `class ${k + 1}`),
  };
}

// Start again from the state. Notes are shown; so is an error in the data, and then the default data is taken.
function restart(notes = []) {
  stop();
  notes = [...notes, ...settle(state)];
  if (state.data === "table" && !table) {
    notes.push("The link is for a table, and a link can't hold one: drop the file on the page again.");
    state.data = choicesOf(state.problem).data[0];
  }
  if (state.data === "drawn" && state.points.length < 2) {
    notes.push("Fewer than two points are drawn: a generated shape is shown.");
    state.data = choicesOf(state.problem).data[0];
  }
  try {
    if (state.data === "table" && Math.max(...state.columns) >= table.header.length) state.columns = defaultColumns(table);
    points = makePoints();
  } catch (error) {
    notes.push(error.message);
    state.data = choicesOf(state.problem).data[0];
    points = makePoints();
  }
  [changed, pointed, chosen] = [false, null, null];
  begin();
  notes.push(...goTo(state.steps));
  say([...notes, ...training.data.notes]);
  showControls();
  buildNetwork();
  buildOutputs();
  draw();
  saveAddress();
}

// Make the steps that a link asks for, as far as they go in a few seconds. Return notes.
function goTo(last) {
  const end = performance.now() + PATIENCE;
  while (training.step < last && performance.now() < end) {
    advance(training);
    if (training.step % 10 === 0) record(training);
  }
  record(training);
  return training.step < last ? [`The link is at step ${last}, which takes long: this is step ${training.step}. Press Run to go on.`] : [];
}

function begin() {
  training = startTraining(state, points);
  grid = { places: gridPlaces(training.data.side, MAP) };
  grid.x = featuresOf(grid.places, state.features);
}

function saveAddress() {
  state.steps = changed ? 0 : Math.min(training.step, NUMBER_LIMITS.steps[1]);
  history.replaceState(null, "", encodeState(state));
}

// ---- running

function steps(count) {
  remember(training);
  for (let i = 0; i < count; i++) {
    if (advance(training).every(Number.isFinite)) continue;
    pause();
    say(["The loss is no longer a number: the steps are too large for these data. Lower the learning rate, then press Restart."]);
    break;
  }
  record(training);
}

function frame() {
  if (!running) return;
  steps(Number(find("speed").value));
  draw();
  if (running) running = requestAnimationFrame(frame);
}

function run() {
  if (running) return pause();
  find("run").textContent = "Pause";
  find("numbers").setAttribute("aria-live", "off"); // nobody wants every step read out
  running = requestAnimationFrame(frame);
}

function stop() {
  cancelAnimationFrame(running);
  running = 0;
  find("run").textContent = "Run";
  find("numbers").setAttribute("aria-live", "polite");
}

function pause() {
  stop();
  saveAddress();
}

// ---- controls

function fillSelect(id, names, value) {
  find(id).replaceChildren(...Object.entries(names).map(([key, name]) => make("option", { value: key }, name)));
  find(id).value = value;
}

function defaultColumns(read) {
  const numbers = numberColumns(read), target = read.header.length - 1, two = numbers.filter((i) => i !== target).slice(0, 2);
  if (two.length < 2) throw new Error("The table needs two columns of numbers beside its target.");
  return [...two, target];
}

function showControls() {
  const choices = choicesOf(state.problem), named = (keys, names) => Object.fromEntries(keys.map((key) => [key, names[key]]));
  fillSelect("data", named(choices.data.filter((key) => (key !== "table" || table) && (key !== "drawn" || state.points.length)), DATA_NAMES), state.data);
  fillSelect("head", named(choices.head, HEAD_NAMES), state.head);
  fillSelect("second", { "": "no second head", ...named(choices.head.filter((key) => key !== state.head), HEAD_NAMES) }, state.second);
  for (const id of ["problem", "classes", "noise", "test", "seed", "start", "dropout", "l1", "l2", "maxNorm", "batch", "optimizer", "rate"]) {
    const control = find(id), value = String(state[id]);
    if (control.tagName === "SELECT" && ![...control.options].some((option) => option.value === value)) control.append(make("option", { value }, value));
    control.value = value;
  }
  find("noise-text").textContent = percent(state.noise);
  find("test-text").textContent = percent(state.test);
  for (const box of document.querySelectorAll("[name=feature]")) box.checked = state.features.includes(box.value);
  find("classes-row").hidden = !["gaussians", "spiral"].includes(state.data);
  find("noise-row").hidden = ["table", "drawn"].includes(state.data);
  find("columns").hidden = state.data !== "table";
  if (state.data === "table") ["a", "b", "target"].forEach((id, i) => fillSelect(id, Object.fromEntries(table.header.entries()), state.columns[i]));
  find("drawing-row").hidden = state.data === "table";
  const brushes = state.problem === "regression" ? { 1: "value 1", 0: "value 0", "-1": "value −1" } : Object.fromEntries([0, 1, 2, 3, 4].map((k) => [k, `class ${k + 1}`]));
  fillSelect("brush", { move: "move points only", ...brushes, remove: "remove points" }, find("brush").value in { move: 1, remove: 1, ...brushes } && find("brush").value ? find("brush").value : "move");
}

function readControls(event) {
  const { id, name } = event.target;
  if (name === "feature") {
    const chosenFeatures = [...document.querySelectorAll("[name=feature]:checked")].map((box) => box.value);
    if (!chosenFeatures.length) { event.target.checked = true; return say(["The network needs at least one input."]); }
    state.features = chosenFeatures;
    fresh();
  } else if (["a", "b", "target"].includes(id)) {
    state.columns = ["a", "b", "target"].map((column) => Number(find(column).value));
    fresh();
  } else if (id in DEFAULTS) {
    const value = readSetting(id, event.target.value);
    if (value === undefined) return showControls();
    state[id] = value;
    if (id === "problem") {
      const data = state.data === "table" ? "table" : choicesOf(value).data[0];
      Object.assign(state, { data, head: choicesOf(value).head[0], second: "", points: [] });
    }
    if (id === "head" && state.second === value) state.second = "";
    if (!LIVE.includes(id)) return fresh();
    changed = changed || training.step > 0;
    showControls();
    saveAddress();
  }
}

function fresh(notes) {
  state.steps = 0;
  restart(notes);
}

function readFile(file) {
  if (!file) return;
  const reader = new FileReader();
  reader.onload = () => {
    try {
      const read = parseTable(reader.result), columns = defaultColumns(read);
      const target = columns[2], values = new Set(read.rows.map((row) => row[target]));
      table = read;
      // Many different numbers are values, not classes; the reader can change it.
      const regression = values.size > MOST_CLASSES && numberColumns(read).includes(target);
      Object.assign(state, { data: "table", columns, problem: regression ? "regression" : "classification", points: [] });
      if (!choicesOf(state.problem).head.includes(state.head)) Object.assign(state, { head: choicesOf(state.problem).head[0], second: "" });
      fresh([`${file.name}: ${read.rows.length} rows and ${read.header.length} columns. The file stays in this page. Choose the columns and the target on the left.`]);
    } catch (error) { say([`${file.name}: ${error.message}`]); }
  };
  reader.onerror = () => say([`${file.name} can't be read.`]);
  reader.readAsText(file);
}

// ---- the network's picture

const unitName = (layer, unit) => (layer < 0 ? `input ${FEATURE_NAMES[state.features[unit]]}`
  : layer === state.layers.length ? `output ${unit + 1}${training.data.labels.length && shownNetwork().layers.at(-1).width > 1 ? `, ${training.data.labels[unit]}` : ""}`
    : `layer ${layer + 1}, unit ${unit + 1}`);

function shownNetwork() {
  return training.networks[Math.min(Number(find("shown").value), training.networks.length - 1)];
}

function unitButton(layer, unit) {
  const button = make("button", { type: "button", class: "unit", "aria-pressed": "false", "aria-label": unitName(layer, unit), "data-layer": String(layer), "data-unit": String(unit) },
    make("canvas", { width: MAP, height: MAP, "aria-hidden": "true" }));
  button.addEventListener("click", () => {
    chosen = chosen && chosen[0] === layer && chosen[1] === unit ? null : [layer, unit];
    draw();
  });
  for (const kind of ["pointerenter", "focus"]) button.addEventListener(kind, () => describeUnit(layer, unit));
  return button;
}

function describeUnit(layer, unit) {
  const { inputs, columns, width, kernel, bias } = layer < 0 ? {} : shownNetwork().layers[layer];
  let text = unitName(layer, unit);
  for (let piece = unit; layer >= 0 && piece < columns; piece += width) {
    const weights = Array.from({ length: inputs }, (_, i) => short(kernel[i * columns + piece]));
    text += `${columns > width ? `; piece ${1 + (piece - unit) / width}` : ""}: bias ${short(bias[piece])}; weights ${weights.join(", ")}`;
  }
  find("unit").textContent = `${text}.`;
}

function layerControls(index) {
  const [width, activation] = state.layers[index], name = `layer ${index + 1}`;
  const select = make("select", { id: `activation-${index}`, "aria-label": `Activation of ${name}` },
    ...Object.entries(ACTIVATION_NAMES).map(([key, text]) => make("option", { value: key }, text)));
  select.value = activation;
  select.addEventListener("change", (event) => { event.stopPropagation(); state.layers[index] = [width, select.value]; keepFocus(select.id, fresh); });
  const button = (sign, label, change, off) => {
    const element = make("button", { type: "button", id: `${label}-${index}`, "aria-label": `${label} a unit: ${name}`, disabled: off }, sign);
    element.addEventListener("click", () => { state.layers[index] = [width + change, activation]; keepFocus(element.id, fresh); });
    return element;
  };
  return make("div", { class: "layer-head" }, select, make("div", {}, button("−", "remove", -1, width === 1), ` ${width} `, button("+", "add", 1, width === MOST_UNITS)));
}

function keepFocus(id, action) {
  action();
  find(id)?.focus();
}

function buildNetwork() {
  const columns = [make("div", { class: "layer" }, make("div", { class: "layer-head" }, "inputs"), ...state.features.map((_, unit) => unitButton(-1, unit)))];
  state.layers.forEach(([width], layer) => columns.push(make("div", { class: "layer", role: "group", "aria-label": `Layer ${layer + 1}` },
    layerControls(layer), ...Array.from({ length: width }, (_, unit) => unitButton(layer, unit)))));
  const units = shownNetwork().layers.at(-1).width;
  columns.push(make("div", { class: "layer" }, make("div", { class: "layer-head" }, units > 1 ? "scores" : "score"), ...Array.from({ length: units }, (_, unit) => unitButton(state.layers.length, unit))));
  find("layers").replaceChildren(...columns);
  find("add-layer").disabled = state.layers.length === MOST_LAYERS;
  find("remove-layer").disabled = !state.layers.length;
  find("shown-row").hidden = training.networks.length === 1;
  fillSelect("shown", Object.fromEntries(training.heads.map((head, i) => [i, HEAD_NAMES[head]])), String(Math.min(Number(find("shown").value), training.heads.length - 1)));
  find("count").textContent = `${shownNetwork().layers.reduce((sum, layer) => sum + layer.width, 0)} neurons, ${parameterCount(shownNetwork())} parameters`;
  placeLinks();
}

let ends = new Map();

// Where the links between units begin and end; measured once for each layout.
function placeLinks() {
  const canvas = find("links"), box = find("layers").getBoundingClientRect(), wide = find("layers").scrollWidth, high = find("layers").scrollHeight;
  Object.assign(canvas, { width: wide, height: high });
  Object.assign(canvas.style, { width: `${wide}px`, height: `${high}px` });
  ends = new Map([...document.querySelectorAll(".unit")].map((button) => {
    const at = button.getBoundingClientRect(), middle = at.top - box.top + at.height / 2;
    return [`${button.dataset.layer}/${button.dataset.unit}`, [[at.left - box.left, middle], [at.right - box.left, middle]]];
  }));
}

function drawNetwork(pass) {
  const network = shownNetwork(), links = [], n = MAP * MAP;
  network.layers.forEach(({ inputs, width, columns, kernel }, layer) => {
    for (let i = 0; i < inputs; i++) for (let unit = 0; unit < width; unit++) {
      let weight = kernel[i * columns + unit]; // of a maxout unit the larger piece
      if (columns > width && Math.abs(kernel[i * columns + unit + width]) > Math.abs(weight)) weight = kernel[i * columns + unit + width];
      links.push({ from: ends.get(`${layer - 1}/${i}`)[1], to: ends.get(`${layer}/${unit}`)[0], weight });
    }
  });
  drawLinks(find("links"), links);
  for (const button of document.querySelectorAll(".unit")) {
    const layer = Number(button.dataset.layer), unit = Number(button.dataset.unit), [values, width] = unitValues(pass, layer);
    button.setAttribute("aria-pressed", String(Boolean(chosen && chosen[0] === layer && chosen[1] === unit)));
    paintValues(button.firstElementChild, values, scaleOf(values, width, unit, n), width, unit);
  }
}

// The values of a layer on the grid, and how many there are for each place; -1 are the inputs.
function unitValues(pass, layer) {
  return layer < 0 ? [grid.x, training.width] : [pass[layer].output, shownNetwork().layers[layer].width];
}

function scaleOf(values, width, unit, n) {
  let largest = 1e-9;
  for (let i = 0; i < n; i += 7) largest = Math.max(largest, Math.abs(values[i * width + unit]));
  return Math.max(largest, 0.05);
}

// ---- the large pictures

function buildOutputs() {
  const figures = training.heads.map((head, i) => {
    const map = make("canvas", { width: MAP, height: MAP, class: "map", "aria-hidden": "true" });
    const over = make("canvas", { width: LARGE, height: LARGE, class: "over", role: "application", tabindex: "0", id: `plane-${i}` });
    over.addEventListener("pointermove", (event) => point(event, over));
    over.addEventListener("pointerdown", (event) => press(event, over));
    over.addEventListener("pointerup", () => { drag = -1; });
    over.addEventListener("pointerleave", () => { if (drag < 0) { pointed = null; draw(); } });
    over.addEventListener("keydown", (event) => keys(event));
    return make("figure", {}, make("div", { class: "stack" }, map, over),
      make("figcaption", {}, make("strong", {}, HEAD_NAMES[head]), " ", make("span", { class: "what" })));
  });
  find("planes").replaceChildren(...figures);
  const { labels } = training.data;
  find("keys").replaceChildren(...labels.map((label, k) => make("span", {}, make("span", { class: `key c${k}` }), label)));
  find("planes").classList.toggle("drawing", find("draw").checked);
}

function valueScale() {
  const sizes = training.data.y.map(Math.abs).sort((a, b) => a - b);
  return Math.max(0.2, sizes[Math.floor(0.9 * (sizes.length - 1))]);
}

function toPixels([x, y]) {
  const { side } = training.data;
  return [(LARGE * (x + side)) / (2 * side), (LARGE * (side - y)) / (2 * side)];
}

function drawPlane(figure, i, pass, shown) {
  const [map, over] = figure.querySelectorAll("canvas"), context = over.getContext("2d"), network = training.networks[i];
  const units = network.layers.at(-1).width, { output } = pass.at(-1), regression = state.problem === "regression";
  const unit = chosen && (shown ? unitValues(pass, chosen[0]) : null);
  if (unit) paintValues(map, unit[0], scaleOf(unit[0], unit[1], chosen[1], MAP * MAP), unit[1], chosen[1]);
  else if (regression) paintValues(map, output, valueScale());
  else paintDecisions(map, output, units);
  context.clearRect(0, 0, LARGE, LARGE);
  if (!regression && !unit) strokeBorders(context, output, units);
  drawPoints(context, scoresOf(network, training.features, training.data.y.length), units, training.data.places.map(toPixels));
  figure.querySelector(".what").textContent = unit ? `output of ${unitName(...chosen)}`
    : regression ? "Blue is above 0, orange below." : "Solid: the border. Dashed: where a class leads by 1.";
  const { train, test } = training.measured[i];
  over.setAttribute("aria-label", `Plane, ${HEAD_NAMES[training.heads[i]]}: training error ${errorText(train.error)}${test ? `, test error ${errorText(test.error)}` : ""}. Arrow keys go through the points.`);
}

function drawPoints(context, scores, units, pixels) {
  const { y, test } = training.data, tested = new Set(test), regression = state.problem === "regression", scale = valueScale();
  y.forEach((target, row) => {
    const color = regression ? valueColor(target, scale) : palette[`k${target}`].css;
    const wrong = !regression && decide(scores, row * units, units) !== target;
    if (regression) {
      context.fillStyle = palette.muted.css;
      context.fillRect(pixels[row][0] - 5.5, pixels[row][1] - 0.75, 11, 1.5);
    }
    drawPoint(context, ...pixels[row], color, { test: tested.has(row), wrong, marked: pointed?.row === row });
  });
}

function drawHidden() {
  const index = state.layers.findLastIndex(([width]) => width === 2), canvas = find("hidden");
  find("hidden-figure").hidden = index < 0;
  if (index < 0) return;
  const network = shownNetwork(), outputs = forward(network, training.features, training.data.y.length)[index].output;
  const bounded = { tanh: [-1.08, 1.08], sigmoid: [-0.08, 1.08] }[state.layers[index][1]];
  const ranges = [0, 1].map((axis) => {
    if (bounded) return bounded;
    const values = training.data.y.map((_, row) => outputs[2 * row + axis]), low = Math.min(...values), high = Math.max(...values);
    return [low - 0.08 * (high - low) - 0.1, high + 0.08 * (high - low) + 0.1];
  });
  const [[lowX, highX], [lowY, highY]] = ranges, context = canvas.getContext("2d");
  const inside = new Float64Array(2 * MAP * MAP);
  for (let i = 0; i < MAP * MAP; i++) {
    inside[2 * i] = lowX + ((highX - lowX) * ((i % MAP) + 0.5)) / MAP;
    inside[2 * i + 1] = highY - ((highY - lowY) * (Math.floor(i / MAP) + 0.5)) / MAP;
  }
  const rest = { layers: network.layers.slice(index + 1) }, units = network.layers.at(-1).width, scores = scoresOf(rest, inside, MAP * MAP);
  const map = canvas.previousElementSibling;
  if (state.problem === "regression") paintValues(map, scores, valueScale());
  else paintDecisions(map, scores, units);
  context.clearRect(0, 0, LARGE, LARGE);
  const place = (x, y) => [(LARGE * (x - lowX)) / (highX - lowX), LARGE - (LARGE * (y - lowY)) / (highY - lowY)];
  drawNet(context, training.data.side, (places) => forward({ layers: network.layers.slice(0, index + 1) }, featuresOf(places, state.features), places.length).at(-1).output, [lowX, highX, lowY, highY]);
  drawPoints(context, scoresOf(network, training.features, training.data.y.length), units, training.data.y.map((_, row) => place(outputs[2 * row], outputs[2 * row + 1])));
  find("hidden-title").textContent = `The plane after layer ${index + 1}.`;
}

const errorText = (error) => (state.problem === "regression" ? `RMSE ${short(error)}` : percent(error));

function numbersText() {
  const { measured, heads, step, networks, passes: seen } = training;
  const parts = measured.map(({ train, test }, i) => {
    const cost = penalty(networks[i], state);
    return `${heads.length > 1 ? `${HEAD_NAMES[heads[i]]}: ` : ""}loss ${short(train.loss)}${test ? ` (test ${short(test.loss)})` : ""}` +
      `${cost ? ` + penalty ${short(cost)}` : ""}, error ${errorText(train.error)}${test ? ` (test ${errorText(test.error)})` : ""}`;
  });
  return [`Step ${step}, epoch ${seen.toFixed(1)}.`, ...parts];
}

function draw() {
  passes = training.networks.map((network) => forward(network, grid.x, MAP * MAP));
  const shown = shownNetwork(), at = training.networks.indexOf(shown);
  drawNetwork(passes[at]);
  [...find("planes").children].forEach((figure, i) => drawPlane(figure, i, passes[i], i === at));
  const { curve } = training;
  const lines = (train, test) => curve.lines.flatMap((line, i) => [{ values: line[train], color: SERIES[i] }, { values: line[test], color: SERIES[i], dashed: true }]);
  drawCurves(find("loss-curve"), curve.steps, lines("train", "test"), true);
  drawCurves(find("error-curve"), curve.steps, lines("trainError", "testError"), false);
  drawHidden();
  find("numbers").replaceChildren(...numbersText().map((text) => make("span", {}, text)));
  find("back").disabled = !training.snapshots.length;
  showPoint();
}

// ---- the numbers behind a point

// Rows of texts: for each class the score, its probability or its term of the hinge; last the loss.
function pointTable(head, network, place, target) {
  const x = featuresOf([place], state.features), scores = scoresOf(network, x, 1), units = scores.length, unused = new Float64Array(units);
  const loss = target === undefined ? null : LOSSES[head](scores, 0, units, target, unused);
  if (state.problem === "regression") return [["prediction", short(scores[0])], ["loss", loss === null ? "–" : short(loss)]];
  const rows = [], probabilities = head === "softmax" ? softmax(scores) : null, { labels } = training.data;
  for (let k = 0; k < units; k++) {
    const name = units === 1 ? "score" : `score of ${labels[k]}${k === target ? " (true)" : ""}`;
    let text = short(scores[k]);
    if (probabilities) text += `, probability ${percent(probabilities[k])}`;
    if (head === "logistic" || head === "squared_sigmoid") text += `, sigmoid ${percent(1 / (1 + Math.exp(-scores[k])))}`;
    if (head.endsWith("hinge") && target !== undefined && k !== target) text += `, asks for ${short(Math.max(0, scores[k] - scores[target] + 1))} more`;
    rows.push([name, text]);
  }
  const best = decide(scores, 0, units);
  rows.push(["decision", labels[best]], ["lead", short(target === undefined ? lead(scores, 0, units, best) : lead(scores, 0, units, target))]);
  if (loss !== null) rows.push(["loss", short(loss)]);
  return rows;
}

function softmax(scores) {
  const largest = Math.max(...scores), powers = [...scores].map((score) => Math.exp(score - largest)), total = powers.reduce((a, b) => a + b);
  return powers.map((power) => power / total);
}

function showPoint() {
  const box = find("point"), { data } = training;
  if (!pointed) return box.replaceChildren(make("p", { class: "quiet" }, "Point at the plane, or go through the points with the arrow keys, to see the numbers behind a point."));
  const target = pointed.row === undefined ? undefined : data.y[pointed.row], place = pointed.row === undefined ? pointed.place : data.places[pointed.row];
  const kind = pointed.row === undefined ? "A place without a point" : `${data.test.includes(pointed.row) ? "Test point" : "Training point"} ${pointed.row + 1}`;
  const truth = target === undefined ? "" : state.problem === "regression" ? `, target ${short(target)}` : `, ${data.labels[target]}`;
  const tables = training.networks.map((network, i) => make("table", { class: "tight" }, make("caption", {}, HEAD_NAMES[training.heads[i]]),
    make("tbody", {}, ...pointTable(training.heads[i], network, place, target).map(([name, text]) => make("tr", {}, make("th", { scope: "row" }, name), make("td", {}, text))))));
  box.replaceChildren(make("p", {}, `${kind} at ${data.axes[0]} ${short(place[0])}, ${data.axes[1]} ${short(place[1])}${truth}.`), ...tables);
}

function placeOf(event, canvas) {
  const box = canvas.getBoundingClientRect(), { side } = training.data;
  return [side * ((2 * (event.clientX - box.left)) / box.width - 1), side * (1 - (2 * (event.clientY - box.top)) / box.height)];
}

function nearestRow([x, y]) {
  const { places, side } = training.data;
  let best = -1, least = (side / 22) ** 2;
  places.forEach(([a, b], row) => {
    const distance = (a - x) ** 2 + (b - y) ** 2;
    if (distance < least) [best, least] = [row, distance];
  });
  return best;
}

function point(event, canvas) {
  const place = placeOf(event, canvas);
  if (drag >= 0) return movePoint(drag, place);
  const row = nearestRow(place);
  pointed = row >= 0 ? { row } : { place };
  if (!running) draw();
}

// ---- drawing points

// From here on the points are the reader's; the network goes on with the weights that it has.
function editPoints(change) {
  if (state.data !== "drawn") {
    state.points = training.data.places.map(([x, y], row) => [x, y, training.data.y[row]]);
    state.data = "drawn";
  }
  const units = training.networks.map((network) => network.layers.at(-1).width);
  change(state.points);
  changed = true;
  points = makePoints();
  const fits = training.heads.every((head, i) => unitsOf(head, points.labels.length) === units[i]);
  if (points.y.length < 2) return fresh();
  if (fits) {
    changePoints(training, points);
    record(training);
    draw();
    showControls();
    if (drag < 0) saveAddress();
  } else fresh(["The number of classes has changed: the network starts again."]);
}

function press(event, canvas) {
  if (!find("draw").checked || state.data === "table") return;
  event.preventDefault();
  canvas.focus();
  const place = placeOf(event, canvas), row = nearestRow(place), brush = find("brush").value;
  if (row >= 0 && brush === "remove") return editPoints((list) => { list.splice(row, 1); pointed = null; });
  if (row >= 0) {
    drag = row;
    canvas.setPointerCapture(event.pointerId);
  } else if (brush !== "move" && brush !== "remove") {
    if (training.data.y.length >= MOST_POINTS) return say([`At most ${MOST_POINTS} points can be drawn.`]);
    editPoints((list) => list.push([...place, Number(brush)]));
  }
}

function movePoint(row, place) {
  const inside = place.map((at) => Math.max(-SIDE, Math.min(SIDE, at)));
  pointed = { row };
  editPoints((list) => { list[row] = [...inside, list[row][2]]; });
}

function keys(event) {
  const moves = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }, move = moves[event.key], n = training.data.y.length;
  if (event.key === "Escape") pointed = null;
  else if (!move) return;
  else if (event.shiftKey && find("draw").checked && pointed?.row !== undefined && state.data !== "table") {
    movePoint(pointed.row, training.data.places[pointed.row].map((at, axis) => at + 0.1 * move[axis]));
  } else pointed = { row: ((pointed?.row ?? -1) + (move[0] + move[1] > 0 ? 1 : -1) + n) % n };
  event.preventDefault();
  draw();
}

// ---- start

function listen() {
  const form = find("controls");
  form.addEventListener("change", readControls);
  form.addEventListener("submit", (event) => event.preventDefault());
  for (const id of ["noise", "test"]) find(id).addEventListener("input", (event) => { find(`${id}-text`).textContent = percent(Number(event.target.value)); });
  find("run").addEventListener("click", run);
  find("step").addEventListener("click", () => { pause(); steps(1); draw(); saveAddress(); });
  find("back").addEventListener("click", () => { pause(); goBack(training); draw(); saveAddress(); });
  find("restart").addEventListener("click", () => fresh());
  find("add-layer").addEventListener("click", () => { state.layers.push([2, state.layers.at(-1)?.[1] ?? "tanh"]); keepFocus("add-layer", fresh); });
  find("remove-layer").addEventListener("click", () => { state.layers.pop(); keepFocus("remove-layer", fresh); });
  find("shown").addEventListener("change", (event) => { event.stopPropagation(); chosen = null; buildNetwork(); draw(); });
  find("draw").addEventListener("change", (event) => { event.stopPropagation(); find("planes").classList.toggle("drawing", event.target.checked); });
  find("file").addEventListener("change", (event) => { event.stopPropagation(); readFile(event.target.files[0]); });
  document.addEventListener("dragover", (event) => event.preventDefault());
  document.addEventListener("drop", (event) => { event.preventDefault(); readFile(event.dataTransfer.files[0]); });
  addEventListener("hashchange", open);
  addEventListener("resize", () => { placeLinks(); draw(); });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { readColors(); draw(); });
}

// Open the state that the address holds.
function open() {
  const decoded = decodeState(location.hash);
  state = decoded.state;
  if (location.hash.length < 2) Object.assign(state, embedded.state);
  restart(decoded.notes);
}

readColors();
listen();
open();
