// The points: generated shapes, a table that the reader drops on the page, points drawn by hand. All lie in a plane.

const POINTS = 300;
const MOST_ROWS = 2000; // of a table
const MOST_BYTES = 20e6; // of a file
const MOST_CLASSES = 10;
const SIDE = 6; // generated and drawn points lie between -6 and 6

const turned = (radius, angle) => [radius * Math.sin(angle), radius * Math.cos(angle)];

// name -> the i-th of n points: its place and its class. `noise` is from 0 to 0.5.
const CLASS_SHAPES = {
  circle(i, n, classes, noise, random) {
    const inner = i < n / 2, radius = inner ? 2.5 * Math.sqrt(random()) : 3.5 + 1.5 * random();
    return [turned(radius, 2 * Math.PI * random()), Number(!inner)];
  },
  xor(i, n, classes, noise, random) {
    const place = [0, 1].map(() => (random() < 0.5 ? -1 : 1) * (0.3 + 4.7 * random()));
    return [place, Number(place[0] * place[1] < 0)];
  },
  gaussians(i, n, classes, noise, random) {
    const y = Math.floor((i * classes) / n), center = turned(3, (2 * Math.PI * (y + 0.5)) / classes - Math.PI / 4);
    return [center.map((at) => at + (0.8 + 2 * noise) * normal(random)), y];
  },
  spiral(i, n, classes, noise, random) {
    const y = Math.floor((i * classes) / n), along = ((i * classes) / n) % 1;
    return [turned(5 * along, 2 * Math.PI * (y / classes + (classes > 2 ? 0.8 : 1.4) * along)), y];
  },
  line(i, n, classes, noise, random) {
    const place = [0, 1].map(() => 5 * (2 * random() - 1));
    return [place, Number(place[0] + 2 * place[1] > 1)];
  },
};

// name -> the value at a place
const SURFACES = {
  plane: ([x, y]) => (x + y) / 5,
  outliers: ([x, y]) => (x + y) / 5,
  saddle: ([x, y]) => (x * y) / 12,
  hills: ([x, y]) => Math.exp(-((x - 2) ** 2 + (y - 2) ** 2) / 5) - Math.exp(-((x + 2) ** 2 + (y + 2) ** 2) / 5),
  waves: ([x, y]) => Math.sin(x) * Math.cos(y / 2),
};

// name -> what a place becomes before the network sees it
const FEATURES = {
  x: (x) => x,
  y: (x, y) => y,
  xx: (x) => x * x,
  yy: (x, y) => y * y,
  xy: (x, y) => x * y,
  sinx: (x) => Math.sin(x),
  siny: (x, y) => Math.sin(y),
};
const FEATURE_NAMES = { x: "x", y: "y", xx: "x²", yy: "y²", xy: "x·y", sinx: "sin x", siny: "sin y" };

// Return {places: [[x, y], ...], y, labels} of a generated shape or surface.
function generate({ problem, data, classes, noise, seed }) {
  const random = generator(seed * 4 + 1), places = [], y = [];
  const several = data === "gaussians" || data === "spiral" ? classes : 2;
  for (let i = 0; i < POINTS; i++) {
    if (problem === "regression") {
      const place = [0, 1].map(() => SIDE * (2 * random() - 1)), lifted = data === "outliers" && i % 12 === 0;
      places.push(place);
      y.push(SURFACES[data](place) + 2 * noise * normal(random) + (lifted ? 5 : 0));
    } else {
      const [place, label] = CLASS_SHAPES[data](i, POINTS, several, noise, random);
      const moved = data === "gaussians" ? place : place.map((at) => at + 2.4 * noise * normal(random));
      places.push(moved.map((at) => Math.max(-SIDE, Math.min(SIDE, at))));
      y.push(label);
    }
  }
  const labels = problem === "regression" ? [] : Array.from({ length: several }, (_, k) => `class ${k + 1}`);
  return { places, y, labels, axes: ["x", "y"], notes: [], scaled: false };
}

// Read the text of a CSV file: {header, rows of texts}. The separator is the comma, semicolon or tab that the first line has most of.
function parseTable(text) {
  text = text.replace(/^\ufeff/, "");
  if (!text.trim()) throw new Error("The file is empty.");
  const first = text.split(/\r?\n/, 1)[0];
  const separator = [",", ";", "\t"].map((sign) => [first.split(sign).length, sign]).sort((a, b) => b[0] - a[0])[0][1];
  const rows = [[""]];
  let quoted = false;
  for (let i = 0; i < text.length; i++) {
    const sign = text[i], row = rows.at(-1);
    if (quoted) {
      if (sign !== '"') row[row.length - 1] += sign;
      else if (text[i + 1] === '"') { row[row.length - 1] += '"'; i++; }
      else quoted = false;
    } else if (sign === '"' && row.at(-1) === "") quoted = true;
    else if (sign === separator) row.push("");
    else if (sign === "\n") rows.push([""]);
    else if (sign !== "\r") row[row.length - 1] += sign;
  }
  const header = rows.shift().map((name, i) => name.trim() || `column ${i + 1}`);
  const lines = rows.filter((row) => row.length > 1 || row[0].trim()).map((row) => row.map((cell) => cell.trim()));
  if (header.length < 2) throw new Error("The file has one column. A table needs two columns of numbers and a target.");
  if (!lines.length) throw new Error("The file has no rows below its first line, which holds the names of the columns.");
  return { header, rows: lines, decimalComma: separator === ";" };
}

