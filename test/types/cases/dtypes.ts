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

f32; // type: Tensor<'float32', 'cpu', Shape>
f64; // type: Tensor<'float64', 'cpu', Shape>
torch.zeros(2, 3); // type: Tensor<'float32', 'cpu', Shape>
torch.zeros([2], { dtype }); // type: Tensor<'uint8' | 'int8' | 'int16' | 'int32' | 'int64' | 'float16' | 'bfloat16' | 'float32' | 'float64' | 'bool' | 'complex64' | 'complex128' | 'uint16' | 'uint32' | 'uint64' | 'complex32' | 'float8_e5m2' | 'float8_e4m3fn' | 'float8_e5m2fnuz' | 'float8_e4m3fnuz' | 'float8_e8m0fnu' | 'float4_e2m1fn_x2' | 'qint8' | 'quint8' | 'qint32' | 'quint4x2' | 'quint2x4', 'cpu', Shape>
torch.zeros([2], { dtype: null }); // type: Tensor<DType, 'cpu', Shape>
torch.rand([2], { generator: null, dtype: 'float16' }); // type: Tensor<'float16', 'cpu', Shape>
torch.zeros([2], { requiresGrad: true }); // type: Tensor<'float32', 'cpu', Shape>
torch.randperm(4); // type: Tensor<'int64', 'cpu', Shape>
torch.randint(0, 10, [4]); // type: Tensor<'int64', 'cpu', Shape>
torch.full([2], 7); // type: Tensor<'float32', 'cpu', Shape>
torch.full([2], 7, { dtype: 'uint8' }); // type: Tensor<'uint8', 'cpu', Shape>
torch.eye(3); // type: Tensor<'float32', 'cpu', Shape>
torch.arange(4); // type: Tensor<'int64', 'cpu', Shape>
torch.arange(0, 1, 0.25); // type: Tensor<'float32', 'cpu', Shape>
torch.arange(number); // type: Tensor<'int64' | 'float32', 'cpu', Shape>
torch.arange(4, { dtype: 'float64' }); // type: Tensor<'float64', 'cpu', Shape>
torch.tensor([
  [1, 2],
  [3, 4],
]); // type: Tensor<'float32', 'cpu', Shape>
torch.tensor(1n); // type: Tensor<'int64', 'cpu', Shape>
torch.tensor([]); // type: Tensor<'float32', 'cpu', Shape>
torch.tensor([1, 2n]); // type: Tensor<DType, 'cpu', Shape>
torch.tensor([1, 2], { dtype: 'int16' }); // type: Tensor<'int16', 'cpu', Shape>
torch.tensor(new Float64Array(2)); // type: Tensor<'float64', 'cpu', Shape>
torch.tensor(new BigInt64Array(2)); // type: Tensor<'int64', 'cpu', Shape>
torch.tensor(f64); // type: Tensor<'float64', 'cpu', Shape>
torch.fromTypedArray(new Uint8Array(2)); // type: Tensor<'uint8', 'cpu', Shape>
torch.zerosLike(i32); // type: Tensor<'int32', 'cpu', Shape>
torch.zerosLike(i32, { dtype: 'bool' }); // type: Tensor<'bool', 'cpu', Shape>
f64.newZeros([2]); // type: Tensor<'float64', 'cpu', Shape>
new nn.Linear(2, 3).weight; // type: Parameter

// ---- converted ----

f32.to('float64'); // type: Tensor<'float64', 'cpu', Shape>
f32.to({ dtype: 'int64' }); // type: Tensor<'int64', 'cpu', Shape>
f32.to(dtype); // type: Tensor<DType, 'cpu', Shape>
f32.to(f64.dtype); // type: Tensor<'float64', 'cpu', Shape>
f32.long(); // type: Tensor<'int64', 'cpu', Shape>
i64.float(); // type: Tensor<'float32', 'cpu', Shape>
i64.double().half().bool().byte(); // type: Tensor<'uint8', 'cpu', Shape>
f32.dtype; // type: 'float32'

// ---- elementwise ----

f32.relu(); // type: Tensor<'float32', 'cpu', Shape>
i32.exp(); // type: Tensor<'float32', 'cpu', Shape>
f64.sigmoid(); // type: Tensor<'float64', 'cpu', Shape>
i32.abs(); // type: Tensor<'int32', 'cpu', Shape>
f32.isnan(); // type: Tensor<'bool', 'cpu', Shape>
i32.clamp({ min: 0 }); // type: Tensor<'int32' | 'float32', 'cpu', Shape>
f32.clamp({ min: 0 }); // type: Tensor<'float32', 'cpu', Shape>
f32.softmax(1); // type: Tensor<'float32', 'cpu', Shape>
f32.softmax(1, { dtype: 'float64' }); // type: Tensor<'float64', 'cpu', Shape>
f32.cumsum(0); // type: Tensor<'float32', 'cpu', Shape>
i32.cumsum(0); // type: Tensor<'int64', 'cpu', Shape>
torch.exp(i32); // type: Tensor<'float32', 'cpu', Shape>
torch.exp(f32, { out: f64 }); // type: Tensor<'float64', 'cpu', Shape>
any.exp(); // type: Tensor<DType, Device, Shape>
any.relu(); // type: Tensor<DType, Device, Shape>

// ---- pairs ----

