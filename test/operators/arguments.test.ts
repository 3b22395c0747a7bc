// How arguments are given: by position as in Python, or by name in the last object, everywhere alike. Drawn from the schemas of
// all operators and from Python's own signatures (test/parity/recorded/signatures.json).
import torch from 'torch-node';
import { camelCase, nearest, snakeCase } from '../../lib/core/names.js';
import * as table from '../../lib/operators/generated/table.js';
import { Operator } from '../../lib/operators/operators.js';
import { parseSchema, type SchemaArgument, type SchemaType } from '../../lib/operators/schema.js';

type Call = (...args: unknown[]) => unknown;
interface Place {
  /** As in "torch.linalg.norm". */
  readonly title: string;
  readonly call: Call;
  readonly overload: string;
  readonly arguments: readonly (SchemaArgument & { readonly shown: string })[];
  /** What may be given by name: the arguments, out and requiresGrad. */
  readonly known: readonly string[];
}

const methods = torch.Tensor.prototype as unknown as Record<string, Call>;
const SPACES: [lines: string, title: string, prefix: string, find: (name: string) => Call | undefined][] = [
  [table.methods, 'Tensor', '', (name) => (self, ...args) => methods[name]!.apply(self, args)],
  [table.functions, 'torch', '', (name) => (torch as unknown as Record<string, Call>)[name]],
  [table.linalg, 'torch.linalg', 'linalg_', (name) => (torch.linalg as unknown as Record<string, Call>)[name]],
  [table.fft, 'torch.fft', 'fft_', (name) => (torch.fft as unknown as Record<string, Call>)[name]],
  [table.special, 'torch.special', 'special_', (name) => (torch.special as unknown as Record<string, Call>)[name]],
  [table.functional, 'nn.functional', '', (name) => (torch.nn.functional as unknown as Record<string, Call>)[name]],
]; // prettier-ignore

// Written by hand: they have arguments that no schema has, and are held against Python's signatures below.
const BY_HAND =
  /^(torch\.(arange|full|isFloatingPoint)|Tensor\.retainGrad|nn\.functional\.adaptiveAvgPool[23]d)$/;

/** All public functions and methods that are operators, each of their forms. */
function places(): Place[] {
  return SPACES.flatMap(([lines, space, prefix, find]) =>
    lines
      .trim()
      .split('\n')
      .flatMap((line) => {
        const [, name, other, forms] = /^(\w+) (?:(\w+): )?(.+)$/.exec(line)!;
        const shown = camelCase(name!.slice(prefix.length));
        const title = `${space}.${shown}`;
        const call = find(shown);
        if (BY_HAND.test(title)) return [];
        return forms!.split(' ').map((form) => {
          const [overload, out] = form.split('>');
          const full = `aten::${other ?? name!}${overload === 'default' ? '' : `.${overload!}`}`;
          const given = parseSchema(torch.ops.schema(full)).arguments;
          const named = given.map((argument) => ({
            ...argument,
            shown: space !== 'Tensor' && argument.name === 'self' ? 'input' : camelCase(argument.name),
          }));
          const makes = ['dtype', 'layout', 'device', 'pin_memory'].every((option) =>
            given.some((argument) => argument.name === option),
          );
          const known = [
            ...named.slice(space === 'Tensor' ? 1 : 0).map((argument) => argument.shown),
            ...(out === undefined || space === 'Tensor' ? [] : ['out']),
            ...(makes ? ['requiresGrad'] : []),
          ];
          return { title, call: call!, overload: full, arguments: named, known };
        });
      }),
  );
}

// A value for each type; two for lists, and so many that they differ from each other.
function sample({ base, layers }: SchemaType, i: number): unknown {
  const one = samples[base]?.(i);
  return layers.some((layer) => layer !== 'optional') ? [one, one] : one;
}
const tensors = () => Array.from({ length: 24 }, (_, i) => torch.full([1], i));
let made: torch.Tensor[];
let others: Record<string, unknown>;
const samples: Record<string, (i: number) => unknown> = {
  Tensor: (i) => made[i], Scalar: (i) => i + 0.5, int: (i) => i, SymInt: (i) => i, float: (i) => i + 0.25, bool: () => true,
  str: (i) => `word ${i}`, ScalarType: () => 'int32', Layout: () => 'strided', Device: () => 'cpu',
  MemoryFormat: () => 'preserve', Generator: () => others['generator'], Storage: () => others['storage'],
  Stream: () => others['stream'],
}; // prettier-ignore

/** What a call asks the native side for: the operator and its arguments, without computing anything. */
let asked: { name: string; args: readonly unknown[] } | undefined;
const trimmed = (args: readonly unknown[]): readonly unknown[] => {
  let count = args.length;
  while (count > 0 && args[count - 1] === undefined) count--;
  return args.slice(0, count);
};
function ask(call: Call, args: readonly unknown[]): typeof asked | string {
  asked = undefined;
  try {
    call(...args);
  } catch (error) {
    return (error as Error).message;
  }
  return asked;
}

