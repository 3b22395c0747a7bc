/* eslint-disable -- these lines are wrong on purpose */
// Mistakes that beginners make, and what the compiler says of them. Someone who knows Python's PyTorch has to understand it.
import torch, { data, nn, optim, type Tensor } from 'torch-node';

const net = new nn.Linear(2, 2);
const x = torch.ones([2, 2]);

// @ts-expect-error not assignable to type '(() => never) | Mistake<"give net.parameters(), not the network">'
export const a = new optim.SGD(net);
// @ts-expect-error Argument of type '(given?: { recurse?: boolean; } | undefined) => Parameter[]' is not assignable to parameter of type 'Params<AdamOptions>'
export const b = new optim.Adam(net.parameters, { lr: 0.1 });
// @ts-expect-error Type '0.1' has no properties in common with type 'AdamOptions'
export const c = new optim.Adam(net.parameters(), 0.1);
// @ts-expect-error 'learningRate' does not exist in type 'AdamOptions'
export const d = new optim.Adam(net.parameters(), { learningRate: 0.1 });
// @ts-expect-error Operator '+' cannot be applied to types 'Tensor<"float32", "cpu", any>' and 'number'
export const e = x + 1;
// @ts-expect-error The left-hand side of an arithmetic operation must be of type 'any', 'number', 'bigint' or an enum type
export const f = x * 2;
// @ts-expect-error Operator '>' cannot be applied to types 'Tensor<"float32", "cpu", any>' and 'number'
export const g = x > 0;
// @ts-expect-error Property '0' does not exist on type 'Tensor<"float32", "cpu", any>'
export const h = x[0];
// @ts-expect-error This expression is not callable
export const i = net(x);
// @ts-expect-error Type 'Tensor<"float32", "cpu", any>' is not assignable to type 'number'
export const j: number = x.sum();
// @ts-expect-error Expected 2-3 arguments, but got 1
export const k = new nn.Linear(2);
// @ts-expect-error 'kernel_size' does not exist in type
export const l = new nn.Conv2d(3, 6, { kernel_size: 5 });
// @ts-expect-error Object literal may only specify known properties, but 'dtpye' does not exist in type
export const m = torch.zeros([2, 3], { dtpye: 'int64' });
// @ts-expect-error Type '"long"' is not assignable to type
export const n = torch.zeros([2, 3], { dtype: 'long' });
// @ts-expect-error Property 'no_grad' does not exist
export const o = torch.no_grad(() => x);
// @ts-expect-error Property 'requires_grad_' does not exist on type 'Tensor<"float32", "cpu", any>'. Did you mean 'requiresGrad_'?
export const p = x.requires_grad_();
// @ts-expect-error Property 'weights' does not exist on type 'Linear'. Did you mean 'weight'?
export const q = net.weights;
// @ts-expect-error Type '4' has no properties in common with type 'DataLoaderOptions
export const r = new data.DataLoader(new data.TensorDataset(x), 4);
// @ts-expect-error 'batch_size' does not exist in type 'DataLoaderOptions
export const s = new data.DataLoader(new data.TensorDataset(x), { batch_size: 4 });
// @ts-expect-error does not implement inherited abstract member forward
export class Net extends nn.Module {}
// @ts-expect-error Mistake<"matmul: both must have one dtype, got float32 and int64">
export const t = x.matmul(torch.arange(2));
// @ts-expect-error Argument of type 'boolean' is not assignable to parameter of type 'Tensor<any, any, any>'
export const u = x.backward(true);
// @ts-expect-error Property 'shape' does not exist on type 'number'
export const v = x.shape[0].shape;
// @ts-expect-error Type 'number[]' is missing the following properties from type 'Tensor<any, any, any>'
export const w: Tensor = [1, 2];
// @ts-expect-error Property 'cuda' does not exist on type 'number'
export const y = x.item().cuda();
