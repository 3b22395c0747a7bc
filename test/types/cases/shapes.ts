/* eslint-disable @typescript-eslint/no-unused-expressions -- expressions are here for their types */
// Shapes: known only where they were asked for, followed as far as they are.
import torch, { shape, type Shape, type Tensor } from 'torch-node';

const a = torch.zeros(shape(2, 3));
const b = torch.ones([3] as const);
const c = torch.rand(shape(4, 1, 3));
const batch = torch.rand([4, 3]).expectShape(-1, 3);
const unknown = torch.zeros([2, 3]);
declare const any: Tensor;
declare const dim: number;

a.shape; // type: readonly [2, 3]
b; // type: Tensor<'float32', 'cpu', readonly [3]>
batch; // type: Tensor<'float32', 'cpu', readonly [number, 3]>
unknown.shape; // type: readonly number[]
a.relu().exp().isnan(); // type: Tensor<'bool', 'cpu', readonly [2, 3]>
a.to('float64').detach(); // type: Tensor<'float64', 'cpu', readonly [2, 3]>
torch.zerosLike(a); // type: Tensor<'float32', 'cpu', readonly [2, 3]>
torch.tensor(new Float32Array(6), { shape: shape(2, 3) }); // type: Tensor<'float32', 'cpu', readonly [2, 3]>

// ---- broadcast ----

a.add(b); // type: Tensor<'float32', 'cpu', readonly [2, 3]>
a.add(c); // type: Tensor<'float32', 'cpu', readonly [4, 2, 3]>
a.add(1); // type: Tensor<'float32', 'cpu', readonly [2, 3]>
batch.add(b); // type: Tensor<'float32', 'cpu', readonly [number, 3]>
batch.add(a); // type: Tensor<'float32', 'cpu', readonly [2, 3]>
a.add(unknown); // type: Tensor<'float32', 'cpu', any>
a.eq(b); // type: Tensor<'bool', 'cpu', readonly [2, 3]>
torch.mul(b, c); // type: Tensor<'float32', 'cpu', readonly [4, 1, 3]>
// @ts-expect-error Argument of type 'Tensor<"float32", "cpu", readonly [2]>' is not assignable to parameter of type 'Mistake<"add: the shapes [2, 3] and [2] do not broadcast">'
a.add(torch.ones(shape(2)));
// @ts-expect-error Argument of type 'Tensor<"float32", "cpu", readonly [3, 3]>' is not assignable to parameter of type 'Mistake<"div: the shapes [2, 3] and [3, 3] do not broadcast">'
torch.div(a, torch.ones(shape(3, 3)));

// ---- products ----

a.matmul(torch.ones(shape(3, 5))); // type: Tensor<'float32', 'cpu', readonly [2, 5]>
a.matmul(b); // type: Tensor<'float32', 'cpu', readonly [2]>
b.matmul(b); // type: Tensor<'float32', 'cpu', readonly []>
c.matmul(
  torch
    .ones(shape(5, 3, 2))
    .narrow(0, 0, 1)
    .expectShape(1, 3, 2),
); // type: Tensor<'float32', 'cpu', readonly [4, 1, 2]>
batch.matmul(torch.ones(shape(3, 5))); // type: Tensor<'float32', 'cpu', readonly [number, 5]>
a.matmul(unknown); // type: Tensor<'float32', 'cpu', any>
torch.mm(a, a.t()); // type: Tensor<'float32', 'cpu', readonly [2, 2]>
// @ts-expect-error Argument of type 'Tensor<"float32", "cpu", readonly [2, 3]>' is not assignable to parameter of type 'Mistake<"matmul: the shapes [2, 3] and [2, 3] do not fit">'
a.matmul(a);
// @ts-expect-error Argument of type 'Tensor<"float32", "cpu", readonly [2, 5]>' is not assignable to parameter of type 'Mistake<"mm: the shapes [2, 3] and [2, 5] do not fit">'
torch.mm(a, torch.ones(shape(2, 5)));

