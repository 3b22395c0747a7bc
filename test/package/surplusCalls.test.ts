// Every public function and method, called with an object behind all its arguments: JavaScript would drop it without a word.
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import torch from 'torch-node';
import ts from 'typescript';

type Fn = (...args: unknown[]) => unknown;

/** Takes whatever is there, or whatever Array's callbacks pass. */
const TAKES_ALL: Readonly<Record<string, string>> = {
  forward: "a module's own",
  isTensor: 'is passed to filter()',
  isModule: 'is passed to filter()',
  isOptimizer: 'is passed to filter()',
  isScriptModule: 'is passed to filter()',
  isNativeObject: 'is passed to filter()',
  isPackedSequence: 'is passed to filter()',
  isFloatingPoint: 'is passed to filter()',
  isBuilt: 'takes nothing, asks nothing',
  isAvailable: 'takes nothing, asks nothing',
  deviceCount: 'takes nothing, asks nothing',
  shape: 'takes any number of sizes',
  isShape: 'takes any number of sizes',
  expectShape: 'takes any number of sizes',
  at: 'takes any number of indices',
  set: 'takes any number of indices',
  classes: "takes the arguments of the class's constructor",
  toJSON: 'is given a key by JSON.stringify',
};

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
        const plain = Object.getPrototypeOf(value) === null || String(value) === '[object Module]';
        if (plain || Object.getPrototypeOf(value) === Object.prototype) {
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
    if (TAKES_ALL[place.slice(place.lastIndexOf('.') + 1)] !== undefined) continue;
    tried++;
    const said = await refusal(self, call);
    if (!said.includes('zzTop')) accepted.push(`${place}: ${said.slice(0, 100)}`);
  }
  console.log(`tried ${tried} functions and methods`);
  expect(accepted).toEqual([]);
  expect(tried).toBeGreaterThan(1100);
});
