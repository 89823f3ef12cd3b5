// A training: one network for each head, on the same points, from the same start, in the same order of rows.

const CURVE_POINTS = 300;
const SNAPSHOTS = 200;

// Return a training at step 0. `points` come from `generate`, `tablePoints` or the reader's hand.
function startTraining(state, points) {
  const data = prepare(points, state), features = featuresOf(data.places, state.features);
  const width = state.features.length, classes = data.labels.length;
  const heads = state.second ? [state.head, state.second] : [state.head];
  const training = {
    state, data, heads, width, features, step: 0, place: 0, order: [], passes: 0,
    // Each network draws its weights from the same seed: hidden layers start alike.
    networks: heads.map((head) => makeNetwork(width, state.layers, unitsOf(head, classes), state.start, generator(state.seed * 4 + 3))),
    shuffling: generator(state.seed * 4 + 4), dropping: heads.map(() => generator(state.seed * 4 + 5)),
    curve: { steps: [], lines: heads.map(() => ({ train: [], test: [], trainError: [], testError: [] })) },
    snapshots: [], gap: 1,
  };
  training.parts = { train: partOf(training, data.train), test: partOf(training, data.test) };
  record(training);
  return training;
}

// The features and targets of some rows.
function partOf({ width, features, data }, rows) {
  const x = new Float64Array(rows.length * width);
  rows.forEach((row, i) => x.set(features.subarray(row * width, (row + 1) * width), i * width));
  return { x, y: rows.map((row) => data.y[row]), n: rows.length };
}

// Make one step of all networks on the next batch of rows.
function advance(training) {
  const { state, data } = training;
  if (training.place >= training.order.length) {
    training.order = shuffled(data.train, training.shuffling);
    training.place = 0;
  }
  const rows = training.order.slice(training.place, training.place + state.batch), { x, y, n } = partOf(training, rows);
  training.place += n;
  training.passes += n / data.train.length;
  training.step++;
  return training.networks.map((network, i) => trainStep(network, training.heads[i], x, y, n, state, training.dropping[i]));
}

// Measure all networks on both parts, and add the figures to the curve. Return them: [{train, test}].
function record(training) {
  const { curve, parts } = training, measured = training.networks.map((network, i) => ({
    train: measure(network, training.heads[i], parts.train.x, parts.train.y, parts.train.n),
    test: parts.test.n ? measure(network, training.heads[i], parts.test.x, parts.test.y, parts.test.n) : null,
  }));
  training.measured = measured;
  if (curve.steps.length && training.step < curve.steps.at(-1) + training.gap) return measured;
  curve.steps.push(training.step);
  measured.forEach(({ train, test }, i) => {
    const line = curve.lines[i];
    line.train.push(train.loss);
    line.trainError.push(train.error);
    line.test.push(test ? test.loss : NaN);
    line.testError.push(test ? test.error : NaN);
  });
  if (curve.steps.length > CURVE_POINTS) { // keep every second point
    training.gap *= 2;
    filterCurve(curve, (_, i) => i % 2 === 0);
  }
  return measured;
}

function filterCurve(curve, keep) {
  for (const line of curve.lines) for (const key of Object.keys(line)) line[key] = line[key].filter(keep);
  curve.steps = curve.steps.filter(keep);
}

// Remember where a training is, so that `goBack` can return to it.
function remember(training) {
  const { step, place, order, passes, shuffling, dropping } = training;
  training.snapshots.push({
    step, place, order, passes, shuffling: shuffling.state, dropping: dropping.map((random) => random.state),
    networks: training.networks.map(copyNetwork),
  });
  if (training.snapshots.length > SNAPSHOTS) training.snapshots.shift();
}

// Return to the last remembered step. Return whether there was one.
function goBack(training) {
  const last = training.snapshots.pop();
  if (!last) return false;
  const { shuffling, dropping, ...rest } = last;
  Object.assign(training, rest);
  training.shuffling.state = shuffling;
  training.dropping.forEach((random, i) => { random.state = dropping[i]; });
  const { steps } = training.curve;
  filterCurve(training.curve, (_, i) => steps[i] < training.step);
  record(training);
  return true;
}

// Take over changed points without a new start: the reader drew one while the networks learn.
function changePoints(training, points) {
  const data = prepare(points, training.state);
  Object.assign(training, { data, features: featuresOf(data.places, training.state.features), order: [], place: 0, snapshots: [] });
  training.parts = { train: partOf(training, data.train), test: partOf(training, data.test) };
}
