// torch-node: `import torch, { nn, optim } from 'torch-node'`
/// <reference types="node" preserve="true" />
/// <reference lib="esnext.disposable" preserve="true" />
import * as torch from './torch.js';

export * from './torch.js';
export default torch;

// What editors show of `torch`: an alias has no comment of its own.
/** Tensors and what is computed with them, as [torch](https://docs.pytorch.org/docs/stable/torch.html) in Python. */
declare module './torch.js' {}
