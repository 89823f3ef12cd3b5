// The page: its state, running, and what starts it. This file comes last.

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

const percent = (share, digits = 1) => `${(100 * share).toFixed(digits)} %`;

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
  for (const id of ["numbers", "point"]) find(id).setAttribute("aria-live", "off"); // nobody wants every step read out
  running = requestAnimationFrame(frame);
}

function stop() {
  cancelAnimationFrame(running);
  running = 0;
  find("run").textContent = "Run";
  for (const id of ["numbers", "point"]) find(id).setAttribute("aria-live", "polite");
}

function pause() {
  stop();
  saveAddress();
}

function listen() {
  const form = find("controls");
  form.addEventListener("change", readControls);
  form.addEventListener("submit", (event) => event.preventDefault());
  for (const id of ["noise", "test"]) find(id).addEventListener("input", (event) => { find(`${id}-text`).textContent = percent(Number(event.target.value), 0); });
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
