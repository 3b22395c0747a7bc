// Assignments to what is registered in a module: what Python's nn.Module does with them (../parity/recordAssign.py).
import { readFileSync } from 'node:fs';
import path from 'node:path';
import torch, { nn, type Tensor } from 'torch-node';
import { withoutLeaksAfterwards } from '../support/leaks.js';

type Value = 'tensor' | 'parameter' | 'null' | 'number' | 'module' | 'empty';
type Step = [
  op: 'assign' | 'delete' | 'parameter' | 'buffer' | 'module',
  name: string,
  value?: Value,
  persistent?: boolean,
];
type Kind = [name: string, args: unknown[], options: Record<string, unknown>];

const recorded = JSON.parse(readFileSync(path.join(__dirname, '../parity/recorded/assign.json'), 'utf8')) as {
  values: Value[];
  classes: [...Kind, Record<string, string[]>][];
  sequences: [Step[], string[]][];
};

const VALUES: Record<Value, () => unknown> = {
  tensor: () => torch.ones([2]),
  parameter: () => new nn.Parameter(torch.ones([2])),
  null: () => null,
  number: () => 5,
  module: () => new nn.Linear(1, 1),
  empty: () => new nn.ReLU(),
};

const REFUSAL = /cannot assign .* as (parameter|buffer|child module) '\w+' \(\w+ or null expected\)/;

const camelCase = (name: string): string =>
  name.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase());

// In torch-node the positional numParameters and dimFeedforward are options.
function build([kind, args, options]: Kind): nn.Module {
  const named: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(options)) {
    const ones = (value as { ones?: number }).ones;
    named[camelCase(name)] = ones === undefined ? value : torch.ones([ones]);
  }
  const given = [...args];
  if (/^Transformer..coderLayer$/.test(kind)) named['dimFeedforward'] = given.pop();
  if (kind === 'Transformer') {
    const [dModel, nhead, numEncoderLayers, numDecoderLayers, dimFeedforward] = given.splice(0) as number[];
    Object.assign(named, { dModel, nhead, numEncoderLayers, numDecoderLayers, dimFeedforward });
  }
  const Made = (nn as unknown as Record<string, new (...args: unknown[]) => nn.Module>)[kind]!;
  return Object.keys(named).length === 0 ? new Made(...given) : new Made(...given, named);
}

const set = (module: nn.AnyModule, name: string, value: unknown): void => {
  (module as unknown as Record<string, unknown>)[name] = value;
};

class Plain extends nn.Module {
  forward(x: Tensor): Tensor {
    return x;
  }
}

describe('what is assigned to a registered name', () => {
  const kinds = recorded.classes.map(([kind, args, options, outcomes]) => {
    const text = `${kind}(${JSON.stringify(args).slice(1, -1)} ${JSON.stringify(options)})`;
    return [text, [kind, args, options], outcomes] as [string, Kind, Record<string, string[]>];
  });
  it.each(kinds)('of %s is taken or refused as in Python', (_, kind, outcomes) => {
    return withoutLeaksAfterwards(() => {
      const differences: string[] = [];
      const before = Object.keys(build(kind).stateDict());
      for (const [name, expected] of Object.entries(outcomes)) {
        recorded.values.forEach((value, i) => {
          const module = build(kind);
          const property = module.propertyOf(name);
          const old = (module as unknown as Record<string, unknown>)[property];
          const given = VALUES[value]();
          let outcome: string;
          try {
            set(module, property, given);
            const after = Object.keys(module.stateDict());
            outcome = [
              ...before.filter((key) => !after.includes(key)).map((key) => `-${key}`),
              ...after.filter((key) => !before.includes(key)).map((key) => `+${key}`),
            ].join(' ');
            if ((module as unknown as Record<string, unknown>)[property] !== given)
              outcome += ' is read otherwise';
          } catch (error) {
            const { code, message } = error as torch.TorchError;
            const isExpected = code === 'ERR_INVALID_ARG_TYPE' && REFUSAL.test(message);
            outcome = isExpected ? 'TypeError' : String(error);
            // Nothing has changed.
            if ((module as unknown as Record<string, unknown>)[property] !== old)
              outcome += ' and is changed';
          }
          if (outcome !== expected[i])
            differences.push(`${name} = ${value}: '${outcome}', Python '${expected[i]}'`);
        });
      }
      expect(differences).toEqual([]);
    });
  });
});

describe('a module', () => {
  const apply = (module: nn.Module, [op, name, value, persistent]: Step): void => {
    const given = value && VALUES[value]();
    if (op === 'assign') set(module, name, given);
    else if (op === 'delete') delete (module as unknown as Record<string, unknown>)[name];
    else if (op === 'parameter') module.registerParameter(name, given as nn.Parameter);
    else if (op === 'module') module.registerModule(name, given as nn.Module);
    else module.registerBuffer(name, given as Tensor, { persistent: persistent! });
  };
  const state = (module: nn.Module): string =>
    [
      module.namedParameters({ recurse: false }),
      module.namedBuffers({ recurse: false }),
      module.namedChildren(),
      // An object has names that are whole numbers before the others.
      Object.entries(module.stateDict()).sort(([a], [b]) => (a < b ? -1 : 1)),
    ]
      .map((pairs) => (pairs as [string, unknown][]).map(([name]) => name).join(' '))
      .join('|');

  it('holds what Python holds after each of some operations drawn by chance, 300 times', () => {
    expect(recorded.sequences).toHaveLength(300);
    return withoutLeaksAfterwards(() => {
      const differences: string[] = [];
      for (const [steps, outcomes] of recorded.sequences) {
        const module = new Plain();
        for (const [i, step] of steps.entries()) {
          let outcome: string;
          try {
            apply(module, step);
            outcome = state(module);
          } catch (error) {
            if ((error as Error).name !== 'TorchError') throw error;
            outcome = 'error';
          }
          if (outcome !== outcomes[i]) {
            differences.push(`${JSON.stringify(steps.slice(0, i + 1))}: ${outcome}, Python ${outcomes[i]}`);
            break;
          }
        }
        const copy = module.deepcopy();
        if (state(copy) !== state(module)) differences.push(`${JSON.stringify(steps)}: the copy differs`);
        copy.loadStateDict(module.stateDict());
        expect(String(copy)).toBe(String(module));
      }
      expect(differences).toEqual([]);
    });
  });
});
