/* eslint-disable @typescript-eslint/no-unused-expressions -- expressions are here for their types */
// dtypes: of what is made, converted, promoted and reduced.
import torch, { nn, type DType, type Tensor } from 'torch-node';

// ---- made ----

const f32 = torch.zeros([2, 3]);
const f64 = torch.zeros([2, 3], { dtype: 'float64' });
const i32 = torch.ones([3], { dtype: 'int32' });
const i64 = torch.ones([3], { dtype: 'int64' });
const mask = torch.tensor([true, false]);
declare const any: Tensor;
declare const dtype: DType;
declare const number: number;

f32; // type: Tensor<'float32', 'cpu', any>
f64; // type: Tensor<'float64', 'cpu', any>
torch.zeros(2, 3); // type: Tensor<'float32', 'cpu', any>
torch.zeros([2], { dtype }); // type: Tensor<any, 'cpu', any>
torch.zeros([2], { dtype: null }); // type: Tensor<any, 'cpu', any>
torch.rand([2], { generator: null, dtype: 'float16' }); // type: Tensor<'float16', 'cpu', any>
torch.zeros([2], { requiresGrad: true }); // type: Tensor<'float32', 'cpu', any>
torch.randperm(4); // type: Tensor<'int64', 'cpu', any>
torch.randint(0, 10, [4]); // type: Tensor<'int64', 'cpu', any>
torch.full([2], 7); // type: Tensor<'float32', 'cpu', any>
torch.full([2], 7, { dtype: 'uint8' }); // type: Tensor<'uint8', 'cpu', any>
torch.eye(3); // type: Tensor<'float32', 'cpu', any>
torch.arange(4); // type: Tensor<'int64', 'cpu', any>
torch.arange(0, 1, 0.25); // type: Tensor<'float32', 'cpu', any>
torch.arange(number); // type: Tensor<'int64' | 'float32', 'cpu', any>
torch.arange(4, { dtype: 'float64' }); // type: Tensor<'float64', 'cpu', any>
torch.tensor([
  [1, 2],
  [3, 4],
]); // type: Tensor<'float32', 'cpu', any>
torch.tensor(1n); // type: Tensor<'int64', 'cpu', any>
torch.tensor([]); // type: Tensor<'float32', 'cpu', any>
torch.tensor([1, 2n]); // type: Tensor<any, 'cpu', any>
torch.tensor([1, 2], { dtype: 'int16' }); // type: Tensor<'int16', 'cpu', any>
torch.tensor(new Float64Array(2)); // type: Tensor<'float64', 'cpu', any>
torch.tensor(new BigInt64Array(2)); // type: Tensor<'int64', 'cpu', any>
torch.tensor(f64); // type: Tensor<'float64', 'cpu', any>
torch.fromTypedArray(new Uint8Array(2)); // type: Tensor<'uint8', 'cpu', any>
torch.zerosLike(i32); // type: Tensor<'int32', 'cpu', any>
torch.zerosLike(i32, { dtype: 'bool' }); // type: Tensor<'bool', 'cpu', any>
f64.newZeros([2]); // type: Tensor<'float64', 'cpu', any>
new nn.Linear(2, 3).weight; // type: Parameter

// ---- converted ----

f32.to('float64'); // type: Tensor<'float64', 'cpu', any>
f32.to({ dtype: 'int64' }); // type: Tensor<'int64', 'cpu', any>
f32.to(dtype); // type: Tensor<any, 'cpu', any>
f32.to(f64.dtype); // type: Tensor<'float64', 'cpu', any>
f32.long(); // type: Tensor<'int64', 'cpu', any>
i64.float(); // type: Tensor<'float32', 'cpu', any>
i64.double().half().bool().byte(); // type: Tensor<'uint8', 'cpu', any>
f32.dtype; // type: 'float32'

// ---- elementwise ----

f32.relu(); // type: Tensor<'float32', 'cpu', any>
i32.exp(); // type: Tensor<'float32', 'cpu', any>
f64.sigmoid(); // type: Tensor<'float64', 'cpu', any>
i32.abs(); // type: Tensor<'int32', 'cpu', any>
f32.isnan(); // type: Tensor<'bool', 'cpu', any>
i32.clamp({ min: 0 }); // type: Tensor<'int32' | 'float32', 'cpu', any>
f32.clamp({ min: 0 }); // type: Tensor<'float32', 'cpu', any>
f32.softmax(1); // type: Tensor<'float32', 'cpu', any>
f32.softmax(1, { dtype: 'float64' }); // type: Tensor<'float64', 'cpu', any>
f32.cumsum(0); // type: Tensor<'float32', 'cpu', any>
i32.cumsum(0); // type: Tensor<'int64', 'cpu', any>
torch.exp(i32); // type: Tensor<'float32', 'cpu', any>
torch.exp(f32, { out: f64 }); // type: Tensor<'float64', 'cpu', any>
any.exp(); // type: Tensor<any, any, any>
any.relu(); // type: Tensor<any, any, any>

// ---- pairs ----

