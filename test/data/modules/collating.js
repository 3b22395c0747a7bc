// A data set whose module says how batches are made and what each worker does first.
import torch from 'torch-node';

let started = -1;
export default () => ({ length: 6, get: (i) => [i] });
export const workerInitFn = (id) => void (started = id);
export const collateFn = async (samples) => ({
  sums: torch.tensor(samples.map(([i]) => i)).sum(),
  text: samples.join('+'),
  started,
});
