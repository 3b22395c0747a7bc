// torch-node: `import torch, { nn, optim } from 'torch-node'`
import * as torch from './torch.js';

export * from './torch.js';
export default torch;
