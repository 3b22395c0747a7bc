// torch.optim
export * from './sgd.js';
