// Pictures on canvases: maps, border lines, points, curves, the lines between units. Nothing here knows the state of the page.

const MAP = 50; // points of a map along each side
const SERIES = ["network", "tree"]; // colors of the first and of the second head: blue and purple, as orange means below 0
const palette = {};

// Read the page's colors; again when the reader changes between light and dark.
function readColors() {
  const style = getComputedStyle(document.documentElement);
  const names = ["ink", "muted", "line", "paper", "network", "second", "tree", ...Array.from({ length: MOST_CLASSES }, (_, k) => `k${k}`)];
  for (const name of names) {
    const hex = style.getPropertyValue(`--${name}`).trim();
    const rgb = [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));
    // The color at 256 strengths, as four bytes in one number: red is the lowest.
    const levels = Uint32Array.from({ length: 256 }, (_, level) => (level << 24) | (rgb[2] << 16) | (rgb[1] << 8) | rgb[0]);
    palette[name] = { css: hex, rgb, levels };
  }
}

// Paint a map of MAP x MAP places; `pixelAt` gives an entry of a color's `levels`.
function paintMap(canvas, pixelAt) {
  const context = canvas.getContext("2d"), image = context.createImageData(MAP, MAP), pixels = new Uint32Array(image.data.buffer);
  for (let i = 0; i < pixels.length; i++) pixels[i] = pixelAt(i);
  context.putImageData(image, 0, 0);
}

// A map of one of several values per place: above 0 in one color, below 0 in another.
function paintValues(canvas, values, scale, width = 1, unit = 0) {
  const above = palette.network.levels, below = palette.second.levels, factor = 216 / scale;
  paintMap(canvas, (i) => {
    const level = values[i * width + unit] * factor;
    return level > 0 ? above[Math.min(216, level | 0)] : below[Math.min(216, -level | 0)];
  });
}

// A map of decisions: the larger the lead, the stronger the color.
function paintDecisions(canvas, scores, units) {
  const colors = Array.from({ length: MOST_CLASSES }, (_, k) => palette[`k${k}`].levels);
  paintMap(canvas, (i) => {
    const best = decide(scores, i * units, units), ahead = lead(scores, i * units, units, best);
    return colors[best][25 + ((115 * ahead) / (1 + ahead) | 0)];
  });
}

// Line pieces along which values (MAP x MAP) equal a level, as [x, y, x, y] in units of the grid (marching squares).
function contour(values, level) {
  const pieces = [], cross = (a, b) => (level - a) / (b - a);
  for (let row = 0; row < MAP - 1; row++) for (let column = 0; column < MAP - 1; column++) {
    const at = row * MAP + column, [a, b, c, d] = [values[at], values[at + 1], values[at + MAP + 1], values[at + MAP]];
    const ends = [];
    if (a > level !== b > level) ends.push(column + cross(a, b), row);
    if (b > level !== c > level) ends.push(column + 1, row + cross(b, c));
    if (d > level !== c > level) ends.push(column + cross(d, c), row + 1);
    if (a > level !== d > level) ends.push(column, row + cross(a, d));
    for (let i = 0; i + 3 < ends.length; i += 4) pieces.push(ends.slice(i, i + 4));
  }
  return pieces;
}

function strokePieces(context, pieces, dashed) {
  const size = context.canvas.width / MAP;
  context.lineWidth = dashed ? 1.6 : 2.6;
  context.setLineDash(dashed ? [7, 6] : []);
  context.beginPath();
  for (const [x, y, u, v] of pieces) {
    context.moveTo((x + 0.5) * size, (y + 0.5) * size);
    context.lineTo((u + 0.5) * size, (v + 0.5) * size);
  }
  context.stroke();
  context.setLineDash([]);
}

// Borders between decisions, and dashed the lines where a class leads by the margin 1.
function strokeBorders(context, scores, units) {
  context.strokeStyle = palette.ink.css;
  const classes = units === 1 ? 2 : units;
  for (let k = 0; k < classes; k++) {
    const leads = Float64Array.from({ length: MAP * MAP }, (_, i) => lead(scores, i * units, units, k));
    strokePieces(context, contour(leads, 0), false);
    strokePieces(context, contour(leads, 1), true);
  }
}

