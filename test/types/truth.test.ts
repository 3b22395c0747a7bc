// The types say what libtorch does: every method that runs on tensors of some dtypes gives a dtype that its type has. The calls
// are tried first; those that went well are written into one file, of which the compiler says the types.
import path from 'node:path';
import torch, { type DType, type Tensor } from 'torch-node';
import { compile, errorsOf, typesOf } from './compiler.js';

const DTYPES = ['bool', 'uint8', 'int64', 'float16', 'float32', 'float64', 'complex64'] as const;
const ARGUMENTS = ['', '0', '1.5', 'other_int32', 'other_float64'] as const;

interface Call {
  readonly text: string;
  readonly dtype: DType;
  readonly shape: string;
}

/** The methods of tensors that change nothing. */
function methods(): string[] {
  const names = new Set<string>();
  for (let at: object = torch.ones([1]); at !== Object.prototype; at = Object.getPrototypeOf(at) as object)
    for (const name of Object.getOwnPropertyNames(at)) names.add(name);
  const left = /_$|^(constructor|dispose|keep|retainGrad|backward|cuda|toMkldnn|hashTensor|pinMemory)$/;
  return [...names].filter((name) => !left.test(name)).sort();
}

/** What came of the calls that went well and gave one tensor. */
function calls(): Call[] {
  const values = {
    '': [],
    '0': [0],
    '1.5': [1.5],
    other_int32: [torch.ones([2, 2], { dtype: 'int32' })],
    other_float64: [torch.ones([2, 2], { dtype: 'float64' })],
  };
  return DTYPES.flatMap((dtype) => {
    const tensor = torch.ones([2, 2], { dtype });
    return methods().flatMap((name) =>
      ARGUMENTS.flatMap((given) => {
        const found = attempt(tensor, name, values[given]);
        if (found === undefined) return [];
        return [{ text: `t_${dtype}.${name}(${given})`, dtype: found.dtype, shape: String(found.shape) }];
      }),
    );
  });
}

function attempt(tensor: Tensor, name: string, args: unknown[]): Tensor | undefined {
  try {
    const method: unknown = Reflect.get(tensor, name);
    if (typeof method !== 'function') return undefined;
    const result: unknown = Reflect.apply(method, tensor, args);
    return torch.isTensor(result) ? result : undefined;
  } catch {
    return undefined; // not for this dtype, or not with these arguments
  }
}

it('every method gives a dtype and a shape that its type has', () => {
  torch.scope(() => {
    const done = calls();
    expect(done.length).toBeGreaterThan(2000);
    const head = [
      "import torch, { shape } from 'torch-node';",
      ...DTYPES.map((d) => `const t_${d} = torch.ones(shape(2, 2), { dtype: '${d}' });`),
      ...['int32', 'float64'].map((d) => `const other_${d} = torch.ones(shape(2, 2), { dtype: '${d}' });`),
    ];
    const file = path.join(__dirname, 'cases', 'written.ts');
    const program = compile([file], { [file]: [...head, ...done.map(({ text }) => `${text};`)].join('\n') });
    const source = program.getSourceFile(file)!;
    const refused = new Set(errorsOf(program, source).map(({ line }) => line));
    const lineOf = (i: number): number => head.length + 1 + i;
    const types = typesOf(
      program,
      source,
      done.map((_, i) => lineOf(i)),
    );
    const wrong = done.flatMap(({ text, dtype, shape }, i) => {
      const line = lineOf(i);
      const type = types.find((found) => found.line === line)!.text;
      const [, dtypes = '', shapes = ''] = /^Tensor<(.*), 'cpu', (.*)>$/.exec(type) ?? [];
      const said = dtypes === 'any' || dtypes.split(' | ').includes(`'${dtype}'`);
      const sizes = /^readonly \[(.*)\]$/.exec(shapes)?.[1]?.split(', ').filter(Boolean);
      const given = shape.split(',').filter(Boolean);
      const fits =
        sizes?.length === given.length && sizes.every((size, d) => size === 'number' || size === given[d]);
      const plain = type === 'Tensor<any, any, any>';
      if (plain || refused.has(line) || (said && (sizes === undefined || fits))) return [];
      return [`${text} gives ${dtype} [${shape}], the type says ${type}`];
    });
    expect(wrong).toEqual([]);
    // Methods written by hand do not look at arguments that their types do not take.
    expect(done.filter(({ text }, i) => text.endsWith('()') && refused.has(lineOf(i)))).toEqual([]);
  });
});