describe('operators', () => {
  let spies: jest.SpyInstance[];
  beforeAll(() => {
    made = tensors();
    others = {
      generator: new torch.Generator(),
      storage: torch.ones([1]).untypedStorage(),
      stream: new torch.Stream('cpu'),
    };
    const record = function (this: Operator, ...args: unknown[]): unknown {
      asked = { name: this.name, args: trimmed(args) };
      return [];
    };
    spies = [
      jest.spyOn(Operator.prototype, 'callList').mockImplementation(function (this: Operator, args) {
        return record.apply(this, [...args]);
      }),
      jest.spyOn(Operator.prototype, 'callTensors').mockImplementation(record),
      jest.spyOn(Operator.prototype, 'call').mockImplementation(record),
    ];
  });
  afterAll(() => {
    for (const each of spies) each.mockRestore();
    for (const each of made) each.dispose();
  });

  it('take each argument by position and by name', () => {
    const wrong: string[] = [];
    let tried = 0;
    let shadowed = 0;
    const forms = new Map<string, string[]>();
    for (const { title, call, overload, arguments: all } of places()) {
      const earlier = forms.get(title) ?? [];
      forms.set(title, [...earlier, overload]);
      const first = title.startsWith('Tensor.') ? 1 : 0;
      const positional = all.filter(({ keywordOnly }) => !keywordOnly);
      const values = all.map(({ type }, i) => sample(type, i + 1));
      const named = (from: number): Record<string, unknown> =>
        Object.fromEntries(all.slice(from).map(({ shown }, i) => [shown, values[from + i]]));
      const keywords = all.length > positional.length ? [named(positional.length)] : [];
      const byPosition = ask(call, [...values.slice(0, positional.length), ...keywords]);
      if (typeof byPosition === 'string') {
        wrong.push(`${title} (${overload}) by position: ${byPosition}`);
        continue;
      }
      // A form that is tried earlier may take the same values.
      if (byPosition?.name !== overload) shadowed++;
      for (let count = first; count < positional.length; count++) {
        tried++;
        const byName = ask(call, [...values.slice(0, count), named(count)]);
        const same =
          byName !== undefined &&
          typeof byName !== 'string' &&
          (earlier.includes(byName.name) || String(flat(byName)) === String(flat(byPosition!)));
        if (!same)
          wrong.push(
            `${title} (${overload}), ${positional.length - count} by name: ${words(byName)}, not ${words(byPosition)}`,
          );
      }
    }
    console.log(`tried ${tried} places by name; ${shadowed} forms are shadowed by earlier ones`);
    expect(wrong).toEqual([]);
    expect(tried).toBeGreaterThan(3000);
  });

  it('take keyword-only arguments by name only', () => {
    const wrong: string[] = [];
    let tried = 0;
    for (const { title, call, overload, arguments: all } of places()) {
      const first = all.findIndex(({ keywordOnly }) => keywordOnly);
      if (first < 0) continue;
      const values = all.slice(0, first + 1).map(({ type }, i) => sample(type, i + 1));
      const said = ask(call, values);
      tried++;
      // Another form may have such an argument by position.
      if (typeof said !== 'string' && said!.name === overload) wrong.push(`${title} (${overload})`);
    }
    console.log(`tried ${tried} keyword-only arguments by position`);
    expect(wrong).toEqual([]);
    expect(tried).toBeGreaterThan(250);
  });

  it('refuse names that there are not, and say which was meant', () => {
    const wrong: string[] = [];
    let tried = 0;
    const names = new Map<string, string[]>();
    for (const { title, known } of places()) names.set(title, [...(names.get(title) ?? []), ...known]);
    for (const { title, call, arguments: all } of places()) {
      const first = title.startsWith('Tensor.') ? 1 : 0;
      const known = names.get(title)!;
      for (const { shown, name } of all.slice(first)) {
        for (const misspelt of new Set([`${shown}x`, snakeCase(name), shown.toUpperCase()])) {
          if (known.includes(misspelt)) continue;
          tried++;
          const said = ask(call, [...(first === 1 ? [made[1]] : []), { [misspelt]: 1 }]);
          const meant = nearest(misspelt, known);
          const hint = meant === undefined ? `'${misspelt}'` : `'${misspelt}' (did you mean ${meant}?)`;
          if (typeof said !== 'string' || !said.startsWith(`${title}: there is no option ${hint}`))
            wrong.push(`${title}({ ${misspelt} }): ${words(said)}`);
        }
      }
    }
    console.log(`tried ${tried} names that there are not`);
    expect(wrong).toEqual([]);
    expect(tried).toBeGreaterThan(3000);
  });
});

const flat = (given: NonNullable<typeof asked>): unknown[] => [given.name, ...given.args.map(word)];
function word(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(word).join()}]`;
  return typeof value === 'object' && value !== null && torch.isTensor(value)
    ? `tensor ${made.indexOf(value)}`
    : String(value);
}
const words = (said: ReturnType<typeof ask>): string =>
  typeof said === 'string' ? said : said === undefined ? 'nothing' : flat(said).join(' ');