function toNumber(text, decimalComma) {
  const plain = decimalComma ? (text ?? "").replace(",", ".") : text ?? "";
  return plain === "" ? NaN : Number(plain);
}

// The columns of a table with numbers in at least half of their cells.
function numberColumns(table) {
  return table.header.map((_, i) => i).filter((i) => {
    const numbers = table.rows.filter((row) => Number.isFinite(toNumber(row[i], table.decimalComma))).length;
    return 2 * numbers >= table.rows.length;
  });
}

// Return the points of a table: columns a and b, and a target, all as positions. Notes say which rows are left out.
function tablePoints(table, { problem, a, b, target, seed }) {
  const number = (text) => toNumber(text, table.decimalComma), notes = [];
  const read = table.rows.map((row) => [number(row[a]), number(row[b]), row[target] ?? ""]);
  let rows = read.filter(([x, y, label]) => Number.isFinite(x) && Number.isFinite(y) && label !== "" &&
    (problem !== "regression" || Number.isFinite(number(label))));
  if (rows.length < read.length) notes.push(`${read.length - rows.length} of ${read.length} rows are left out: a cell is empty or not a number.`);
  let labels = [];
  if (problem !== "regression") {
    const counts = new Map();
    for (const [, , label] of rows) counts.set(label, (counts.get(label) ?? 0) + 1);
    const frequent = [...counts].sort((p, q) => q[1] - p[1]).slice(0, MOST_CLASSES).map(([label]) => label);
    labels = frequent.sort((p, q) => (number(p) - number(q)) || (p < q ? -1 : 1));
    const before = rows.length;
    rows = rows.filter(([, , label]) => labels.includes(label));
    if (counts.size > MOST_CLASSES) notes.push(`The target has ${counts.size} different values: the ${MOST_CLASSES} most frequent are shown, and ${before - rows.length} rows are left out.`);
    if (labels.length < 2) throw new Error(`The target ${table.header[target]} has one value only in the rows that can be used. Classes need two.`);
  }
  if (rows.length < 10) throw new Error(`Only ${rows.length} rows have numbers in ${table.header[a]} and ${table.header[b]} and a target. At least 10 are needed.`);
  if (rows.length > MOST_ROWS) {
    notes.push(`${MOST_ROWS} of ${rows.length} rows are drawn at random.`);
    rows = shuffled(rows, generator(seed * 4 + 1)).slice(0, MOST_ROWS);
  }
  return {
    places: rows.map(([x, y]) => [x, y]),
    y: rows.map(([, , label]) => (problem === "regression" ? number(label) : labels.indexOf(label))),
    labels, axes: [table.header[a], table.header[b]], target: table.header[target], notes, scaled: true,
  };
}

function shuffled(list, random) {
  const result = [...list];
  for (let i = result.length - 1; i > 0; i--) {
    const j = Math.floor((i + 1) * random());
    [result[i], result[j]] = [result[j], result[i]];
  }
  return result;
}

// Mean and standard deviation; a column of one value has the deviation 1.
function moments(values) {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const spread = Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length);
  return [mean, spread > 0 ? spread : 1];
}

// Split points into training and test rows, and scale those of a table by the means and deviations of the training rows.
function prepare(points, state) {
  // A point that is added at the end changes the part of at most one other point.
  const random = generator(state.seed * 4 + 2), keys = points.y.map(() => random());
  const order = points.y.map((_, i) => i).sort((i, j) => keys[i] - keys[j]);
  // At least one training row, and no test rows for a share of 0.
  const count = Math.min(order.length - 1, Math.round(order.length * state.test));
  const test = order.slice(0, count), train = order.slice(count);
  let { places, y } = points, scales = null;
  if (points.scaled) {
    scales = [0, 1].map((axis) => moments(train.map((i) => places[i][axis])));
    places = places.map((place) => place.map((at, axis) => (at - scales[axis][0]) / scales[axis][1]));
    if (state.problem === "regression") {
      const [mean, spread] = moments(train.map((i) => y[i]));
      scales.push([mean, spread]);
      y = y.map((value) => (value - mean) / spread);
    }
  }
  const far = Math.max(...places.flat().map(Math.abs)), side = points.scaled ? Math.min(4, 1.05 * far) : SIDE;
  const outside = places.filter((place) => Math.max(...place.map(Math.abs)) > side).length;
  const notes = [...points.notes];
  if (points.scaled) {
    const what = state.problem === "regression" ? "Columns and target" : "Columns";
    notes.push(`${what} are standardized: mean 0 and standard deviation 1 on the training points.`);
  }
  if (outside) notes.push(`${outside} points lie outside the picture.`);
  return { ...points, places, y, train, test, side, scales, notes };
}

// Return the features of some places: a flat array (n, features).
function featuresOf(places, names) {
  const result = new Float64Array(places.length * names.length);
  places.forEach(([x, y], i) => names.forEach((name, j) => { result[i * names.length + j] = FEATURES[name](x, y); }));
  return result;
}

// The places of a square grid, row after row, the highest row first.
function gridPlaces(side, steps) {
  const at = (i) => side * ((2 * (i + 0.5)) / steps - 1);
  return Array.from({ length: steps * steps }, (_, i) => [at(i % steps), -at(Math.floor(i / steps))]);
}
