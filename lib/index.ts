// torch-node: `import torch, { nn, optim } from 'torch-node'`
/// <reference types="node" preserve="true" />
/// <reference lib="esnext.disposable" preserve="true" />
import * as torch from './torch.js';

export * from './torch.js';
export default torch;