// ---- other shapes ----

a.t(); // type: Tensor<'float32', 'cpu', readonly [3, 2]>
c.transpose(0, 2); // type: Tensor<'float32', 'cpu', readonly [3, 1, 4]>
c.transpose(-1, -3); // type: Tensor<'float32', 'cpu', readonly [3, 1, 4]>
c.transpose(dim, 0); // type: Tensor<'float32', 'cpu', any>
c.permute(2, 0, 1); // type: Tensor<'float32', 'cpu', readonly [3, 4, 1]>
a.unsqueeze(0); // type: Tensor<'float32', 'cpu', readonly [1, 2, 3]>
a.unsqueeze(1); // type: Tensor<'float32', 'cpu', readonly [2, 1, 3]>
a.unsqueeze(-1); // type: Tensor<'float32', 'cpu', readonly [2, 3, 1]>
a.unsqueeze(-2); // type: Tensor<'float32', 'cpu', readonly [2, 1, 3]>
a.reshape(3, 2); // type: Tensor<'float32', 'cpu', readonly [3, 2]>
a.reshape(-1, 2); // type: Tensor<'float32', 'cpu', readonly [number, 2]>
unknown.reshape(3, 2); // type: Tensor<'float32', 'cpu', any>
unknown.reshape(shape(3, 2)); // type: Tensor<'float32', 'cpu', readonly [3, 2]>
c.flatten(); // type: Tensor<'float32', 'cpu', readonly [number]>
c.flatten(1); // type: Tensor<'float32', 'cpu', readonly [4, number]>
a.select(1, 0); // type: Tensor<'float32', 'cpu', readonly [2]>
a.indexSelect(0, torch.arange(1)); // type: Tensor<'float32', 'cpu', readonly [number, 3]>
a.narrow(0, 0, 1); // type: Tensor<'float32', 'cpu', any>
a.at(0); // type: Tensor<'float32', 'cpu', any>

// ---- reductions ----

a.sum(); // type: Tensor<'float32', 'cpu', readonly []>
a.sum(0); // type: Tensor<'float32', 'cpu', readonly [3]>
a.sum(-1, { keepdim: true }); // type: Tensor<'float32', 'cpu', readonly [2, 1]>
a.sum([0, 1]); // type: Tensor<'float32', 'cpu', any>
a.sum(dim); // type: Tensor<'float32', 'cpu', any>
a.argmax(1); // type: Tensor<'int64', 'cpu', readonly [2]>
a.mean(1, true); // type: Tensor<'float32', 'cpu', readonly [2, 1]>
a.std(...[1]); // type: Tensor<'float32', 'cpu', any>
torch.sum(c, 1); // type: Tensor<'float32', 'cpu', readonly [4, 3]>
unknown.sum(); // type: Tensor<'float32', 'cpu', any>

// A tensor of no dimensions beside others of its kind makes them no wider.
a.mul(torch.ones(shape(), { dtype: 'float64' })); // type: Tensor<'float32', 'cpu', readonly [2, 3]>
unknown.mul(torch.ones(shape(), { dtype: 'float64' })); // type: Tensor<'float32' | 'float64', 'cpu', any>

// ---- goes where ----

export const wide: Tensor<'float32', 'cpu'> = a;
export const first: Tensor<'float32', 'cpu', readonly [number, 3]> = a;
export const sizes: Shape = a.shape;
any.expectShape(2, -1).shape; // type: readonly [2, number]
export function rows(x: Tensor): number {
  return x.isShape(-1, 3) ? x.shape[0] : 0;
}
// @ts-expect-error Type 'Tensor<"float32", "cpu", readonly [2, 3]>' is not assignable to type 'Tensor<"float32", "cpu", readonly [2, 4]>'
export const other: Tensor<'float32', 'cpu', readonly [2, 4]> = a;
// What is not known fits everywhere.
export const narrow: Tensor<'float32', 'cpu', readonly [2, 3]> = unknown;
