// Static types: which types the expressions in cases/ have, and which errors there are, with their messages.
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { compile, errorsOf, expected, typesOf } from './compiler.js';

const CASES = path.join(__dirname, 'cases');
const names = readdirSync(CASES).filter((name) => name.endsWith('.ts'));
// The pages' examples are compiled too.
const DOCS = path.resolve(__dirname, '../../docs');
const examples = Object.fromEntries(
  readdirSync(DOCS)
    .filter((name) => name.endsWith('.md'))
    .flatMap((name) =>
      [...readFileSync(path.join(DOCS, name), 'utf8').matchAll(/^```ts\n(.*?)^```$/gms)].map(
        ([, code], i) => [path.join(DOCS, `${name.replace('.md', '')}-${i + 1}.ts`), code!],
      ),
    ),
);
const program = compile([...names.map((name) => path.join(CASES, name)), ...Object.keys(examples)], examples);

it.each(names)('%s', (name) => {
  const source = program.getSourceFile(path.join(CASES, name))!;
  const wanted = expected(source);
  expect(wanted.types.length + wanted.errors.length).toBeGreaterThan(0);
  const lines = wanted.types.map(({ line }) => line);
  expect(typesOf(program, source, lines)).toEqual(wanted.types);

  // Each error where it is expected, with the text that is expected; what was said instead where it is not there.
  const found = errorsOf(program, source);
  const said = wanted.errors.map(({ line, text }) => {
    const here = found.filter((error) => error.line === line).map((error) => error.text);
    return { line, text: here.some((message) => message.includes(text)) ? text : here.join('\n') };
  });
  expect(said).toEqual(wanted.errors);
  expect(found.filter(({ line }) => !wanted.errors.some((error) => error.line === line))).toEqual([]);
});

it.each(Object.keys(examples).map((file) => path.basename(file)))('the example %s compiles', (name) => {
  expect(errorsOf(program, program.getSourceFile(path.join(DOCS, name))!)).toEqual([]);
});
