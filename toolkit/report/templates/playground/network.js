// A small feed-forward network: initial weights, forward and backward pass, losses, optimizers. Its formulas are Keras's.
// Arrays of numbers are flat: row after row, as NumPy stores them.

const SLOPE = 0.1; // of leaky ReLU below 0
const PIECES = 2; // linear pieces of a maxout unit
const DELTA = 1; // where Huber's loss turns from squared to absolute
const EPSILON = 1e-7; // Keras's

// Return a generator of numbers from 0 to 1 (mulberry32). Its `state` can be read and set.
function generator(seed) {
  const next = () => {
    next.state = (next.state + 0x6d2b79f5) | 0;
    let t = Math.imul(next.state ^ (next.state >>> 15), 1 | next.state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
  next.state = Math.imul(seed + 1, 0x9e3779b1) | 0;
  return next;
}

function normal(random) {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}

// name -> [the output z becomes, its slope at z]. Maxout is in `activate` and `deactivate`.
const ACTIVATIONS = {
  linear: [(z) => z, () => 1],
  sigmoid: [(z) => 1 / (1 + Math.exp(-z)), (z, a) => a * (1 - a)],
  tanh: [Math.tanh, (z, a) => 1 - a * a],
  relu: [(z) => (z > 0 ? z : 0), (z) => (z > 0 ? 1 : 0)],
  leaky_relu: [(z) => (z > 0 ? z : SLOPE * z), (z) => (z > 0 ? 1 : SLOPE)],
  elu: [(z) => (z > 0 ? z : Math.expm1(z)), (z, a) => (z > 0 ? 1 : a + 1)],
};

const STARTS = {
  zeros: () => 0,
  small: (random) => 0.05 * normal(random),
  glorot: (random, inputs, outputs) => (2 * random() - 1) * Math.sqrt(6 / (inputs + outputs)),
  he: (random, inputs) => (2 * random() - 1) * Math.sqrt(6 / inputs),
};

// Return a network. `hidden` is a list of [width, activation]; the last layer is linear and gives the scores.
function makeNetwork(inputs, hidden, units, start, random) {
  const layers = [];
  for (const [width, activation] of [...hidden, [units, "linear"]]) {
    const columns = activation === "maxout" ? width * PIECES : width;
    const kernel = new Float64Array(inputs * columns);
    for (let i = 0; i < kernel.length; i++) kernel[i] = STARTS[start](random, inputs, columns);
    layers.push({ inputs, width, columns, activation, kernel, bias: new Float64Array(columns) });
    inputs = width;
  }
  return { layers, slots: null, steps: 0 };
}

function parameterCount(network) {
  return network.layers.reduce((sum, layer) => sum + layer.kernel.length + layer.bias.length, 0);
}

// sums (n, columns) -> outputs (n, width)
function activate(layer, sums, n) {
  if (layer.activation === "linear") return sums;
  const output = new Float64Array(n * layer.width);
  if (layer.activation !== "maxout") {
    const value = ACTIVATIONS[layer.activation][0];
    for (let i = 0; i < output.length; i++) output[i] = value(sums[i]);
    return output;
  }
  for (let row = 0; row < n; row++) for (let unit = 0; unit < layer.width; unit++) {
    const at = row * layer.columns + unit;
    output[row * layer.width + unit] = Math.max(sums[at], sums[at + layer.width]);
  }
  return output;
}

// Gradient by the outputs (n, width) -> gradient by the sums (n, columns)
function deactivate(layer, sums, output, gradient, n) {
  if (layer.activation === "linear") return gradient;
  const result = new Float64Array(n * layer.columns);
  if (layer.activation !== "maxout") {
    const slope = ACTIVATIONS[layer.activation][1];
    for (let i = 0; i < result.length; i++) result[i] = gradient[i] * slope(sums[i], output[i]);
    return result;
  }
  for (let row = 0; row < n; row++) for (let unit = 0; unit < layer.width; unit++) {
    const at = row * layer.columns + unit, other = at + layer.width, value = gradient[row * layer.width + unit];
    // Where both pieces are equal, each gets half, as in TensorFlow.
    const share = sums[at] > sums[other] ? 1 : sums[at] < sums[other] ? 0 : 0.5;
    result[at] = share * value;
    result[other] = (1 - share) * value;
  }
  return result;
}

// Return for each layer its inputs, sums and outputs, for x (n, inputs). `dropout` needs `random`.
function forward(network, x, n, dropout = 0, random = null) {
  return network.layers.map((layer, index) => {
    const { inputs, columns, kernel, bias } = layer, sums = new Float64Array(n * columns), from = x;
    for (let row = 0; row < n; row++) {
      const to = row * columns;
      for (let c = 0; c < columns; c++) sums[to + c] = bias[c];
      for (let i = 0; i < inputs; i++) {
        const value = from[row * inputs + i], at = i * columns;
        for (let c = 0; c < columns; c++) sums[to + c] += value * kernel[at + c];
      }
    }
    const output = activate(layer, sums, n);
    let kept = null;
    x = output;
    if (dropout && index < network.layers.length - 1) {
      // What is kept grows, so that the mean stays: kept by half -> doubled.
      kept = output.map(() => (random() < dropout ? 0 : 1 / (1 - dropout)));
      x = output.map((value, i) => value * kept[i]);
    }
    return { inputs: from, sums, output, kept };
  });
}

function scoresOf(network, x, n) {
  return forward(network, x, n).at(-1).output;
}

// Losses of one row. `s` holds the scores, which begin at `at`; y is a class id or a value. Each returns the row's loss and
// writes the gradient by the scores into `g`, at the same place.
const LOSSES = {
  softmax(s, at, units, y, g) {
    let largest = -Infinity, total = 0;
    for (let k = 0; k < units; k++) largest = Math.max(largest, s[at + k]);
    for (let k = 0; k < units; k++) total += g[at + k] = Math.exp(s[at + k] - largest);
    for (let k = 0; k < units; k++) g[at + k] /= total;
    g[at + y] -= 1;
    return Math.log(total) + (largest - s[at + y]);
  },
  hinge(s, at, units, y, g) {
    let loss = 0, inside = 0;
    for (let k = 0; k < units; k++) {
      const margin = k === y ? 0 : Math.max(0, s[at + k] - s[at + y] + 1);
      loss += margin;
      g[at + k] = margin > 0 ? 1 : 0;
      inside += g[at + k];
    }
    g[at + y] = -inside;
    return loss;
  },
  squared_hinge(s, at, units, y, g) {
    let loss = 0, inside = 0;
    for (let k = 0; k < units; k++) {
      const margin = k === y ? 0 : Math.max(0, s[at + k] - s[at + y] + 1);
      loss += margin * margin;
      g[at + k] = 2 * margin;
      inside += g[at + k];
    }
    g[at + y] = -inside;
    return loss;
  },
  // One score for two classes; otherwise one per class, each against the rest, and the mean of their losses.
  logistic(s, at, units, y, g) {
    let loss = 0;
    for (let k = 0; k < units; k++) {
      const score = s[at + k], target = units === 1 ? y : Number(k === y);
      loss += Math.max(score, 0) - score * target + Math.log1p(Math.exp(-Math.abs(score)));
      g[at + k] = (1 / (1 + Math.exp(-score)) - target) / units;
    }
    return loss / units;
  },
  squared_sigmoid(s, at, units, y, g) {
    let loss = 0;
    for (let k = 0; k < units; k++) {
      const p = 1 / (1 + Math.exp(-s[at + k])), error = p - (units === 1 ? y : Number(k === y));
      loss += error * error;
      g[at + k] = (2 * error * p * (1 - p)) / units;
    }
    return loss / units;
  },
  squared(s, at, units, y, g) {
    const error = s[at] - y;
    g[at] = 2 * error;
    return error * error;
  },
  absolute(s, at, units, y, g) {
    g[at] = Math.sign(s[at] - y);
    return Math.abs(s[at] - y);
  },
  huber(s, at, units, y, g) {
    const error = s[at] - y, size = Math.abs(error);
    g[at] = size <= DELTA ? error : DELTA * Math.sign(error);
    return size <= DELTA ? 0.5 * error * error : DELTA * size - 0.5 * DELTA * DELTA;
  },
};

const REGRESSION = ["squared", "absolute", "huber"];

function unitsOf(head, classes) {
  if (REGRESSION.includes(head)) return 1;
  return classes === 2 && (head === "logistic" || head === "squared_sigmoid") ? 1 : classes;
}

// The class that a row's scores decide for.
function decide(scores, at, units) {
  if (units === 1) return scores[at] > 0 ? 1 : 0;
  let best = 0;
  for (let k = 1; k < units; k++) if (scores[at + k] > scores[at + best]) best = k;
  return best;
}

// By how much class `k` leads before the best of the others; 1 is the margin that a hinge asks for.
function lead(scores, at, units, k) {
  if (units === 1) return k ? scores[at] : -scores[at];
  let other = -Infinity;
  for (let j = 0; j < units; j++) if (j !== k) other = Math.max(other, scores[at + j]);
  return scores[at + k] - other;
}

// Mean loss, and the error: the share of rows decided wrongly, or the root of the mean squared error.
function measure(network, head, x, y, n) {
  const scores = scoresOf(network, x, n), units = network.layers.at(-1).width, unused = new Float64Array(scores.length);
  let loss = 0, error = 0;
  for (let row = 0; row < n; row++) {
    loss += LOSSES[head](scores, row * units, units, y[row], unused);
    if (REGRESSION.includes(head)) error += (scores[row] - y[row]) ** 2;
    else error += Number(decide(scores, row * units, units) !== y[row]);
  }
  return { loss: loss / n, error: REGRESSION.includes(head) ? Math.sqrt(error / n) : error / n };
}

// What the weights cost: l1 times their sum of sizes and l2 times their sum of squares, in all layers; biases are free.
function penalty(network, { l1 = 0, l2 = 0 }) {
  let sum = 0;
  if (l1 || l2) for (const { kernel } of network.layers) for (const w of kernel) sum += l1 * Math.abs(w) + l2 * w * w;
  return sum;
}

// Return the loss with its penalty, and the gradients of each layer's kernel and bias, for x (n, inputs).
function backward(network, head, x, y, n, options, random) {
  const { l1 = 0, l2 = 0, dropout = 0 } = options, passes = forward(network, x, n, dropout, random);
  const { output: scores } = passes.at(-1), units = network.layers.at(-1).width, gradients = [];
  let gradient = new Float64Array(scores.length), loss = 0;
  for (let row = 0; row < n; row++) loss += LOSSES[head](scores, row * units, units, y[row], gradient) / n;
  for (let i = 0; i < gradient.length; i++) gradient[i] /= n;
  for (let index = network.layers.length - 1; index >= 0; index--) {
    const layer = network.layers[index], { inputs: from, sums, output, kept } = passes[index];
    if (kept) gradient = gradient.map((value, i) => value * kept[i]);
    const { inputs, columns, kernel } = layer, signal = deactivate(layer, sums, output, gradient, n);
    const byKernel = new Float64Array(kernel.length), byBias = new Float64Array(columns);
    gradient = new Float64Array(n * inputs);
    for (let row = 0; row < n; row++) for (let c = 0; c < columns; c++) {
      const value = signal[row * columns + c];
      byBias[c] += value;
      // A weight's gradient is its input times the signal that comes back to its unit.
      for (let i = 0; i < inputs; i++) {
        byKernel[i * columns + c] += from[row * inputs + i] * value;
        gradient[row * inputs + i] += kernel[i * columns + c] * value;
      }
    }
    if (l1 || l2) for (let i = 0; i < kernel.length; i++) byKernel[i] += l1 * Math.sign(kernel[i]) + 2 * l2 * kernel[i];
    gradients[index] = [byKernel, byBias];
  }
  return { loss: loss + penalty(network, options), gradients };
}

// name -> change an array of weights w by its gradient g at a rate; m and v are the optimizer's two arrays; t counts from 1.
const OPTIMIZERS = {
  sgd(w, g, rate) {
    for (let i = 0; i < w.length; i++) w[i] -= rate * g[i];
  },
  momentum(w, g, rate, m) {
    for (let i = 0; i < w.length; i++) w[i] += m[i] = 0.9 * m[i] - rate * g[i];
  },
  rmsprop(w, g, rate, m, v) {
    for (let i = 0; i < w.length; i++) {
      v[i] = 0.9 * v[i] + 0.1 * g[i] * g[i];
      w[i] -= (rate * g[i]) / Math.sqrt(v[i] + EPSILON);
    }
  },
  adam(w, g, rate, m, v, t) {
    const size = (rate * Math.sqrt(1 - 0.999 ** t)) / (1 - 0.9 ** t);
    for (let i = 0; i < w.length; i++) {
      m[i] += 0.1 * (g[i] - m[i]);
      v[i] += 0.001 * (g[i] * g[i] - v[i]);
      w[i] -= (m[i] * size) / (Math.sqrt(v[i]) + EPSILON);
    }
  },
};

// Make one step on some rows (x, y, n of them). Options: optimizer, rate, l1, l2, maxNorm, dropout.
function trainStep(network, head, x, y, n, options, random) {
  const { loss, gradients } = backward(network, head, x, y, n, options, random);
  const arrays = network.layers.flatMap((layer) => [layer.kernel, layer.bias]);
  network.slots ??= arrays.map((array) => [new Float64Array(array.length), new Float64Array(array.length)]);
  network.steps++;
  gradients.flat().forEach((gradient, i) =>
    OPTIMIZERS[options.optimizer](arrays[i], gradient, options.rate, ...network.slots[i], network.steps));
  if (options.maxNorm) for (const layer of network.layers) limit(layer, options.maxNorm);
  return loss;
}

// Shorten each unit's incoming weights to the largest length allowed.
function limit({ inputs, columns, kernel }, longest) {
  for (let c = 0; c < columns; c++) {
    let sum = 0;
    for (let i = 0; i < inputs; i++) sum += kernel[i * columns + c] ** 2;
    const length = Math.sqrt(sum), factor = Math.min(length, longest) / (EPSILON + length);
    for (let i = 0; i < inputs; i++) kernel[i * columns + c] *= factor;
  }
}

// Return a copy of a network, with the state of its optimizer.
function copyNetwork({ layers, slots, steps }) {
  return {
    layers: layers.map((layer) => ({ ...layer, kernel: layer.kernel.slice(), bias: layer.bias.slice() })),
    slots: slots?.map((pair) => pair.map((array) => array.slice())) ?? null,
    steps,
  };
}
