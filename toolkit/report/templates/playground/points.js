// The numbers behind a point, and points drawn and moved by hand.

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
  if (!find("draw").checked || state.data === "table") return point(event, canvas); // a finger does not hover
  event.preventDefault();
  canvas.focus({ preventScroll: true });
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

function release() {
  if (drag < 0) return;
  drag = -1;
  saveAddress();
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
