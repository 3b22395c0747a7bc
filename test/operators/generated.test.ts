// The generated surface: that it is up to date, and that calls choose the overload that PyTorch chooses.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import torch, { type DType, type Tensor } from 'torch-node';
import { camelCase } from '../../lib/core/names.js';
import * as table from '../../lib/operators/generated/table.js';
import { native } from '../../lib/native/binding.js';
import { argumentType } from '../../lib/operators/argumentTypes.js';
import { Overloads } from '../../lib/operators/overloads.js';
import { Operator } from '../../lib/operators/operators.js';
import { parseSchema, type SchemaType } from '../../lib/operators/schema.js';
import { liveTensors, withoutLeaks } from '../support/leaks.js';
import { itWhen } from '../support/skip.js';

const root = path.resolve(__dirname, '../..');

describe('lib/operators/generated', () => {
  const linked = native.libtorchVersion();
  itWhen(linked === table.generatedFrom, `generated from libtorch ${table.generatedFrom}, this is ${linked}`)(
    'is what the generator writes',
    async () => {
      const ended = spawnSync(process.execPath, ['scripts/generate/main.mjs', '--check'], {
        cwd: root,
        encoding: 'utf8',
      });
      expect(ended.stderr + ended.stdout).toBe(`lib/operators/generated is what libtorch ${linked} gives\n`);
      expect(ended.status).toBe(0);
    },
  );
});

/** A line of the table, "name operator: form>out form": the operator and its forms. */
function entry(line: string): { base: string; forms: [overload: string, out: string | undefined][] } {
  const [, name, other, forms] = /^(\w+) (?:(\w+): )?(.+)$/.exec(line)!;
  return {
    base: other ?? name!,
    forms: forms!.split(' ').map((form) => form.split('>') as [string, string]),
  };
}

const fullName = (base: string, overload: string): string =>
  `aten::${base}${overload === 'default' ? '' : `.${overload}`}`;

describe('the table', () => {
  const { generatedFrom: _, operators, ...spaces } = table;
  const lines = Object.values(spaces).flatMap((text) => text.trim().split('\n'));

  it('lists operators of aten whose types are known', () => {
    const known = new Set(
      operators
        .trim()
        .split('\n')
        .flatMap((line) => {
          const [base, ...overloads] = line.split(' ');
          return overloads.map((overload) => fullName(base!, overload));
        }),
    );
    expect(lines.length).toBeGreaterThan(1000);
    for (const { base, forms } of lines.map(entry)) {
      for (const overload of forms.flat().filter((each) => each !== undefined)) {
        const name = fullName(base, overload);
        expect(known).toContain(name);
        for (const { type } of parseSchema(torch.ops.schema(name)).arguments)
          expect(argumentType(type).expected).not.toMatch(/cannot be passed/);
      }
    }
  });

  // What a form asks for by position, with nothing else, must find this form, or one that takes the same and that PyTorch
  // tries earlier.
  it('lists forms that can be reached', () => {
    withoutLeaks(() => {
      const chosen: string[] = [];
      const spy = (method: 'callList') =>
        jest.spyOn(Operator.prototype, method).mockImplementation(function (this: Operator) {
          chosen.push(this.name);
          return [];
        });
      const samples: Record<string, unknown> = {
        Tensor: torch.ones([1]), Scalar: 1.5, int: 1, SymInt: 1, float: 1.5, bool: true, str: 'x', ScalarType: 'int32',
        Layout: 'strided', Device: 'cpu', MemoryFormat: 'preserve', Generator: new torch.Generator(),
        Storage: torch.ones([1]).untypedStorage(), Stream: new torch.Stream('cpu'),
      }; // prettier-ignore
      const sample = ({ base, layers }: SchemaType): unknown =>
        layers.some((layer) => layer !== 'optional') ? [samples[base], samples[base]] : samples[base];
      const spies = [spy('callList')];
      const wrong: string[] = [];
      let itself = 0;
      try {
        for (const line of lines) {
          const { base, forms } = entry(line);
          const overloads = new Overloads(
            base,
            base,
            line.slice(line.indexOf(' ') + 1).replace(/^\w+: /, ''),
          );
          for (const [i, [overload, out]] of forms.entries()) {
            const given = parseSchema(torch.ops.schema(fullName(base, overload))).arguments;
            const needed = given.filter(({ fallback }) => fallback === undefined);
            const options = needed.filter(({ keywordOnly }) => keywordOnly);
            const args = needed.filter(({ keywordOnly }) => !keywordOnly).map(({ type }) => sample(type));
            const named = Object.fromEntries(
              options.map(({ name, type }) => [camelCase(name), sample(type)]),
            );
            overloads.call([...args, named]);
            const before = forms.slice(0, i + 1).map(([each]) => fullName(base, each));
            if (!before.includes(chosen.at(-1)!)) wrong.push(`${base}.${overload}: ${chosen.at(-1)!}`);
            if (chosen.at(-1) === before.at(-1)) itself++;
            if (out === undefined || chosen.at(-1) !== before.at(-1)) continue;
            overloads.call([...args, { ...named, out: samples['Tensor'] }]);
            if (chosen.at(-1) !== fullName(base, out)) wrong.push(`${base}.${out}: ${chosen.at(-1)!}`);
          }
        }
      } finally {
        for (const each of spies) each.mockRestore();
      }
      expect(wrong).toEqual([]);
      // div.Scalar_mode, std and the like are never reached: div.Tensor_mode takes numbers, std.correction comes first.
      expect(itself).toBeGreaterThan(0.95 * lines.map(entry).flatMap(({ forms }) => forms).length);
    });
  });
});

