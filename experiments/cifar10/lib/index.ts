// torch-node-cifar10: the course's experiments, for experiments of one's own that begin with them.
/// <reference types="node" preserve="true" />
/// <reference lib="esnext.disposable" preserve="true" />
export { part1 } from './part1.js';
export { part2 } from './part2.js';
export type { Experiment } from './training.js';
export type { OwnExperiment } from './ownModel.js';
