// Training the course's network with tfjs: the settings and lines of train.py, backend=cpu or backend=wasm, tfjs=DIR where it
// is installed.
//
// tfjs keeps images as NHWC: the weights of the common beginning are rearranged, so that the losses are the same.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { BATCH, FIRST, order, peakMb, say, settings, weights } from './settings.mjs';

const require = createRequire(path.join(settings.tfjs, 'package.json'));
console.warn = () => undefined; // an advertisement for tfjs-node
const tf = require('@tensorflow/tfjs');

async function chooseBackend() {
  if (settings.backend === 'wasm') {
    const wasm = require('@tensorflow/tfjs-backend-wasm');
    wasm.setWasmPaths(path.join(path.dirname(require.resolve('@tensorflow/tfjs-backend-wasm')), '/'));
    addFilterGradient();
  }
  if (!(await tf.setBackend(settings.backend))) throw new Error(`tfjs has no backend ${settings.backend}`);
  await tf.ready();
}

/**
 * tfjs's wasm backend lacks one kernel that training needs, a convolution's gradient by its filter (for strides of 1
 * without padding): one product of matrices for each place of the filter.
 */
function addFilterGradient() {
  if (tf.getKernel('Conv2DBackpropFilter', 'wasm')) return;
  tf.registerKernel({
    kernelName: 'Conv2DBackpropFilter',
    backendName: 'wasm',
    kernelFunc: ({ inputs: { x, dy }, attrs: { filterShape } }) => {
      const [images, , , channels] = x.shape;
      const [, height, width, filters] = dy.shape;
      const [rows, columns] = filterShape;
      return tf.tidy(() => {
        const gradients = dy.reshape([-1, filters]);
        const places = [];
        for (let row = 0; row < rows; row++) {
          for (let column = 0; column < columns; column++) {
            const seen = tf.slice(x, [0, row, column, 0], [images, height, width, channels]);
            places.push(tf.matMul(seen.reshape([-1, channels]), gradients, true));
          }
        }
        return tf.stack(places).reshape(filterShape);
      });
    },
  });
}

/** The parameters as tfjs wants them: filters as [height, width, in, out], matrices as [in, out]. */
function parameters() {
  const values = weights();
  let at = 0;
  const next = (shape) => tf.tensor(values.slice(at, (at += shape.reduce((a, b) => a * b))), shape);
  const list = [];
  const add = (weight, bias) => list.push(tf.variable(weight), tf.variable(bias));
  for (const [outputs, inputs] of [
    [6, 3],
    [16, 6],
  ]) {
    const weight = next([outputs, inputs, 5, 5]).transpose([2, 3, 1, 0]);
    add(weight, next([outputs]));
  }
  // The first matrix's columns follow the flattened images: channel, row, column there, and row, column, channel here.
  const first = next([120, 16, 5, 5]).transpose([2, 3, 1, 0]).reshape([400, 120]);
  add(first, next([120]));
  for (const [outputs, inputs] of [
    [84, 120],
    [10, 84],
  ]) {
    const weight = next([outputs, inputs]).transpose();
    add(weight, next([outputs]));
  }
  return list;
}

function forward([w1, b1, w2, b2, w3, b3, w4, b4, w5, b5], images) {
  const pooled = (x, weight, bias) => tf.maxPool(tf.relu(tf.add(tf.conv2d(x, weight, 1, 'valid'), bias)), 2, 2, 'valid'); // prettier-ignore
  const features = pooled(pooled(images, w1, b1), w2, b2).reshape([-1, 400]);
  const hidden = tf.relu(tf.add(tf.matMul(features, w3), b3));
  return tf.add(tf.matMul(tf.relu(tf.add(tf.matMul(hidden, w4), b4)), w5), b5);
}

/** Batches gathered from CIFAR-10's records in JavaScript: bytes to normalised floats through a table, channels last. */
function batches() {
  const files = [1, 2, 3, 4, 5].map((n) => readFileSync(`${settings.folder}/data_batch_${n}.bin`));
  const records = Buffer.concat(files);
  const indices = order();
  const table = Float32Array.from(
    { length: 256 },
    (_, byte) => Math.fround(Math.fround(byte / 255) - 0.5) / 0.5,
  );
  let at = 0;
  return () => {
    if (at + BATCH > indices.length) at = 0;
    const images = new Float32Array(BATCH * 3072);
    const labels = new Int32Array(BATCH);
    for (let i = 0; i < BATCH; i++) {
      const record = 3073 * Number(indices[at++]);
      labels[i] = records[record];
      let to = 3072 * i;
      for (let pixel = record + 1; pixel <= record + 1024; pixel++) {
        for (let channel = 0; channel < 3; channel++) images[to++] = table[records[pixel + 1024 * channel]];
      }
    }
    return { images: tf.tensor4d(images, [BATCH, 32, 32, 3]), labels: tf.tensor1d(labels, 'int32') };
  };
}

await chooseBackend();
const next = batches();
const variables = parameters();
const optimizer = tf.train.momentum(0.001, 0.9);

/** A step; its loss is read, for otherwise a backend might put the work off. */
const step = () =>
  tf.tidy(() => {
    const { images, labels } = next();
    const classes = tf.oneHot(labels, 10).toFloat();
    const loss = () => tf.losses.softmaxCrossEntropy(classes, forward(variables, images));
    return optimizer.minimize(loss, true, variables).dataSync()[0];
  });

const began = performance.now();
const losses = [step()];
say({ firstStepSeconds: (performance.now() - began) / 1000 });
while (losses.length < FIRST) losses.push(step());
say({ losses });
if (settings.count) {
  const { kernels } = await tf.profile(() => void step());
  say({ kernels: kernels.length });
} else {
  for (let i = 0; i < Number(settings.warmup); i++) step();
  const steps = Number(settings.steps);
  const start = performance.now();
  for (let i = 0; i < steps; i++) step();
  say({ us: (1000 * (performance.now() - start)) / steps, steps, memoryMb: peakMb() });
}
