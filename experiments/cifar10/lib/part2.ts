// Part 2 of the course: eleven other networks beside the one of part 1. All settings that are not named here are part 1's.
import { nn, optim } from 'torch-node';
import { part1 } from './part1.js';
import type { Experiment } from './training.js';

type Layer = () => nn.Module;
const relu: Layer = () => new nn.ReLU();

/** Part 1's network with other numbers of channels, or another function in place of ReLU. */
const convolutional = (channels: [number, number], activation: Layer) => (): nn.Module =>
  new nn.Sequential(
    new nn.Conv2d(3, channels[0], 5),
    activation(),
    new nn.MaxPool2d(2),
    new nn.Conv2d(channels[0], channels[1], 5),
    activation(),
    new nn.MaxPool2d(2),
    new nn.Flatten(),
    ...classifier(channels[1] * 5 * 5, activation),
  );

/** The three linear layers at the end of all convolutional networks here. */
const classifier = (inputs: number, activation: Layer): nn.Module[] => [
  new nn.Linear(inputs, 120),
  activation(),
  new nn.Linear(120, 84),
  activation(),
  new nn.Linear(84, 10),
];

const oneConvolution = (): nn.Module =>
  new nn.Sequential(
    new nn.Conv2d(3, 6, 5),
    new nn.ReLU(),
    new nn.MaxPool2d(2),
    new nn.Flatten(),
    ...classifier(6 * 14 * 14, relu),
  );

const threeConvolutions = (): nn.Module =>
  new nn.Sequential(
    new nn.Conv2d(3, 6, 3),
    new nn.ReLU(),
    new nn.MaxPool2d(2),
    new nn.Conv2d(6, 16, 3),
    new nn.ReLU(),
    new nn.MaxPool2d(2),
    new nn.Conv2d(16, 26, 3),
    new nn.ReLU(),
    new nn.MaxPool2d(2),
    new nn.Flatten(),
    ...classifier(26 * 2 * 2, relu),
  );

/** Linear layers with ReLU between them, on the pixels themselves. */
const perceptron =
  (...hidden: number[]) =>
  (): nn.Module => {
    const widths = [3 * 32 * 32, ...hidden];
    const layers = hidden.flatMap((width, i) => [new nn.Linear(widths[i]!, width), new nn.ReLU()]);
    return new nn.Sequential(new nn.Flatten(), ...layers, new nn.Linear(widths.at(-1)!, 10));
  };

const sgd =
  (lr: number): Experiment['optimizer'] =>
  (parameters) =>
    new optim.SGD(parameters, { lr, momentum: 0.9 });

/** What differs from part 1, in the course's order. */
const changes: Record<string, Partial<Experiment>> = {
  original: {},
  mlp2: { network: perceptron(120) },
  mlp3: { network: perceptron(120, 50) },
  mlp4: { network: perceptron(120, 50, 30) },
  mlp5: { network: perceptron(120, 50, 30, 20) },
  'double-channel': { network: convolutional([12, 32], relu) },
  conv1: { network: oneConvolution },
  conv3: { network: threeConvolutions },
  'leaky-relu': { network: convolutional([6, 16], () => new nn.LeakyReLU(0.01)) },
  tanh: { network: convolutional([6, 16], () => new nn.Tanh()) },
  'low-lr': { optimizer: sgd(0.0001) },
  'high-lr': { optimizer: sgd(0.01) },
};

/** The twelve, by name. */
export const part2: ReadonlyMap<string, Experiment> = new Map(
  Object.entries(changes).map(([name, change]) => [name, { ...part1, ...change, name }]),
);
