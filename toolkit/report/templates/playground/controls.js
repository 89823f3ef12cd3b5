// The controls: what they show, and what they change.

const HEAD_NAMES = {
  softmax: "softmax", hinge: "multiclass hinge", squared_hinge: "squared hinge", logistic: "logistic", squared_sigmoid: "squared error on a sigmoid",
  squared: "squared error", absolute: "absolute error", huber: "Huber",
};
const DATA_NAMES = {
  circle: "disc in a ring", xor: "xor", gaussians: "clouds", spiral: "spiral", line: "two sides of a line", plane: "plane", outliers: "plane with outliers",
  saddle: "saddle", hills: "hill and hollow", waves: "waves", drawn: "points drawn by hand", table: "table",
};
const ACTIVATION_NAMES = { linear: "linear", sigmoid: "sigmoid", tanh: "tanh", relu: "ReLU", leaky_relu: "leaky ReLU", elu: "ELU", maxout: "maxout" };

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
  for (const id of ["noise", "test"]) find(`${id}-text`).textContent = percent(state[id], 0);
  for (const box of document.querySelectorAll("[name=feature]")) box.checked = state.features.includes(box.value);
  find("classes-row").hidden = !["gaussians", "spiral"].includes(state.data);
  find("noise-row").hidden = ["table", "drawn"].includes(state.data);
  find("columns").hidden = state.data !== "table";
  if (state.data === "table") ["a", "b", "target"].forEach((id, i) => fillSelect(id, Object.fromEntries(table.header.entries()), state.columns[i]));
  find("drawing-row").hidden = state.data === "table";
  const brushes = state.problem === "regression" ? { 1: "adds 1", 0: "adds 0", "-1": "adds −1" } : Object.fromEntries([0, 1, 2, 3, 4].map((k) => [k, `adds class ${k + 1}`]));
  fillSelect("brush", { move: "moves a point", ...brushes, remove: "removes one" }, find("brush").value in { move: 1, remove: 1, ...brushes } && find("brush").value ? find("brush").value : "move");
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
      const data = ["table", "drawn"].includes(state.data) ? state.data : choicesOf(value).data[0];
      Object.assign(state, { data, head: choicesOf(value).head[0], second: "" });
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
  if (file.size > MOST_BYTES) return say([`${file.name} is larger than ${MOST_BYTES / 1e6} MB: drop a part of its rows.`]);
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
