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
current; // type: Tensor<'float32', `cuda:${number}`, any>
torch.zeros([2], { device }); // type: Tensor<'float32', any, any>
cpu.to('cuda:0'); // type: Tensor<'float32', 'cuda:0', any>
cpu.to('cuda').cpu(); // type: Tensor<'float32', 'cpu', any>
cpu.to({ device: 'cuda:1', dtype: 'int64' }); // type: Tensor<'int64', 'cuda:1', any>
cpu.to({ dtype: 'int64' }); // type: Tensor<'int64', 'cpu', any>
cpu.to(device); // type: Tensor<'float32', any, any>
cpu.cuda(); // type: Tensor<'float32', `cuda:${number}`, any>
torch.zerosLike(first); // type: Tensor<'float32', 'cuda:0', any>
first.add(current); // type: Tensor<'float32', 'cuda:0', any>
first.mul(scalar); // type: Tensor<'float32', 'cuda:0', any>
scalar.mul(first); // type: Tensor<'float32', 'cuda:0', any>
cpu.add(any); // type: Tensor<any, 'cpu', any>
any.add(first); // type: Tensor<any, 'cuda:0', any>
first.relu().sum(0); // type: Tensor<'float32', 'cuda:0', any>
any.expectDevice('cuda'); // type: Tensor<any, `cuda:${number}`, any>
export const moved = any.isDevice('cpu') ? any : any.cpu();
moved; // type: Tensor<any, 'cpu', any>

// @ts-expect-error Argument of type 'Tensor<"float32", "cuda:0", any>' is not assignable to parameter of type 'Mistake<"add: both must be on one device, got cpu and cuda:0">'
cpu.add(first);
// @ts-expect-error Argument of type 'Tensor<"float32", "cuda:1", any>' is not assignable to parameter of type 'Mistake<"add: both must be on one device, got cuda:0 and cuda:1">'
first.add(second);
// @ts-expect-error Argument of type 'Tensor<"float32", "cuda:0", any>' is not assignable to parameter of type 'Mistake<"matmul: both must be on one device, got cpu and cuda:0">'
cpu.matmul(first);
// @ts-expect-error Argument of type 'Tensor<"float32", "cuda:0", any>' is not assignable to parameter of type 'Mistake<"eq: both must be on one device, got cpu and cuda:0">'
torch.eq(cpu, first);
// @ts-expect-error Type 'Tensor<"float32", "cuda:0", any>' is not assignable to type 'Tensor<"float32", "cpu", any>'
export const onCpu: Tensor<'float32', 'cpu'> = first;