// One point: a disc if the network trains on it, a ring if it is a test point, a cross if the decision is wrong.
function drawPoint(context, x, y, color, { test, wrong, marked, outline = palette.paper.css }) {
  context.fillStyle = context.strokeStyle = color;
  context.lineWidth = test ? 1.6 : 2.6;
  context.beginPath();
  if (wrong) {
    for (const side of [-1, 1]) { context.moveTo(x - 5, y - 5 * side); context.lineTo(x + 5, y + 5 * side); }
    context.stroke();
  } else {
    context.arc(x, y, 5, 0, 7);
    if (test) context.stroke();
    else {
      context.fill();
      context.strokeStyle = outline;
      context.lineWidth = 1;
      context.stroke();
    }
  }
  if (!marked) return;
  context.strokeStyle = palette.ink.css;
  context.lineWidth = 2;
  context.beginPath();
  context.arc(x, y, 10, 0, 7);
  context.stroke();
}

// The color of a value around 0, as the maps show it, on opaque ground.
function valueColor(value, scale) {
  const share = Math.min(1, Math.abs(value) / scale), { rgb } = palette[value > 0 ? "network" : "second"], under = palette.paper.rgb;
  return `rgb(${rgb.map((part, i) => Math.round(part * share + under[i] * (1 - share))).join()})`;
}

// Curves of one quantity. lines: [{values, color, dashed}], all at the same steps.
function drawCurves(canvas, steps, lines, logarithmic) {
  const context = canvas.getContext("2d"), { width, height } = canvas, left = 78, right = 14, top = 16, foot = 40;
  const change = (value) => (logarithmic ? Math.log10(Math.max(value, 1e-6)) : value);
  const all = lines.flatMap((line) => line.values).filter(Number.isFinite).map(change);
  context.clearRect(0, 0, width, height);
  if (!all.length) return;
  let low = Math.min(...all), high = Math.max(...all);
  if (!logarithmic) { low = 0; high = Math.max(high, 0.02); }
  if (high - low < 1e-9) { low -= 0.5; high += 0.5; }
  const last = Math.max(1, steps.at(-1)), up = (value) => height - foot - ((height - foot - top) * (change(value) - low)) / (high - low);
  context.font = "20px sans-serif";
  context.fillStyle = palette.muted.css;
  context.strokeStyle = palette.line.css;
  context.lineWidth = 1;
  context.textAlign = "right";
  context.textBaseline = "middle";
  for (const share of [0, 0.5, 1]) {
    const level = low + share * (high - low), y = height - foot - (height - foot - top) * share;
    context.fillText(Number((logarithmic ? 10 ** level : level).toPrecision(2)), left - 10, y);
    context.strokeRect(left, y, width - left - right, 0);
  }
  context.textAlign = "left";
  context.fillText("0", left, height - 14);
  context.textAlign = "right";
  context.fillText(`step ${last}`, width - right, height - 14);
  for (const { values, color, dashed } of lines) {
    context.strokeStyle = palette[color].css;
    context.lineWidth = dashed ? 2 : 3;
    context.setLineDash(dashed ? [8, 6] : []);
    context.beginPath();
    values.forEach((value, i) => { if (Number.isFinite(value)) context.lineTo(left + ((width - left - right) * steps[i]) / last, up(value)); });
    context.stroke();
  }
  context.setLineDash([]);
}

// Lines between units. links: [{from: [x, y], to: [x, y], weight}].
function drawLinks(canvas, links) {
  const context = canvas.getContext("2d");
  context.clearRect(0, 0, canvas.width, canvas.height);
  for (const { from, to, weight } of links) {
    const middle = (from[0] + to[0]) / 2;
    context.strokeStyle = palette[weight > 0 ? "network" : "second"].css;
    context.globalAlpha = Math.min(0.9, 0.12 + 0.5 * Math.abs(weight));
    context.lineWidth = Math.min(7, 0.6 + 2.2 * Math.abs(weight));
    context.beginPath();
    context.moveTo(...from);
    context.bezierCurveTo(middle, from[1], middle, to[1], ...to);
    context.stroke();
  }
  context.globalAlpha = 1;
}

// The square net of the plane as some layers bend it. bend(places) -> flat outputs (n, 2); window: [lowX, highX, lowY, highY].
function drawNet(context, side, bend, window) {
  const { width, height } = context.canvas, many = 40, [lowX, highX, lowY, highY] = window;
  context.strokeStyle = palette.muted.css;
  context.lineWidth = 0.8;
  for (let line = 0; line <= 10; line++) for (const upright of [false, true]) {
    const fixed = side * (line / 5 - 1);
    const places = Array.from({ length: many }, (_, i) => side * ((2 * i) / (many - 1) - 1)).map((at) => (upright ? [fixed, at] : [at, fixed]));
    const seen = bend(places);
    context.beginPath();
    for (let i = 0; i < many; i++) {
      context.lineTo((width * (seen[2 * i] - lowX)) / (highX - lowX), height - (height * (seen[2 * i + 1] - lowY)) / (highY - lowY));
    }
    context.stroke();
  }
}
