// The errors that docs/tensors.md shows.
import torch, { shape, type Tensor } from 'torch-node';

const x = torch.ones([2, 3]);
const y = x.to('float64').add(torch.arange(3));
const w = torch.ones(shape(3, 5));
function scaled(t: Tensor<'float32'>): Tensor<'float32'> {
  return t.mul(2).sub(1);
}
const loaded: Tensor = y;

// @ts-expect-error Mistake<"matmul: both must have one dtype, got float32 and float64">
x.matmul(y.t());
// @ts-expect-error Mistake<"add: both must be on one device, got cpu and cuda:0">
x.add(torch.ones([3], { device: 'cuda:0' }));
export function load(t: Tensor): void {
  // What is not known fits everywhere.
  scaled(t);
}
// @ts-expect-error Mistake<"matmul: the shapes [3, 5] and [3, 5] do not fit">
w.matmul(w);
// @ts-expect-error Mistake<"add: the shapes [3, 5] and [3] do not broadcast">
w.add(torch.ones(shape(3)));
export { loaded };
