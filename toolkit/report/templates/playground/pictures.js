// The pictures of the page: the network and its units, the plane of each head, the plane after a layer of two units.

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
  const neurons = shownNetwork().layers.reduce((sum, layer) => sum + layer.width, 0);
  find("count").textContent = `${neurons} neuron${neurons === 1 ? "" : "s"}, ${parameterCount(shownNetwork())} parameters`;
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

function buildOutputs() {
  const figures = training.heads.map((head, i) => {
    const map = make("canvas", { width: MAP, height: MAP, class: "map", "aria-hidden": "true" });
    const over = make("canvas", { width: LARGE, height: LARGE, class: "over", role: "application", tabindex: "0", id: `plane-${i}` });
    over.addEventListener("pointermove", (event) => point(event, over));
    over.addEventListener("pointerdown", (event) => press(event, over));
    for (const kind of ["pointerup", "pointercancel"]) over.addEventListener(kind, release);
    over.addEventListener("pointerleave", (event) => { if (event.pointerType === "mouse" && drag < 0) { pointed = null; draw(); } });
    over.addEventListener("keydown", (event) => keys(event));
    return make("figure", {}, make("div", { class: "stack" }, map, over),
      make("figcaption", {}, make("strong", {}, HEAD_NAMES[head]), " ", make("span", { class: "what" })));
  });
  find("planes").replaceChildren(...figures);
  const { labels } = training.data;
  find("keys").replaceChildren(...labels.map((label, k) => make("span", {}, make("span", { class: `key c${k}` }), label)));
  find("axes").textContent = ["Across", "Up"].map(axisText).join(" ");
  find("planes").classList.toggle("drawing", find("draw").checked);
}

// What an axis of the plane shows, and its ends, for a table in the units of its columns.
function axisText(direction, axis) {
  const { side, scales } = training.data, [mean, spread] = scales ? scales[axis] : [0, 1];
  const name = state.data === "table" ? table.header[state.columns[axis]] : "xy"[axis];
  return `${direction}: ${name}, from ${short(mean - side * spread)} to ${short(mean + side * spread)}.`;
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
    // A value near 0 has the color of the ground: its outline shows it.
    const outline = regression ? palette.muted.css : palette.paper.css;
    drawPoint(context, ...pixels[row], color, { test: tested.has(row), wrong, marked: pointed?.row === row, outline });
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
