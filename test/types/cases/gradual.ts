/* eslint-disable -- expressions are here for their types */
// What is not known fits everywhere, and what is made of it is not known either: none of these lines is an error.
import torch, { nn, type Device, type DType, type Shape, type Tensor } from 'torch-node';

const F = nn.functional;
declare const x: Tensor;
declare const dtype: DType;
declare const device: Device;
const f32 = torch.zeros([2, 3]);
const i64 = torch.arange(3);
const wide: number[] = [2, 3];

// ---- variables that go on ----

let total = torch.zeros([1]);
total = total.add(x.sum());
total = x;
total = torch.zeros(wide, { device });
let state = torch.zeros([1, 8], { dtype, device });
for (const cell of [new nn.GRUCell(8, 8)]) state = cell.forward(x, state);
let sized = torch.zeros(torch.shape(2, 3));
sized = sized.add(x).reshape(wide);
sized = torch.cat([sized, x], 1);
class Net extends nn.Module {
  hidden = torch.zeros([1, 4]);
  layer = new nn.Linear(4, 4);
  forward(input: Tensor): Tensor {
    this.hidden = this.layer.forward(input.add(this.hidden)).tanh();
    return this.hidden;
  }
}
export const net = new Net();

// ---- functions, arrays and maps ----

const double = (t: Tensor<'float32', 'cpu', readonly [2, 3]>): Tensor<'float64'> => t.double();
double(x); // type: Tensor<'float64', any, any>
double(torch.zeros(wide)); // type: Tensor<'float64', any, any>
const layers: ((t: Tensor) => Tensor)[] = [torch.relu, (t) => t.mul(2), (t) => F.softmax(t, 1)];
layers.reduce((t, layer) => layer(t), x); // type: Tensor<any, any, any>
const list: Tensor<'float32'>[] = [f32, x];
list; // type: Tensor<'float32', any, any>[]
new Map<string, Tensor>([
  ['a', f32],
  ['b', i64],
]).get('a'); // type: Tensor<any, any, any> | undefined
export async function later(promise: Promise<Tensor>): Promise<Tensor<'float32'>> {
  return promise;
}
x.shape; // type: readonly number[]
x.dtype; // type: DType
x.device; // type: Device
export const shape: Shape = x.shape;

// ---- dtypes that stay ----

torch.cat([f32, f32]); // type: Tensor<'float32', 'cpu', any>
torch.stack([i64, i64], { dim: 0 }); // type: Tensor<'int64', 'cpu', any>
torch.cat([f32, x]); // type: Tensor<any, any, any>
torch.hstack([f32, torch.zeros([2], { dtype: 'float64' })]); // type: Tensor<'float32' | 'float64', 'cpu', any>
F.softmax(f32, 1); // type: Tensor<'float32', 'cpu', any>
F.softmax(f32, 1, { dtype: 'float64' }); // type: Tensor<'float64', 'cpu', any>
F.relu(f32); // type: Tensor<'float32', 'cpu', any>
F.dropout(f32, 0.5); // type: Tensor<'float32', 'cpu', any>
F.leakyRelu(f32, 0.1); // type: Tensor<'float32', 'cpu', any>
F.relu(x); // type: Tensor<any, any, any>

// ---- values ----

f32.toArray(); // type: NestedArray<number>
i64.toArray(); // type: NestedArray<number | bigint>
torch.zeros(torch.shape(2, 3)).toArray(); // type: number[][]
torch.zeros(torch.shape(2)).eq(1).toArray(); // type: boolean[]
torch.zeros(torch.shape()).toArray(); // type: number
f32.to('complex64').toArray(); // type: NestedArray<Complex>
x.toArray(); // type: NestedArray<number | bigint | boolean | Complex>
f32.sum().item(); // type: number
f32.eq(1).all().item(); // type: boolean
f32.to('complex64').item(); // type: Complex
x.item(); // type: number

// ---- containers ----

const heads = new nn.ModuleDict({ a: new nn.Linear(2, 2), b: new nn.ReLU() });
heads.get('a'); // type: Linear
heads.get('c'); // type: Linear | ReLU | undefined
new nn.ModuleDict(new Map([['a', new nn.ReLU()]])).get('a'); // type: AnyModule | undefined
