// torch.optim.lrScheduler
export { LRScheduler, type SchedulerOptions, type SchedulerState } from './scheduler.js';
export * from './combined.js';
export * from './cosine.js';
export * from './cyclic.js';
export * from './lambda.js';
export * from './plateau.js';
export * from './steps.js';
