// The settings of the page, and how a link holds them. A link of TensorFlow Playground is understood too.

const DEFAULTS = {
  problem: "classification", data: "circle", classes: 3, noise: 0, test: 0.3, seed: 0, points: [], columns: [0, 1, 2],
  features: ["x", "y"], layers: [[4, "tanh"], [2, "tanh"]], start: "glorot",
  dropout: 0, l1: 0, l2: 0, maxNorm: 0, batch: 10, optimizer: "sgd", rate: 0.03,
  head: "softmax", second: "", steps: 0,
};
const CLASS_HEADS = ["softmax", "hinge", "squared_hinge", "logistic", "squared_sigmoid"];
const NUMBER_LIMITS = {
  classes: [2, 5], noise: [0, 0.5], test: [0, 0.9], seed: [0, 4294967295], dropout: [0, 0.9], l1: [0, 1], l2: [0, 1],
  maxNorm: [0, 10], batch: [1, 300], rate: [0.00001, 10], steps: [0, 100000],
};
const WHOLE = ["classes", "seed", "batch", "steps"];
const MOST_LAYERS = 6, MOST_UNITS = 16, MOST_POINTS = 400;

function choicesOf(problem) {
  const regression = problem === "regression";
  return {
    data: [...Object.keys(regression ? SURFACES : CLASS_SHAPES), "drawn", "table"],
    head: regression ? REGRESSION : CLASS_HEADS,
  };
}

// Return the hash of a state: its data, and the settings that differ from their default.
function encodeState(state) {
  const parts = [];
  for (const [key, value] of Object.entries(state)) {
    if (!(key in DEFAULTS) || (key !== "data" && JSON.stringify(value) === JSON.stringify(DEFAULTS[key]))) continue;
    const text = key === "layers" ? value.map((layer) => layer.join(":")).join(",")
      : key === "points" ? value.map(([x, y, c]) => `${+x.toFixed(2)},${+y.toFixed(2)},${+c.toFixed(2)}`).join(";")
        : Array.isArray(value) ? value.join(",") : String(value);
    parts.push(`${key}=${text || "none"}`);
  }
  return `#${parts.join("&")}`;
}

// Read one setting; undefined if its text is not a possible value.
function readSetting(key, text) {
  if (text === "none" || text === "") text = "";
  if (key in NUMBER_LIMITS) {
    const value = Number(text), [low, high] = NUMBER_LIMITS[key];
    if (text === "" || !Number.isFinite(value)) return undefined;
    return Math.max(low, Math.min(high, WHOLE.includes(key) ? Math.round(value) : value));
  }
  if (key === "layers") {
    const layers = text ? text.split(",").map((part) => [Number(part.split(":")[0]), part.split(":")[1] ?? "tanh"]) : [];
    const fits = ([width, name]) => Number.isInteger(width) && width >= 1 && width <= MOST_UNITS &&
      (name === "maxout" || Object.hasOwn(ACTIVATIONS, name));
    return layers.length <= MOST_LAYERS && layers.every(fits) ? layers : undefined;
  }
  if (key === "points") {
    const points = text ? text.split(";").map((part) => part.split(",").map(Number)) : [];
    const fits = (point) => point.length === 3 && point.every(Number.isFinite) && Math.max(...point.slice(0, 2).map(Math.abs)) <= SIDE;
    return points.length <= MOST_POINTS && points.every(fits) ? points : undefined;
  }
  if (key === "features") {
    const names = text.split(",");
    return names.length && names.every((name) => Object.hasOwn(FEATURES, name)) ? Object.keys(FEATURES).filter((name) => names.includes(name)) : undefined;
  }
  if (key === "columns") {
    const columns = text.split(",").map(Number);
    return columns.length === 3 && columns.every((i) => Number.isInteger(i) && i >= 0) ? columns : undefined;
  }
  const choices = {
    problem: ["classification", "regression"], start: Object.keys(STARTS), optimizer: Object.keys(OPTIMIZERS),
    data: [...choicesOf("classification").data, ...choicesOf("regression").data],
    head: [...CLASS_HEADS, ...REGRESSION], second: ["", ...CLASS_HEADS, ...REGRESSION],
  };
  return choices[key].includes(text) ? text : undefined;
}