// ---- against Python ----

type Json = number | boolean | string | null | Json[] | { [name: string]: Json };
interface Recorded {
  dtype: DType;
  shape: number[];
  values: (number | boolean)[];
}

const { cases } = JSON.parse(
  readFileSync(path.join(root, 'test/parity/recorded/overloads.json'), 'utf8'),
) as { cases: [name: string, args: Json[], options: Record<string, Json>, result: Json][] };

function decode(value: Json): unknown {
  if (Array.isArray(value)) return value.map(decode);
  if (typeof value !== 'object' || value === null) return value;
  return torch.tensor(value['tensor'] as number[][], { dtype: value['dtype'] as DType });
}

function call(name: string, args: Json[], options: Record<string, Json>): unknown {
  const [, space, own] = /^(.*)\.(\w+)$/.exec(name)!;
  const given = args.map(decode);
  const named = Object.entries(options).map(([key, value]) => [camelCase(key), decode(value)] as const);
  if (named.length > 0) given.push(Object.fromEntries(named));
  const target = {
    Tensor: given[0],
    torch,
    F: torch.nn.functional,
    'torch.linalg': torch.linalg,
    'torch.fft': torch.fft,
    'torch.special': torch.special,
  }[space!] as Record<string, (...args: unknown[]) => unknown>;
  const method = target[camelCase(own!)]!;
  return space === 'Tensor' ? method.apply(given[0], given.slice(1)) : method(...given);
}

/** A result in the record's terms. */
function encode(value: unknown): unknown {
  if (torch.isTensor(value)) {
    const { dtype, shape } = value;
    const real = dtype.startsWith('complex') ? torch.viewAsReal(value) : value;
    const flat = [real.reshape(-1).toArray()].flat(2);
    return { dtype, shape: [...shape], values: flat };
  }
  return Array.isArray(value) ? value.map(encode) : value;
}

function expectEqual(actual: unknown, expected: unknown): void {
  if (Array.isArray(expected)) {
    const results = actual as unknown[];
    expect(results).toHaveLength(expected.length);
    expected.forEach((each, i) => expectEqual(results[i], each));
  } else if (typeof expected === 'object' && expected !== null && 'values' in expected) {
    const { values, ...kind } = expected as Recorded;
    const { values: got, ...gotKind } = actual as Recorded;
    expect(gotKind).toEqual(kind);
    expect(got).toHaveLength(values.length);
    // Other CPUs give other last bits.
    values.forEach((value, i) =>
      typeof value === 'number' && !Number.isInteger(value)
        ? expect(got[i]).toBeCloseTo(value, 5)
        : expect(Math.abs(Number(got[i]) - Number(value))).toBeLessThan(
            /int|bool/.test(kind.dtype) ? 1e-9 : 1e-5,
          ),
    );
  } else expect(actual).toEqual(expected);
}

