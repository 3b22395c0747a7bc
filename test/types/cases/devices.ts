/* eslint-disable @typescript-eslint/no-unused-expressions -- expressions are here for their types */
// Devices: of what is made, moved and combined.
import torch, { type Device, type Tensor } from 'torch-node';

const cpu = torch.ones([3]);
const first = torch.ones([3], { device: 'cuda:0' });
const second = torch.ones([3], { device: 'cuda:1' });
const current = torch.ones([3], { device: 'cuda' });
const scalar = torch.ones(torch.shape());
declare const any: Tensor;
declare const device: Device;

cpu.device; // type: 'cpu'
current; // type: Tensor<'float32', `cuda:${number}`, Shape>
torch.zeros([2], { device }); // type: Tensor<'float32', Device, Shape>
cpu.to('cuda:0'); // type: Tensor<'float32', 'cuda:0', Shape>
cpu.to('cuda').cpu(); // type: Tensor<'float32', 'cpu', Shape>
cpu.to({ device: 'cuda:1', dtype: 'int64' }); // type: Tensor<'int64', 'cuda:1', Shape>
cpu.to({ dtype: 'int64' }); // type: Tensor<'int64', 'cpu', Shape>
cpu.to(device); // type: Tensor<'float32', Device, Shape>
cpu.cuda(); // type: Tensor<'float32', `cuda:${number}`, Shape>
torch.zerosLike(first); // type: Tensor<'float32', 'cuda:0', Shape>
first.add(current); // type: Tensor<'float32', 'cuda:0', Shape>
first.mul(scalar); // type: Tensor<'float32', 'cuda:0', Shape>
scalar.mul(first); // type: Tensor<'float32', 'cuda:0', Shape>
cpu.add(any); // type: Tensor<DType, Device, Shape>
any.add(first); // type: Tensor<DType, 'cuda:0', Shape>
first.relu().sum(0); // type: Tensor<'float32', 'cuda:0', Shape>
any.expectDevice('cuda'); // type: Tensor<DType, `cuda:${number}`, Shape>
export const moved = any.isDevice('cpu') ? any : any.cpu();
moved; // type: Tensor<DType, 'cpu', Shape>

// @ts-expect-error Argument of type 'Tensor<"float32", "cuda:0", Shape>' is not assignable to parameter of type 'Mistake<"add: both must be on one device, got cpu and cuda:0">'
cpu.add(first);
// @ts-expect-error Argument of type 'Tensor<"float32", "cuda:1", Shape>' is not assignable to parameter of type 'Mistake<"add: both must be on one device, got cuda:0 and cuda:1">'
first.add(second);
// @ts-expect-error Argument of type 'Tensor<"float32", "cuda:0", Shape>' is not assignable to parameter of type 'Mistake<"matmul: both must be on one device, got cpu and cuda:0">'
cpu.matmul(first);
// @ts-expect-error Argument of type 'Tensor<"float32", "cuda:0", Shape>' is not assignable to parameter of type 'Mistake<"eq: both must be on one device, got cpu and cuda:0">'
torch.eq(cpu, first);
// @ts-expect-error Type 'Tensor<"float32", "cuda:0", Shape>' is not assignable to type 'Tensor<"float32", "cpu", Shape>'
export const onCpu: Tensor<'float32', 'cpu'> = first;
