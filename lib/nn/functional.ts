// torch.nn.functional: the functions that are operators (generated), and those that PyTorch composes in Python.
export * from '../generated/functional.js';
export * from './functional/activation.js';
export * from './functional/distance.js';
export * from './functional/loss.js';
