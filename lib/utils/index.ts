// torch.utils
export { checkpoint } from './checkpoint.js';
