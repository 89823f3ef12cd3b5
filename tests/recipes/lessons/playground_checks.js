// Runs the page's own functions under Node; the test joins its files before this one, and gives states on the standard input.

function rebuilt({ hidden, units, start }) {
  const network = makeNetwork(2, hidden, units, "zeros", generator(0));
  network.layers.forEach((layer, i) => { layer.kernel.set(start[2 * i]); layer.bias.set(start[2 * i + 1]); });
  return network;
}

function replay(saved) {
  const { head, x, y, order, options, checks } = saved, network = rebuilt(saved), n = y.length, last = 100, results = [];
  for (let step = 1; step <= last; step++) {
    const rows = order.slice((step - 1) * options.batch, step * options.batch);
    trainStep(network, head, rows.flatMap((row) => x.slice(2 * row, 2 * row + 2)), rows.map((row) => y[row]), rows.length, options, null);
    if (step !== 1 && step !== last) continue;
    const { loss, gradients } = backward(network, head, x, y, n, options, null);
    results.push({ loss, gradients: gradients.flat().map((array) => [...array]) });
  }
  return results;
}

// Milliseconds of one picture: 20 steps of batch 10, maps of MAP x MAP places, and their border lines.
function pictureTime() {
  const state = structuredClone(DEFAULTS), training = startTraining(state, generate(state));
  const grid = featuresOf(gridPlaces(SIDE, MAP), state.features), times = [];
  for (let picture = 0; picture < 200; picture++) {
    const start = performance.now();
    remember(training);
    for (let i = 0; i < 20; i++) advance(training);
    record(training);
    const scores = forward(training.networks[0], grid, MAP * MAP).at(-1).output;
    for (let k = 0; k < 2; k++) {
      const leads = Float64Array.from({ length: MAP * MAP }, (_, i) => lead(scores, 2 * i, 2, k));
      contour(leads, 0);
      contour(leads, 1);
    }
    times.push(performance.now() - start);
  }
  return times.sort((a, b) => a - b)[50]; // other programs may interrupt the slower ones
}

// What comes of a link after some steps: its figures on both parts, and the weights of each network's first layer.
function outcome([link, steps]) {
  const { state } = decodeState(link), training = startTraining(state, generate(state));
  for (let i = 0; i < steps; i++) advance(training);
  const weights = training.networks.map(({ layers }) => [...layers[0].kernel, ...layers[0].bias]);
  return record(training).map((measured, i) => ({ ...measured, weights: weights[i] }));
}
