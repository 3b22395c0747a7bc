// Every public function and method, called with an object behind all its arguments: JavaScript would drop it without a word.
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import torch from 'torch-node';
import ts from 'typescript';

type Fn = (...args: unknown[]) => unknown;

/** What takes any number of arguments, or whatever Array's callbacks pass. */
const TAKES_ALL: Readonly<Record<string, string>> = {
  'torch.isTensor': 'is passed to filter()',
  'torch.isNativeObject': 'is passed to filter()',
  'torch.isFloatingPoint': 'is passed to filter()',
  'torch.nn.isModule': 'is passed to filter()',
  'torch.nn.utils.rnn.isPackedSequence': 'is passed to filter()',
  'torch.jit.isScriptModule': 'is passed to filter()',
  'torch.optim.isOptimizer': 'is passed to filter()',
  'torch.shape': 'takes any number of sizes',
  'torch.Tensor.isShape': 'takes any number of sizes',
  'torch.Tensor.expectShape': 'takes any number of sizes',
  'torch.Tensor.at': 'takes any number of indices',
  'torch.Tensor.set': 'takes any number of indices',
  'torch.Tensor.toJSON': 'is given a key by JSON.stringify',
  'torch.testing.closeness': 'is internal to the matchers',
  'torch.testing.matchers.toBeCloseTensor': 'is called by expect()',
  'torch.testing.matchers.toEqualTensor': 'is called by expect()',
  'torch.utils.checkpoint': "takes the function's arguments",
  'torch.classes': "takes the arguments of the class's constructor",
};
// A module's own affair; and what printing calls.
const OWN = /\.(forward|extraRepr|toString)$/;

/** Methods that no user sees, by class: protected, private or stripped from the published types. */
function hidden(): ReadonlySet<string> {
  const found = new Set<string>();
  const root = path.resolve(__dirname, '../../lib');
  for (const file of readdirSync(root, { recursive: true, encoding: 'utf8' })) {
    if (!file.endsWith('.ts') || file.includes('generated')) continue;
    const text = readFileSync(path.join(root, file), 'utf8');
    const source = ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true);
    source.forEachChild((node) => {
      if (!ts.isClassDeclaration(node)) return;
      for (const member of node.members) {
        const flags = ts.getCombinedModifierFlags(member);
        const inside = (flags & (ts.ModifierFlags.Protected | ts.ModifierFlags.Private)) !== 0;
        if (inside || text.slice(member.getFullStart(), member.getStart()).includes('@internal'))
          found.add(`${node.name!.text}.${member.name?.getText() ?? ''}`);
      }
    });
  }
  return found;
}

function* places(): Generator<[place: string, self: unknown, call: Fn]> {
  const seen = new Set<unknown>();
  const inside = hidden();
  function* walk(space: object, at: string): Generator<[string, unknown, Fn]> {
    for (const [name, value] of Object.entries(space)) {
      if (seen.has(value)) continue;
      const place = `${at}.${name}`;
      if (typeof value === 'function') {
        seen.add(value);
        const prototype = (value as { prototype?: object }).prototype;
        const isClass = Function.prototype.toString.call(value).startsWith('class ');
        if (!isClass) yield [place, undefined, value as Fn];
        else
          for (const [method, { value: call }] of Object.entries(
            Object.getOwnPropertyDescriptors(prototype!) as Record<string, PropertyDescriptor>,
          ))
            if (typeof call === 'function' && method !== 'constructor' && !inside.has(`${name}.${method}`))
              yield [`${place}.${method}`, prototype, call as Fn];
      } else if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
        // A namespace or a plain object, of whatever realm: nothing but Object's prototype is above it.
        const above = Object.getPrototypeOf(value) as object | null;
        if (above === null || Object.getPrototypeOf(above) === null) {
          seen.add(value);
          yield* walk(value as object, place);
        }
      }
    }
  }
  yield* walk(torch, 'torch');
}

async function refusal(self: unknown, call: Fn): Promise<string> {
  try {
    const given: unknown[] = Array.from({ length: 30 });
    await call.call(self, ...given, { zzTop: 1 });
    return 'accepted';
  } catch (error) {
    return (error as Error).message;
  }
}

it('no public function or method takes an object behind its arguments', async () => {
  const accepted: string[] = [];
  let tried = 0;
  for (const [place, self, call] of places()) {
    if (OWN.test(place) || place in TAKES_ALL) continue;
    tried++;
    const said = await refusal(self, call);
    if (!said.includes('zzTop')) accepted.push(`${place}: ${said.slice(0, 100)}`);
  }
  console.log(`tried ${tried} functions and methods`);
  expect(accepted).toEqual([]);
  expect(tried).toBeGreaterThan(1600);
});