describe('the choice of an overload, as in Python', () => {
  let before: number;
  beforeAll(() => (before = liveTensors()));
  afterAll(() => expect(liveTensors()).toBeLessThanOrEqual(before));

  const titled = cases.map(
    (each) => [each[0], JSON.stringify(each[1]), JSON.stringify(each[2]), each] as const,
  );
  it.each(titled)('%s(%s, %s)', (_name, _args, _options, [name, args, options, result]) => {
    torch.scope(() => {
      const recorded = result as { raises?: true; names?: string[]; results?: Json } | null;
      if (recorded?.raises) {
        // An option of these is one that there is not; squeeze's dim is given twice.
        const unknown = Object.keys(options).length > 0 && name !== 'Tensor.squeeze';
        expect(() => call(name, args, options)).toThrow(
          expect.objectContaining({
            name: 'TorchError',
            code: unknown ? 'ERR_TORCH_UNKNOWN_OPTION' : 'ERR_INVALID_ARG_TYPE',
          }),
        );
        return;
      }
      const given = call(name, args, options);
      expectEqual(encode(given), recorded?.results ?? result);
      recorded?.names?.forEach((key, i) =>
        expect((given as Record<string, unknown>)[camelCase(key)]).toBe((given as unknown[])[i]),
      );
    });
  });
});

// ---- what Python's calls do not show ----

describe('generated functions', () => {
  it('give named results that are arrays', () => {
    withoutLeaks(() => {
      const sorted = torch.tensor([3, 1, 2]).sort();
      const { values, indices } = sorted;
      expect(values.toArray()).toEqual([1, 2, 3]);
      expect(indices.toArray()).toEqual([1, 2, 0]);
      const [first, second] = sorted;
      expect([first === values, second === indices, sorted.length]).toEqual([true, true, 2]);
      expect(Array.isArray(sorted)).toBe(true);
      expect(sorted.map((each) => each.dtype)).toEqual(['float32', 'int64']);
      expect(Object.keys(sorted)).toEqual(['0', '1']);
    });
  });

  it('write to out', () => {
    withoutLeaks(() => {
      const a = torch.tensor([3, 1, 2]);
      const out = torch.empty([3]);
      expect(torch.add(a, a, { alpha: 2, out })).toBe(out);
      expect(out.toArray()).toEqual([9, 3, 6]);
      const values = torch.empty([3]);
      const indices = torch.empty([3], { dtype: 'int64' });
      const sorted = torch.sort(a, { descending: true, out: [values, indices] });
      expect(sorted.values).toBe(values);
      expect(sorted[1]).toBe(indices);
      expect(indices.toArray()).toEqual([0, 2, 1]);
      expect(torch.maximum(a, out, { out })).toBe(out);
      expect(torch.linalg.vectorNorm(a, { out: torch.empty([]) }).item()).toBeCloseTo(Math.sqrt(14));
      // Its out= form has no dtype and the like.
      expect(torch.logspace(0, 2, 3, { out }).toArray()).toEqual([1, 10, 100]);
      expect(() => torch.sort(a, { out: [values] as never })).toThrow(/argument 'indices' is missing/);
      expect(() => (torch.relu as (...args: unknown[]) => unknown)(a, { out })).toThrow(
        /there is no option 'out'/,
      );
    });
  });

  it('work in place and give the tensor itself', () => {
    withoutLeaks(() => {
      const a = torch.tensor([4, 9]);
      expect(a.div_(2).sqrt_().pow_(2)).toBe(a);
      expect(a.select(0, 1).item()).toBeCloseTo(4.5);
      expect(a.fill_(3).clamp_({ max: 2 }).toArray()).toEqual([2, 2]);
      expect(a.copy_(torch.ones([2])).toArray()).toEqual([1, 1]);
      const parameter = new torch.nn.Parameter(torch.ones([2]));
      expect(torch.noGrad(() => parameter.mul_(2).addcmul_(a, a))).toBe(parameter);
      parameter.dispose();
    });
  });

  it('take options by name, and requiresGrad where tensors are made', () => {
    withoutLeaks(() => {
      const a = torch.ones([2, 3]);
      expect(a.sum(0, { keepdim: true }).shape).toEqual([1, 3]);
      expect(a.sum(0, { keepdim: true, dtype: 'float64' }).dtype).toBe('float64');
      expect(a.argmax({ dim: 1, keepdim: true }).shape).toEqual([2, 1]);
      expect(a.newZeros([2], { dtype: 'int32' }).dtype).toBe('int32');
      expect(torch.zerosLike(a, { requiresGrad: true }).requiresGrad).toBe(true);
      expect(torch.zerosLike(a, { requiresGrad: false }).requiresGrad).toBe(false);
      expect(torch.normal(0, 1, [2], { generator: new torch.Generator().manualSeed(1) }).shape).toEqual([2]);
      expect(a.clone({ memoryFormat: 'contiguous' }).toArray()).toEqual(a.toArray());
      expect(a.sum(undefined as never).item()).toBe(6);
    });
  });

  it('are recorded by autograd', () => {
    withoutLeaks(() => {
      const x = torch.tensor([1, 2, 3], { requiresGrad: true });
      x.logsumexp(0).backward();
      expect(x.grad!.sum().item()).toBeCloseTo(1);
      torch.addcmul(x, x, x).sort().values.sum().backward();
      expect(x.gradFn).toBeUndefined();
    });
  });

  it('leave nothing behind when they fail, and put no tensor into no scope', () => {
    withoutLeaks(() => {
      const a = torch.ones([2, 3]);
      expect(() => a.cumsum(5)).toThrow(/Dimension out of range/);
      expect(() => a.add('x' as never)).toThrow();
      expect(() => a.div(torch.ones([4]))).toThrow(/must match the size/);
    });
    const outside = torch.tensor([2, 1]);
    const { values } = torch.scope(() => outside.sort());
    expect(values.toArray()).toEqual([1, 2]);
    values.dispose();
    outside.dispose();
  });

  it('are methods that no loop over a tensor shows: only what keeps a tensor from being cloned is there', () => {
    withoutLeaks(() => {
      const a = torch.ones([1]);
      expect(Object.keys(a)).toEqual(['send with torch.send']);
      const seen: string[] = [];
      for (const name in a) seen.push(name);
      expect(seen).toEqual(['send with torch.send']);
      expect(a.addcmul.name).toBe('addcmul');
    });
  });

  it('are named by PyTorch, in camelCase, whatever JavaScript reserves', () => {
    withoutLeaks(() => {
      const a = torch.tensor([1, 2, 3, 4]);
      expect(torch.var(a).item()).toBeCloseTo(5 / 3);
      expect(a.var(0, { correction: 0 }).item()).toBeCloseTo(1.25);
      expect(a.isFloatingPoint()).toBe(true);
      expect([torch.isFloatingPoint(a), torch.isFloatingPoint('int64')]).toEqual([true, false]);
      expect(torch.eye(2, 3).toArray()).toEqual([[1, 0, 0], [0, 1, 0]]); // prettier-ignore
      expect(torch.zeros(2, 3).shape).toEqual([2, 3]);
      expect(torch.randint(5, [4]).dtype).toBe('int64');
      expect(torch.nn.functional.logsigmoid(a).shape).toEqual([4]);
      expect(Object.keys(torch.linalg)).toContain('matrixNorm');
      expect(Object.keys(torch).filter((name) => /^_|_\w/.test(name))).toEqual([]);
    });
  });
});

