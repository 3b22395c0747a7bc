// What goes through the layers of a network: watched while it runs, and checked on images of CIFAR-10's size.
import torch, { nn, type Tensor } from 'torch-node';
import type { Experiment } from './training.js';

const CLASSES = 10;

/** A module without parts of its own, and the path to it in the network, as "conv1" or "7". */
export interface Layer {
  path: string;
  module: nn.Module;
}

/** Runs `run`; whenever it comes to a layer of the network, `pass` is called in the layer's place. */
export function watchLayers<T>(
  net: nn.Module,
  pass: (layer: Layer, input: Tensor, compute: () => Tensor) => Tensor,
  run: () => T,
): T {
  const layers = net
    .namedModules()
    .filter(([, module]) => module.children().length === 0)
    .map(([path, module]) => ({ path, module: module as unknown as nn.Module }));
  for (const layer of layers) {
    const { module } = layer;
    const forward = module.forward.bind(module);
    // An instance's own method hides that of its class until it is deleted.
    module.forward = (input) => pass(layer, input, () => forward(input));
  }
  try {
    return run();
  } finally {
    for (const { module } of layers) Reflect.deleteProperty(module, 'forward');
  }
}

/**
 * Builds the experiment's network and learns one batch of black images with it, so that a network that does not fit
 * the images, itself or its loss is found before anything is trained. Draws random numbers.
 *
 * @throws Error that names the layer, the shape it got and the one it expected
 */
export function tryOut(experiment: Experiment): void {
  torch.scope(() => {
    const net: nn.Module | undefined = experiment.network();
    if (!nn.isModule(net)) throw new Error(`network() gives ${described(net)}, expected is an nn.Module`);
    const images = torch.zeros([experiment.batchSize, 3, 32, 32]);
    let last: { layer: Layer; output: Tensor } | undefined;
    const came = (): string =>
      last ? `from ${nameOf(last.layer)}` : 'the images themselves: red, green and blue, 32 rows, 32 columns';
    const pass = (layer: Layer, input: Tensor, compute: () => Tensor): Tensor => {
      try {
        const output = compute();
        last = { layer, output };
        return output;
      } catch (error) {
        const other = layer.module.parameters().find(({ dtype }) => dtype !== input.dtype);
        if (other !== undefined)
          throw new Error(
            `${nameOf(layer)} has parameters of ${other.dtype}, and is given ${input.dtype}: CIFAR-10's images are float32; leave out what makes the network ${other.dtype}, or convert them in its forward`,
            { cause: error },
          );
        const { expected, advice } = wanted(layer.module, input.shape);
        const words = [
          `${nameOf(layer)} does not fit what it is given`,
          `it got      ${shape(input.shape)}, ${came()}`,
          `it expected ${expected ?? 'another shape'}${expected ? '' : `: ${(error as Error).message.split('\n')[0]}`}`,
          ...(advice ? [advice] : []),
        ];
        throw new Error(words.join('\n  '), { cause: error });
      }
    };
    const logits = watchLayers(net, pass, () => net.forward(images));
    const expected = [experiment.batchSize, CLASSES];
    if (String(logits.shape) !== String(expected))
      throw new Error(
        `the network gives ${shape(logits.shape)}${last ? ` (its last layer is ${nameOf(last.layer)})` : ''}\n  expected is ${shape(expected)}: a number for each of the ${CLASSES} classes, for each image`,
      );
    const labels = torch.zeros([experiment.batchSize], { dtype: 'int64' });
    const loss = experiment.criterion().forward(logits, labels);
    if (loss.numel !== 1)
      throw new Error(`the criterion gives ${shape(loss.shape)}\n  expected is one number: the mean loss`);
    const parameters = net.parameters();
    if (parameters.length === 0) throw new Error('the network has no parameters: there is nothing to learn');
    const optimizer = experiment.optimizer(parameters);
    loss.backward();
    optimizer.step();
  });
}

/** A value that is not what was expected, in a few words. */
export function described(value: unknown): string {
  if (value === undefined || value === null || typeof value === 'number' || typeof value === 'boolean')
    return String(value);
  if (typeof (value as { then?: unknown }).then === 'function') return 'a promise';
  if (Array.isArray(value)) return 'an array';
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`;
}

function nameOf({ path, module }: Layer): string {
  return `${path === '' ? 'the network' : `layer ${path}`}, ${module.toString()}`;
}

/** The shape that a layer takes in place of one that it refused, and how to make it take that one. */
function wanted(module: nn.Module, got: readonly number[]): { expected?: string; advice?: string } {
  const layer = module as unknown as Partial<nn.Linear & nn.Conv2d>;
  if (layer.inFeatures !== undefined) {
    const features = got.at(-1);
    return {
      expected: shape([...got.slice(0, -1), layer.inFeatures]),
      ...(features !== layer.inFeatures && {
        advice:
          got.length > 2
            ? `put new nn.Flatten() before it, or new nn.Linear(${features}, ${layer.outFeatures}) in its place`
            : `make it new nn.Linear(${features}, ${layer.outFeatures}), or change what comes before it`,
      }),
    };
  }
  if (got.length !== 4) return { expected: '[N, channels, rows, columns]' };
  const [count, channels, rows, columns] = got as [number, number, number, number];
  if (layer.inChannels !== undefined && layer.inChannels !== channels)
    return {
      expected: shape([count, layer.inChannels, rows, columns]),
      advice: `make it new nn.Conv2d(${channels}, ${layer.outChannels}, ...), or change what comes before it`,
    };
  const kernel = layer.kernelSize;
  if (kernel === undefined) return {};
  const [height, width] = typeof kernel === 'number' ? [kernel, kernel] : kernel;
  return {
    expected: `[${count}, ${channels}, ${height} or more, ${width} or more]: its kernel has ${height} rows and ${width} columns`,
    advice: 'too little is left of the images here: take smaller kernels, padding, or fewer layers before it',
  };
}

function shape(sizes: readonly number[]): string {
  return `[${sizes.join(', ')}]`;
}
