// Modules with sizes of 0: made, warned of or refused as in Python, and what their forward passes give (../parity/recordZeros.py).
import { readFileSync } from 'node:fs';
import path from 'node:path';
import torch, { isTensor, nn } from 'torch-node';
import { withoutLeaks } from '../support/leaks.js';

interface Outcome {
  /** What Python raises when the module is made. */
  error?: string;
  warnings?: number;
  parameters?: Record<string, number[]>;
  forward?: number[][];
  forwardError?: string;
}
type Case = [
  kind: string,
  args: unknown[],
  options: Record<string, unknown>,
  inputs: number[][],
  zero: string[],
  outcome: Outcome,
];

const recorded = JSON.parse(
  readFileSync(path.join(__dirname, '../parity/recorded/zeros.json'), 'utf8'),
) as Case[];

const camelCase = (name: string): string =>
  name.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase());

function shapes(value: unknown): number[][] {
  if (isTensor(value)) return [[...value.shape]];
  return Array.isArray(value) ? value.flatMap(shapes) : [];
}

function refusal(error: unknown): string {
  const { name, message } = error as Error;
  return name === 'TorchError' ? 'refused' : `${name}: ${message}`;
}

// Kernels, strides, factors and the like without which nothing can be computed are refused when the module is made already.
const EARLY = /kernel|stride|dilation|factor|groups|^size|output_size/;

/** What comes of a case here, in the words of `expected`. */
function outcome(
  kind: string,
  args: unknown[],
  options: Record<string, unknown>,
  inputs: number[][],
): object {
  const warned: string[] = [];
  const spy = jest.spyOn(process, 'emitWarning').mockImplementation((text) => void warned.push(String(text)));
  try {
    const named = Object.entries(options).map(([name, value]) => [camelCase(name), value]);
    const Class = (
      nn as unknown as Record<string, new (...args: unknown[]) => nn.Module<unknown[], unknown>>
    )[kind]!;
    let module: nn.Module<unknown[], unknown>;
    try {
      module = new Class(...args, ...(named.length > 0 ? [Object.fromEntries(named)] : []));
    } catch (error) {
      return { made: refusal(error) };
    }
    const warnings = warned.filter((text) => text.includes('no-op')).length;
    const parameters = kind.startsWith('Lazy')
      ? {}
      : Object.fromEntries(module.namedParameters().map(([name, { shape }]) => [name, [...shape]]));
    if (inputs.length === 0) return { made: true, warnings, parameters };
    try {
      const forward = shapes(module.forward(...inputs.map((shape) => torch.ones(shape))));
      return { made: true, warnings, parameters, forward };
    } catch (error) {
      return { made: true, warnings, parameters, forward: refusal(error) };
    }
  } finally {
    spy.mockRestore();
  }
}

function expected(
  { error, warnings, parameters, forward, forwardError }: Outcome,
  inputs: number[][],
): object {
  if (error !== undefined) return { made: 'refused' };
  const made = { made: true, warnings, parameters: parameters ?? {} };
  return inputs.length === 0 ? made : { ...made, forward: forwardError === undefined ? forward : 'refused' };
}

it('sizes of 0 are what they are in Python', () => {
  expect(recorded.length).toBeGreaterThan(300);
  withoutLeaks(() => {
    const differences = recorded.flatMap(([kind, args, options, inputs, zero, theirs]) => {
      const ours = torch.scope(() => outcome(kind, args, options, inputs));
      const is = JSON.stringify(ours);
      const want = JSON.stringify(expected(theirs, inputs));
      const useless = theirs.forwardError !== undefined || inputs.length === 0 || String(args[2]) === '0';
      if (is === '{"made":"refused"}' && useless && zero.some((name) => EARLY.test(name))) return [];
      const name = `${kind}(${JSON.stringify(args).slice(1, -1)}, ${JSON.stringify(options)})`;
      return is === want
        ? []
        : [`${name} is ${is}, Python's ${want} ${theirs.error ?? theirs.forwardError ?? ''}`];
    });
    expect(differences).toEqual([]);
  });
});