describe('errors of generated functions', () => {
  const words = (run: () => unknown): string => {
    try {
      run();
    } catch (error) {
      return (error as Error).message;
    }
    throw new Error('nothing was thrown');
  };

  it('say what was given and which forms there are', () => {
    withoutLeaks(() => {
      const a = torch.ones([2, 3]);
      expect(words(() => a.max('x' as never))).toBe(
        [
          'Tensor.max: none of its forms takes what was given:',
          '  aten::max(Tensor self) -> Tensor',
          '    it takes at most 0 arguments by position, 1 were given',
          '  aten::max.other(Tensor self, Tensor other) -> Tensor',
          "    'other': expected a Tensor, got 'x'",
          '  aten::max.dim(Tensor self, int dim, bool keepdim=False) -> (Tensor values, Tensor indices)',
          "    'dim': expected an integer, got 'x'",
          '  self: float32 [2, 3]',
          "  'x'",
        ].join('\n'),
      );
      expect(words(() => torch.topk(a, 1, { dimm: 0 } as never))).toMatch(
        /^torch\.topk: there is no option 'dimm' \(did you mean dim\?\); the options are input, k, dim, largest, sorted, out$/,
      );
      expect(words(() => a.cumsum({ dtype: 'int8' } as never))).toMatch(
        /Tensor\.cumsum: 'dim' is missing: an integer;/,
      );
      expect(words(() => a.cumsum(0, { dtype: 'int9' as never }))).toMatch(/expected dtype|unknown dtype/);
      expect(words(() => (a.triu as (...args: unknown[]) => unknown).call(a, 1, { diagonal: 2 }))).toMatch(
        /'diagonal' was given by position and among the options/,
      );
      expect(words(() => torch.linalg.norm(true as never))).toMatch(
        /^torch\.linalg\.norm: none of its forms/,
      );
      expect(words(() => a.newZeros([1], { device: 'cuda:77' }))).toMatch(/'cuda:77' was asked for, but/);
      expect(words(() => a.newZeros([1], { layout: 'dense' as never }))).toMatch(
        /expected one of strided, sparse,/,
      );
    });
  });

  it('name the version that has what the linked one lacks', () => {
    const future = new Overloads('Tensor.fromTheFuture', 'from_the_future', 'default Tensor', true);
    const version = jest.spyOn(native, 'libtorchVersion').mockReturnValue('2.11.0');
    const find = jest.spyOn(native, 'findOperator').mockReturnValue(null);
    try {
      expect(() => future.call([1])).toThrow(
        `Tensor.fromTheFuture: needs libtorch ${table.generatedFrom} or later; this is 2.11.0`,
      );
      expect(() => torch.ops.schema('aten::_cdist_forward.out')).toThrow(
        `aten::_cdist_forward.out: needs libtorch ${table.generatedFrom} or later; this is 2.11.0`,
      );
      expect(() => torch.ops.schema('aten::nothing_of_the_sort')).toThrow(
        'libtorch 2.11.0 has no such operator',
      );
      version.mockReturnValue('99.0.0');
      expect(() => future.call([1])).toThrow(
        `libtorch ${table.generatedFrom} has it; 99.0.0, the one in use, does not`,
      );
    } finally {
      version.mockRestore();
      find.mockRestore();
    }
  });
});

