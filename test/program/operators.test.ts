// Every operator in a recorded step: PyTorch's own samples (test/parity/operatorCases.ts) are recorded, and run again with
// other values of the same shapes. Eager's bits come out, or the recording was refused.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import torch, { checkpoints, isTensor, type Tensor } from 'torch-node';
import { decode, type Case } from '../parity/operatorCases.js';
import { bitsOf } from './support.js';

const file = path.join(__dirname, '../parity/recorded/operators.safetensors');
const { metadata, tensors } = checkpoints.decodeSafetensors(readFileSync(file), file);
const operators = JSON.parse(metadata['operators']!) as { operator: string; dtype: string; cases: Case[] }[];
const here = new Set(torch.ops.names());

/** The same shape, other values: of integers and booleans the same ones in another order, so that they stay valid. */
function otherValues(tensor: Tensor): Tensor {
  const turned = tensor.ndim === 0 ? tensor : tensor.flip(tensor.shape.map((_, i) => i));
  const values = /float|complex/.test(tensor.dtype) ? turned.mul(0.75) : turned;
  return torch.emptyLike(tensor).copy_(values);
}

interface Call {
  inputs: Tensor[];
  run: (...inputs: Tensor[]) => Tensor[];
}

/** A case as a function of its tensors. */
function callOf(one: Case): Call {
  const inputs: Tensor[] = [];
  const places = new Map<Tensor, number>();
  const collect = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(collect);
    if (!isTensor(value)) return value;
    places.set(value, inputs.length);
    inputs.push(value);
    return value;
  };
  const args = one.args.map((value) => collect(decode(value, tensors, { typed: true })));
  const options = Object.fromEntries(
    Object.entries(one.kwargs).map(([name, value]) => [
      name,
      collect(decode(value, tensors, { typed: true })),
    ]),
  );
  const put = (value: unknown, given: readonly Tensor[]): unknown => {
    if (Array.isArray(value)) return value.map((item) => put(item, given));
    return isTensor(value) ? given[places.get(value)!] : value;
  };
  const run = (...given: Tensor[]): Tensor[] => {
    const named = Object.fromEntries(
      Object.entries(options).map(([name, value]) => [name, put(value, given)]),
    );
    const result = torch.ops.call(
      one.call,
      args.map((value) => put(value, given)),
      Object.keys(named).length > 0 ? named : undefined,
    );
    return [result].flat(Infinity).filter((each): each is Tensor => isTensor(each));
  };
  return { inputs, run };
}

const message = (error: unknown): string => (error as Error).message.split('\n')[0]!;

/** 'same', 'refused', or what differs. */
function differenceOf(one: Case): string {
  const { inputs, run } = callOf(one);
  const other = inputs.map(otherValues);
  // Recorded with copies: an operator may write to its arguments.
  const record = (): { run: (...given: Tensor[]) => Tensor[]; dispose: () => void } =>
    torch.compileStep(
      run,
      inputs.map((input) => copyOf(input)),
      { exact: true },
    );
  let program: ReturnType<typeof record>;
  try {
    program = record();
  } catch (error) {
    return /cannot be recorded|compileStep|changed in place/.test(message(error))
      ? 'refused'
      : message(error);
  }
  try {
    torch.manualSeed(0);
    let wanted: unknown;
    const given = [other.map(copyOf), other.map(copyOf)] as const;
    try {
      wanted = bitsOf([run(...given[0]), given[0]]);
    } catch (error) {
      wanted = message(error);
    }
    torch.manualSeed(0);
    let made: unknown;
    try {
      made = bitsOf([program.run(...given[1]), given[1]]);
    } catch (error) {
      made = message(error);
    }
    if (typeof wanted === 'string' && typeof made === 'string') return 'same';
    return JSON.stringify(made) === JSON.stringify(wanted)
      ? 'same'
      : `${JSON.stringify(made).slice(0, 160)}, not ${JSON.stringify(wanted).slice(0, 160)}`;
  } finally {
    program.dispose();
  }
}

const copyOf = (tensor: Tensor): Tensor => torch.emptyStrided([...tensor.shape], [...tensor.strides], { dtype: tensor.dtype }).copy_(tensor); // prettier-ignore

it('runs every operator with other values as eagerly, or refuses to record it', () => {
  const threads = torch.getNumThreads();
  torch.setNumThreads(1);
  try {
    const wrong: Record<string, string> = {};
    const refused = new Set<string>();
    let same = 0;
    for (const { operator, dtype, cases } of operators) {
      for (const one of cases) {
        if (!here.has(one.call) || one.undefined || one.unsteady) continue;
        const difference = torch.scope(() => torch.noGrad(() => differenceOf(one)));
        if (difference === 'same') same++;
        else if (difference === 'refused') refused.add(one.call);
        else wrong[`${operator}, ${dtype}: ${one.call}`] = difference;
      }
    }
    console.log(`${same} calls as eagerly; refused: ${[...refused].sort().join(', ')}`);
    expect(wrong).toEqual({});
    expect(same).toBeGreaterThan(1000);
  } finally {
    torch.setNumThreads(threads);
    for (const tensor of Object.values(tensors)) tensor.dispose();
  }
});