// Make the settings agree with each other: data and heads with the problem. Return what was changed, in words.
function settle(state) {
  const choices = choicesOf(state.problem), notes = [];
  for (const key of ["data", "head"]) {
    if (choices[key].includes(state[key])) continue;
    notes.push(`${state[key]} is not for ${state.problem}: ${choices[key][0]} is taken.`);
    state[key] = choices[key][0];
  }
  if (state.second && (state.second === state.head || !choices.head.includes(state.second))) {
    notes.push(`${state.second} can't be the second head here, and is left out.`);
    state.second = "";
  }
  if (state.problem === "classification") {
    const kept = state.points.filter(([, , c]) => Number.isInteger(c) && c >= 0 && c < NUMBER_LIMITS.classes[1]);
    if (kept.length < state.points.length) notes.push(`Drawn points whose values are not classes are left out: ${state.points.length - kept.length}.`);
    state.points = kept;
  }
  return notes;
}

// Return the state that a hash describes, and notes on what could not be used.
function decodeState(hash) {
  const state = structuredClone(DEFAULTS), notes = [], given = new Map();
  for (const part of hash.replace(/^#/, "").split("&")) {
    if (!part) continue;
    const [key, text] = [part.split("=", 1)[0], part.slice(part.indexOf("=") + 1)];
    try { given.set(key, decodeURIComponent(text)); } catch { given.set(key, text); }
  }
  if (["networkShape", "batchSize", "learningRate", "dataset", "regDataset", "percTrainData", "hideText"].some((key) => given.has(key))) {
    return decodeOther(given);
  }
  for (const [key, text] of given) {
    const value = Object.hasOwn(DEFAULTS, key) ? readSetting(key, text) : undefined;
    if (value === undefined) notes.push(`The link's “${`${key}=${text}`.slice(0, 40)}” is not understood, and is left out.`);
    else state[key] = value;
  }
  if (state.problem === "regression" && !given.has("data")) state.data = "plane";
  if (state.problem === "regression" && !given.has("head")) state.head = "squared";
  return { state, notes: [...notes, ...settle(state)] };
}

// Return the state of a link of TensorFlow Playground. Its activations, data, features and rates have their nearest here.
function decodeOther(given) {
  const state = structuredClone(DEFAULTS), flag = (key, otherwise) => (given.get(key) ?? otherwise) === "true";
  const number = (key, otherwise) => (Number.isFinite(parseFloat(given.get(key))) ? parseFloat(given.get(key)) : otherwise);
  const pick = (key, names, otherwise) => names[given.get(key)] ?? otherwise, notes = [];
  state.problem = given.get("problem") === "regression" ? "regression" : "classification";
  const regression = state.problem === "regression";
  state.data = regression ? pick("regDataset", { "reg-gauss": "hills" }, "plane")
    : pick("dataset", { xor: "xor", gauss: "gaussians", spiral: "spiral" }, "circle");
  state.classes = 2;
  const activation = pick("activation", { relu: "relu", sigmoid: "sigmoid", linear: "linear" }, "tanh");
  const widths = (given.get("networkShape") ?? "4,2").split(",").map(Number).filter((width) => width >= 1);
  state.layers = widths.slice(0, MOST_LAYERS).map((width) => [Math.min(MOST_UNITS, Math.round(width)), activation]);
  state.start = flag("initZero", "false") ? "zeros" : "glorot";
  const features = { x: "x", y: "y", xTimesY: "xy", xSquared: "xx", ySquared: "yy", sinX: "sinx", sinY: "siny" };
  const chosen = Object.keys(features).filter((key) => flag(key, key === "x" || key === "y" ? "true" : "false"));
  if (chosen.length) state.features = Object.keys(FEATURES).filter((name) => chosen.some((key) => features[key] === name));
  if (flag("cosX", "false") || flag("cosY", "false")) notes.push("The cosine features don't exist here, and are left out.");
  const clamp = (key, value) => readSetting(key, String(value));
  Object.assign(state, {
    noise: clamp("noise", number("noise", 0) / 100), test: clamp("test", 1 - number("percTrainData", 50) / 100),
    seed: clamp("seed", Math.floor(1e5 * (number("seed", 0) % 1))), batch: clamp("batch", number("batchSize", 10)),
    rate: clamp("rate", number("learningRate", 0.03) || DEFAULTS.rate),
  });
  const strength = number("regularizationRate", 0);
  if (given.get("regularization") === "L1") state.l1 = clamp("l1", strength);
  if (given.get("regularization") === "L2") state.l2 = clamp("l2", strength / 2); // it halves the squares
  state.head = regression ? "squared" : "squared_sigmoid";
  notes.unshift(regression
    ? "This is a link of TensorFlow Playground. Its loss is half the squared error, here it is the squared error: halve the rate for the same steps."
    : "This is a link of TensorFlow Playground. Its tanh output with squared error is shown as the nearest head: squared error on a sigmoid.");
  notes.push("Points and initial weights are drawn anew: they are not those of the other page.");
  return { state, notes };
}