f32.add(f64); // type: Tensor<'float64', 'cpu', Shape>
i32.add(i64); // type: Tensor<'int64', 'cpu', Shape>
f32.add(i64); // type: Tensor<'float32', 'cpu', Shape>
mask.mul(i32); // type: Tensor<'int32', 'cpu', Shape>
i32.mul(2); // type: Tensor<'int32', 'cpu', Shape>
i32.mul(2.5); // type: Tensor<'float32', 'cpu', Shape>
i32.mul(number); // type: Tensor<'int32' | 'float32', 'cpu', Shape>
f32.mul(2.5); // type: Tensor<'float32', 'cpu', Shape>
mask.add(1); // type: Tensor<'int64', 'cpu', Shape>
mask.add(true); // type: Tensor<'bool', 'cpu', Shape>
i32.add(1n); // type: Tensor<'int32', 'cpu', Shape>
i32.div(i64); // type: Tensor<'float32', 'cpu', Shape>
i32.div(2); // type: Tensor<'float32', 'cpu', Shape>
i32.div(2, { roundingMode: 'floor' }); // type: Tensor<'int32' | 'float32', 'cpu', Shape>
f32.add(any); // type: Tensor<DType, Device, Shape>
any.add(f32); // type: Tensor<DType, Device, Shape>
any.add(1); // type: Tensor<DType, Device, Shape>
f32.eq(f64); // type: Tensor<'bool', 'cpu', Shape>
f32.lt(0); // type: Tensor<'bool', 'cpu', Shape>
f32.maximum(f64); // type: Tensor<'float64', 'cpu', Shape>
torch.add(1, i32); // type: Tensor<'int32', 'cpu', Shape>
torch.add(f32, f64); // type: Tensor<'float64', 'cpu', Shape>
torch.add(f32, f32, { out: f64 }); // type: Tensor<'float64', 'cpu', Shape>
f32.add_(f64); // type: Tensor<'float32', 'cpu', Shape>
new nn.Linear(2, 3).weight.mul(f32); // type: Tensor<DType, Device, Shape>

// ---- reduced ----

f32.sum(); // type: Tensor<'float32', 'cpu', Shape>
i32.sum(); // type: Tensor<'int64', 'cpu', Shape>
i32.sum(0, { dtype: 'float64' }); // type: Tensor<'float64', 'cpu', Shape>
mask.sum(0); // type: Tensor<'int64', 'cpu', Shape>
f32.mean(1); // type: Tensor<'float32', 'cpu', Shape>
f32.argmax(1); // type: Tensor<'int64', 'cpu', Shape>
mask.any(); // type: Tensor<'bool', 'cpu', Shape>
f32.max(); // type: Tensor<'float32', 'cpu', Shape>
f32.max(1).values; // type: Tensor<'float32', 'cpu', Shape>
f32.max(1).indices; // type: Tensor<'int64', 'cpu', Shape>
f32.sort().indices; // type: Tensor<'int64', 'cpu', Shape>
f32.max(f64); // type: Tensor<'float64', 'cpu', Shape>
any.sum(); // type: Tensor<DType, Device, Shape>

// ---- other shapes ----

f32.narrow(0, 0, 1); // type: Tensor<'float32', 'cpu', Shape>
f32.chunk(2); // type: Tensor<'float32', 'cpu', Shape>[]
f32.at(0); // type: Tensor<'float32', 'cpu', Shape>
f32.nonzero(); // type: Tensor<'int64', 'cpu', Shape>
f32.matmul(f32); // type: Tensor<'float32', 'cpu', Shape>
f32.matmul(any); // type: Tensor<'float32', 'cpu', Shape>

// ---- values ----

mask.any().item(); // type: boolean
f32.sum().item(); // type: number
any.item(); // type: number
f32.grad; // type: Tensor<'float32', 'cpu', Shape> | null

// ---- narrowed ----

any.expectDtype('int64'); // type: Tensor<'int64', Device, Shape>
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
new nn.Linear(2, 3).forward(f32); // type: Tensor<DType, Device, Shape>

// @ts-expect-error Type 'Tensor<DType, Device, Shape>' is not assignable to type 'Tensor<"float32", Device, Shape>'
export const narrow: Tensor<'float32'> = any;
// @ts-expect-error Type 'Tensor<"float64", "cpu", Shape>' is not assignable to type 'Tensor<"float32", Device, Shape>'
export const other: Tensor<'float32'> = f64;
// What a result is assigned to does not decide what is made.
// @ts-expect-error Type 'Tensor<"float32", "cpu", Shape>' is not assignable to type 'Tensor<"int64", Device, Shape>'
export const made: Tensor<'int64'> = torch.zeros([2]);
// @ts-expect-error Type 'Tensor<"float32", "cpu", Shape>' is not assignable to type 'Tensor<"int64", Device, Shape>'
export const converted: Tensor<'int64'> = f32.to({ device: 'cpu' });
// @ts-expect-error Type 'Tensor<"float32", "cpu", Shape>' is not assignable to type 'Tensor<"int64", Device, Shape>'
export const computed: Tensor<'int64'> = torch.exp(f32);
// @ts-expect-error Type '"float31"' is not assignable to type 'DType | null | undefined'
torch.zeros([2], { dtype: 'float31' });
// @ts-expect-error 'dtyp' does not exist in type
torch.zeros([2], { dtyp: 'float32' });
// @ts-expect-error Argument of type 'Tensor<"float32", "cpu", Shape>' is not assignable to parameter of type 'Mistake<"matmul: both must have one dtype, got float64 and float32">'
f32.to('float64').matmul(f32);
// @ts-expect-error Argument of type 'Tensor<"float64", "cpu", Shape>' is not assignable to parameter of type 'Mistake<"mm: both must have one dtype, got float32 and float64">'
torch.mm(f32, f64);
// @ts-expect-error Argument of type 'number' is not assignable to parameter of type 'Tensor<DType, Device, Shape>'.
f32.matmul(2);