describe('torch.ops.aten', () => {
  it('takes no generator for a tensor and no tensor for a generator', () => {
    withoutLeaks(() => {
      const a = torch.ones([2]);
      const generator = new torch.Generator();
      expect(() => torch.ops.aten.add.Tensor(a, generator as never)).toThrow(
        /expected a Tensor, got an object/,
      );
      expect(() => a.mul(generator as never)).toThrow(/expected a Tensor or a number, got an object/);
      expect(() => torch.ops.aten.cat([a, generator as never])).toThrow(/expected an array of tensors, got/);
      expect(() => torch.ops.aten.bernoulli(a, { generator: a as never })).toThrow(
        /expected a Generator, got float32/,
      );
      expect(() => a.bernoulli({ generator: a as never })).toThrow(
        /'generator': expected a Generator or null, got/,
      );
    });
  });

  it('has each overload under its name', () => {
    withoutLeaks(() => {
      const a: Tensor = torch.tensor([1, 2]);
      expect(torch.ops.aten.add.Tensor(a, a, { alpha: 2 }).toArray()).toEqual([3, 6]);
      const [values] = torch.ops.aten.sort.stable(a, { stable: true, descending: true });
      expect(values.toArray()).toEqual([2, 1]);
      expect(torch.ops.aten._softmax(a, 0, false).shape).toEqual([2]);
    });
  });
});

describe('schemas', () => {
  it('are read in all their parts', () => {
    expect(
      parseSchema(
        'aten::f.out(Tensor(a! -> *) self, Tensor?[] indices, int[2]? size=[0, 1], *, str m="a, b)", Scalar x=-1e-05) -> (Tensor(a!) values, Tensor[])',
      ),
    ).toEqual({
      name: 'aten::f',
      overload: 'out',
      arguments: [
        { name: 'self', type: { base: 'Tensor', layers: [], written: true }, fallback: undefined, keywordOnly: false },
        { name: 'indices', type: { base: 'Tensor', layers: ['optional', { list: undefined }], written: false }, fallback: undefined, keywordOnly: false },
        { name: 'size', type: { base: 'int', layers: [{ list: 2 }, 'optional'], written: false }, fallback: '[0, 1]', keywordOnly: false },
        { name: 'm', type: { base: 'str', layers: [], written: false }, fallback: '"a, b)"', keywordOnly: true },
        { name: 'x', type: { base: 'Scalar', layers: [], written: false }, fallback: '-1e-05', keywordOnly: true },
      ],
      results: [
        { name: 'values', type: { base: 'Tensor', layers: [], written: true } },
        { name: undefined, type: { base: 'Tensor', layers: [{ list: undefined }], written: false } },
      ],
      variadic: false,
    }); // prettier-ignore
    expect(parseSchema('aten::g() -> ()')).toMatchObject({ arguments: [], results: [] });
    expect(() => parseSchema('aten::g(Tensor) -> ()')).toThrow(/expected an argument's name at character 14/);
    expect(() => parseSchema('aten::g() -> () x')).toThrow(/expected the end/);
  });

  it('of all operators are read', () => {
    for (const name of torch.ops.names()) {
      const text = torch.ops.schema(name);
      const schema = parseSchema(text);
      expect([schema.name, schema.overload].filter(Boolean).join('.')).toBe(name);
    }
  });
});
