(() => {
"use strict";
const STEPS = 112; // places along each side of a map
const CLASSES = ["network", "second", "linear", "tree", "dummy", "ink"];
const recorded = JSON.parse(document.getElementById("recorded").textContent);
const find = (id) => document.getElementById(id);
const slider = find("epoch"), play = find("play"), buttons = [...document.querySelectorAll("#neurons button")];
let chosen = -1, timer = 0;

// What each layer makes of many points; inputs[k] holds their k-th number. The last layer has no tanh.
function forward(weights, inputs) {
  const layers = [];
  for (let place = 0; place < weights.length; place += 2) {
    const from = layers.length ? layers[layers.length - 1] : inputs, last = place === weights.length - 2;
    layers.push(weights[place + 1].map((bias, unit) => {
      const sums = new Float64Array(from[0].length).fill(bias);
      weights[place].forEach((row, k) => {
        const weight = row[unit], column = from[k];
        for (let i = 0; i < sums.length; i++) sums[i] += weight * column[i];
      });
      return last ? sums : sums.map(Math.tanh);
    }));
  }
  return layers;
}

function largest(scores, i) {
  let best = 0;
  for (let k = 1; k < scores.length; k++) if (scores[k][i] > scores[best][i]) best = k;
  return best;
}

// How sure a decision is: 0 where all classes are alike, 1 where there is no doubt.
function surety(scores, i, best) {
  let total = 0;
  for (let k = 0; k < scores.length; k++) total += Math.exp(scores[k][i] - scores[best][i]);
  return (1 / total - 1 / scores.length) / (1 - 1 / scores.length);
}

function grid(low, high) {
  const x = new Float64Array(STEPS * STEPS), y = new Float64Array(STEPS * STEPS);
  for (let row = 0; row < STEPS; row++) for (let column = 0; column < STEPS; column++) {
    x[row * STEPS + column] = low + (high - low) * (column + 0.5) / STEPS;
    y[row * STEPS + column] = high - (high - low) * (row + 0.5) / STEPS;
  }
  return [x, y];
}

function color(name) {
  return getComputedStyle(document.documentElement).getPropertyValue("--" + name).trim();
}

function bytes(name) {
  const hex = color(name);
  return [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));
}

// Paint a map: of each place a color as bytes, and how strong it is.
function paint(canvas, of) {
  const small = new OffscreenCanvas(STEPS, STEPS), pixels = new ImageData(STEPS, STEPS);
  for (let i = 0; i < STEPS * STEPS; i++) {
    const [rgb, strength] = of(i);
    pixels.data.set([...rgb, Math.round(255 * strength)], 4 * i);
  }
  small.getContext("2d").putImageData(pixels, 0, 0);
  const context = canvas.getContext("2d");
  context.clearRect(0, 0, canvas.width, canvas.height);
  context.drawImage(small, 0, 0, canvas.width, canvas.height);
  return context;
}

function decisions(canvas, scores) {
  const tints = CLASSES.map(bytes);
  return paint(canvas, (i) => {
    const best = largest(scores, i);
    return [tints[best], 0.1 + 0.36 * surety(scores, i, best)];
  });
}

function outputs(canvas, values) {
  const above = bytes("network"), below = bytes("second");
  return paint(canvas, (i) => [values[i] > 0 ? above : below, 0.8 * Math.abs(values[i])]);
}

function dots(context, x, y, ids, decided, low, high) {
  const size = context.canvas.width, place = (value) => size * (value - low) / (high - low);
  context.lineWidth = 2.5;
  ids.forEach((id, i) => {
    const across = place(x[i]), up = size - place(y[i]);
    context.fillStyle = context.strokeStyle = colors[id];
    context.beginPath();
    if (decided[i] === id) {
      context.arc(across, up, 4.5, 0, 7);
      context.fill();
      context.strokeStyle = paper;
      context.lineWidth = 1;
      context.stroke();
      context.lineWidth = 2.5;
    } else {
      context.moveTo(across - 5, up - 5);
      context.lineTo(across + 5, up + 5);
      context.moveTo(across - 5, up + 5);
      context.lineTo(across + 5, up - 5);
      context.stroke();
    }
  });
}

// The square net of the plane, as the last hidden layer bends it.
function net(context, weights, window, low, high) {
  const size = context.canvas.width, many = 60;
  context.strokeStyle = color("muted");
  context.lineWidth = 0.8;
  for (let line = 0; line <= 12; line++) for (const upright of [false, true]) {
    const fixed = new Float64Array(many).fill(window[0] + (window[1] - window[0]) * line / 12);
    const along = fixed.map((_, i) => window[0] + (window[1] - window[0]) * i / (many - 1));
    const seen = forward(weights, upright ? [fixed, along] : [along, fixed]).at(-2);
    context.beginPath();
    for (let i = 0; i < many; i++) {
      context.lineTo(size * (seen[0][i] - low) / (high - low), size - size * (seen[1][i] - low) / (high - low));
    }
    context.stroke();
  }
}

function curve(canvas, one, state) {
  const context = canvas.getContext("2d"), size = canvas.width, left = 104, foot = 60;
  const logs = one.losses.map((loss) => Math.log(Math.max(loss, 1e-6)));
  const low = Math.min(...logs), high = Math.max(...logs), last = one.losses.length - 1;
  const at = (i) => [
    left + (size - left - 24) * i / last,
    24 + (size - foot - 48) * (high - logs[i]) / (high - low || 1),
  ];
  context.clearRect(0, 0, size, size);
  context.font = "20px sans-serif";
  context.fillStyle = color("muted");
  context.textBaseline = "middle";
  context.textAlign = "right";
  context.fillText(Number(Math.exp(high).toPrecision(2)), left - 14, 24);
  context.fillText(Number(Math.exp(low).toPrecision(2)), left - 14, size - foot - 24);
  context.textAlign = "center";
  [0, Math.round(last / 2), last].forEach((i) => context.fillText(one.epochs[i], at(i)[0], size - foot + 16));
  context.fillText("epoch", (left + size - 24) / 2, size - 14);
  context.strokeStyle = color("network");
  context.lineWidth = 3.5;
  context.beginPath();
  logs.forEach((_, i) => context.lineTo(...at(i)));
  context.stroke();
  context.fillStyle = color("second");
  context.beginPath();
  context.arc(...at(state), 9, 0, 7);
  context.fill();
}

let colors = [], paper = "";

function draw() {
  const one = recorded[document.forms.controls.elements.points.value ?? 0], state = Number(slider.value);
  const weights = one.weights[state], [low, high] = one.window, end = 1.08;
  colors = CLASSES.map(color);
  paper = color("paper");
  const points = [one.x.map((at) => at[0]), one.x.map((at) => at[1])];
  const places = forward(weights, grid(low, high)), seen = forward(weights, points);
  const decided = one.y.map((_, i) => largest(seen.at(-1), i));
  const right = one.y.filter((id, i) => decided[i] === id).length;
  const units = places.slice(0, -1).flat();

  const words = `After ${one.epochs[state]} epoch${one.epochs[state] === 1 ? "" : "s"}: ` +
    `loss ${Number(one.losses[state].toPrecision(3))}, ${right} of ${one.y.length} points correct`;
  find("state").textContent = words;
  slider.setAttribute("aria-valuetext", `epoch ${one.epochs[state]}`);
  find("what").textContent = chosen < 0 ? "Decisions." : `Output of ${buttons[chosen].getAttribute("aria-label")}.`;
  const context = chosen < 0 ? decisions(find("plane"), places.at(-1)) : outputs(find("plane"), units[chosen]);
  dots(context, ...points, one.y, decided, low, high);
  const inside = grid(-end, end), bent = decisions(find("bent"), forward(weights.slice(-2), inside)[0]);
  net(bent, weights, one.window, -end, end);
  dots(bent, ...seen.at(-2), one.y, decided, -end, end);
  curve(find("curve"), one, state);
  buttons.forEach((button, place) => outputs(button.firstElementChild, units[place]));
  for (const [id, what] of [["plane", "The plane"], ["bent", "The plane after the last hidden layer"], ["curve", "Loss"]]) {
    find(id).setAttribute("aria-label", `${what}. ${words}.`);
  }
  const keys = one.labels.map((label, k) => {
    const entry = document.createElement("span"), key = document.createElement("span");
    key.className = `key c${k}`;
    entry.append(key, label);
    return entry;
  });
  find("keys").replaceChildren(...keys);
}

function stop() {
  clearInterval(timer);
  timer = 0;
  play.textContent = "Play";
  find("state").setAttribute("aria-live", "polite");
}

play.addEventListener("click", () => {
  if (timer) return stop();
  if (slider.value === slider.max) slider.value = 0;
  play.textContent = "Pause";
  find("state").setAttribute("aria-live", "off"); // nobody wants every epoch read out
  timer = setInterval(() => {
    slider.value = Number(slider.value) + 1;
    if (slider.value === slider.max) stop();
    draw();
  }, 220);
});
slider.addEventListener("input", () => { stop(); draw(); });
document.forms.controls.addEventListener("change", draw);
document.forms.controls.addEventListener("submit", (event) => event.preventDefault());
buttons.forEach((button, place) => button.addEventListener("click", () => {
  chosen = chosen === place ? -1 : place;
  buttons.forEach((other, at) => other.setAttribute("aria-pressed", at === chosen));
  draw();
}));
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
// A link such as playground.html#0/12 opens the first points at their twelfth state.
const link = location.hash.match(/^#(\d+)\/(\d+)$/);
if (link && recorded[link[1]]) {
  const radio = document.querySelector(`input[name=points][value="${Number(link[1])}"]`);
  if (radio) radio.checked = true;
  slider.value = link[2];
}
draw();
})();