f32.add(f64); // type: Tensor<'float32' | 'float64', 'cpu', any>
i32.add(i64); // type: Tensor<'int32' | 'int64', 'cpu', any>
f32.add(i64); // type: Tensor<'float32', 'cpu', any>
mask.mul(i32); // type: Tensor<'int32', 'cpu', any>
i32.mul(2); // type: Tensor<'int32', 'cpu', any>
i32.mul(2.5); // type: Tensor<'float32', 'cpu', any>
i32.mul(number); // type: Tensor<'int32' | 'float32', 'cpu', any>
f32.mul(2.5); // type: Tensor<'float32', 'cpu', any>
mask.add(1); // type: Tensor<'int64', 'cpu', any>
mask.add(true); // type: Tensor<'bool', 'cpu', any>
i32.add(1n); // type: Tensor<'int32', 'cpu', any>
i32.div(i64); // type: Tensor<'float32', 'cpu', any>
i32.div(2); // type: Tensor<'float32', 'cpu', any>
i32.div(2, { roundingMode: 'floor' }); // type: Tensor<'int32' | 'float32', 'cpu', any>
f32.add(any); // type: Tensor<any, 'cpu', any>
any.add(f32); // type: Tensor<any, any, any>
any.add(1); // type: Tensor<any, any, any>
f32.eq(f64); // type: Tensor<'bool', 'cpu', any>
f32.lt(0); // type: Tensor<'bool', 'cpu', any>
f32.maximum(f64); // type: Tensor<'float32' | 'float64', 'cpu', any>
torch.add(1, i32); // type: Tensor<'int32', 'cpu', any>
torch.add(f32, f64); // type: Tensor<'float32' | 'float64', 'cpu', any>
torch.add(f32, f32, { out: f64 }); // type: Tensor<'float64', 'cpu', any>
f32.add_(f64); // type: Tensor<'float32', 'cpu', any>
new nn.Linear(2, 3).weight.mul(f32); // type: Tensor<any, any, any>

// ---- reduced ----

f32.sum(); // type: Tensor<'float32', 'cpu', any>
i32.sum(); // type: Tensor<'int64', 'cpu', any>
i32.sum(0, { dtype: 'float64' }); // type: Tensor<'float64', 'cpu', any>
mask.sum(0); // type: Tensor<'int64', 'cpu', any>
f32.mean(1); // type: Tensor<'float32', 'cpu', any>
f32.argmax(1); // type: Tensor<'int64', 'cpu', any>
mask.any(); // type: Tensor<'bool', 'cpu', any>
f32.max(); // type: Tensor<'float32', 'cpu', any>
f32.max(1).values; // type: Tensor<'float32', 'cpu', any>
f32.max(1).indices; // type: Tensor<'int64', 'cpu', any>
f32.sort().indices; // type: Tensor<'int64', 'cpu', any>
f32.max(f64); // type: Tensor<'float32' | 'float64', 'cpu', any>
any.sum(); // type: Tensor<any, any, any>

// ---- other shapes ----

f32.narrow(0, 0, 1); // type: Tensor<'float32', 'cpu', any>
f32.chunk(2); // type: Tensor<'float32', 'cpu', any>[]
f32.at(0); // type: Tensor<'float32', 'cpu', any>
f32.nonzero(); // type: Tensor<'int64', 'cpu', any>
f32.matmul(f32); // type: Tensor<'float32', 'cpu', any>
f32.matmul(any); // type: Tensor<'float32', 'cpu', any>

// ---- values ----

mask.any().item(); // type: boolean
f32.sum().item(); // type: number
any.item(); // type: number
f32.grad; // type: Tensor<'float32', 'cpu', any> | null

// ---- narrowed ----

any.expectDtype('int64'); // type: Tensor<'int64', any, any>
export function doubled(t: Tensor): Tensor<'float32'> {
  if (t.isDtype('float32')) return t.mul(2);
  return t.float();
}

// ---- goes where ----

export function generic<D extends DType>(t: Tensor<D>): Tensor<D> {
  return t.relu().reshape([-1]);
}
export function scaled<D extends DType>(t: Tensor<D>): Tensor {
  return t.mul(2);
}
export const wide: Tensor = f32;
export const list: Tensor[] = [f32, f64, i64];
let running: Tensor = torch.zeros([2]);
running = running.exp().add(1).sum().tanh();
export const chosen: Tensor<'float32' | 'float64'> = running.isDtype('float32') ? running : f64;
new nn.Linear(2, 3).forward(f32); // type: Tensor<any, any, any>

// What is not known fits everywhere.
export const narrow: Tensor<'float32'> = any;
// @ts-expect-error Type 'Tensor<"float64", "cpu", any>' is not assignable to type 'Tensor<"float32", any, any>'
export const other: Tensor<'float32'> = f64;
// What a result is assigned to does not decide what is made.
// @ts-expect-error Type 'Tensor<"float32", "cpu", any>' is not assignable to type 'Tensor<"int64", any, any>'
export const made: Tensor<'int64'> = torch.zeros([2]);
// @ts-expect-error Type 'Tensor<"float32", "cpu", any>' is not assignable to type 'Tensor<"int64", any, any>'
export const converted: Tensor<'int64'> = f32.to({ device: 'cpu' });
// @ts-expect-error Type 'Tensor<"float32", "cpu", any>' is not assignable to type 'Tensor<"int64", any, any>'
export const computed: Tensor<'int64'> = torch.exp(f32);
// @ts-expect-error Type '"float31"' is not assignable to type 'DType | null | undefined'
torch.zeros([2], { dtype: 'float31' });
// @ts-expect-error 'dtyp' does not exist in type
torch.zeros([2], { dtyp: 'float32' });
// @ts-expect-error Argument of type 'Tensor<"float32", "cpu", any>' is not assignable to parameter of type 'Mistake<"matmul: both must have one dtype, got float64 and float32">'
f32.to('float64').matmul(f32);
// @ts-expect-error Argument of type 'Tensor<"float64", "cpu", any>' is not assignable to parameter of type 'Mistake<"mm: both must have one dtype, got float32 and float64">'
torch.mm(f32, f64);
// @ts-expect-error Argument of type 'number' is not assignable to parameter of type 'Tensor<any, any, any>'.
f32.matmul(2);
