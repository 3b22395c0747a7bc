// torch.utils
export { checkpoint } from './checkpoint.js';
export * as dlpack from './dlpack.js';
