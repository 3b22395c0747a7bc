// Part 1 of the course: a small convolutional network learns CIFAR-10.
//
// Everything that defines the experiment is here; how an epoch runs is in training.ts, and what is drawn of the
// results in report/.
import { nn, optim } from 'torch-node';
import type { Experiment } from './training.js';

/** Two convolutions, each with ReLU and pooling, then three linear layers: [N, 3, 32, 32] to logits [N, 10]. */
export function originalNetwork(): nn.Sequential {
  return new nn.Sequential(
    new nn.Conv2d(3, 6, 5), //   [N,  6, 28, 28]
    new nn.ReLU(),
    new nn.MaxPool2d(2), //      [N,  6, 14, 14]
    new nn.Conv2d(6, 16, 5), //  [N, 16, 10, 10]
    new nn.ReLU(),
    new nn.MaxPool2d(2), //      [N, 16,  5,  5]
    new nn.Flatten(), //         [N, 400]
    new nn.Linear(400, 120),
    new nn.ReLU(),
    new nn.Linear(120, 84),
    new nn.ReLU(),
    new nn.Linear(84, 10),
  );
}

/** The course's settings. Softmax is part of the loss while training; probabilities are asked for afterwards. */
export const part1: Experiment = {
  name: 'original',
  network: originalNetwork,
  criterion: () => new nn.CrossEntropyLoss(),
  optimizer: (parameters) => new optim.SGD(parameters, { lr: 0.001, momentum: 0.9 }),
  batchSize: 32,
  epochs: 10,
};
