// The pages in docs/: every block of TypeScript compiles with nothing but `strict`, runs as it stands there, and prints what
// the block of text after it says. Of the README the programs are compiled only, since they train on CIFAR-10; its other
// blocks are fragments.
import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import ts from 'typescript';

const ROOT = path.resolve(__dirname, '../..');
const JITI = path.join(ROOT, 'node_modules/jiti/lib/jiti-cli.mjs');
// Inside the package, so that `torch-node` means this one.
mkdirSync(path.join(ROOT, 'build'), { recursive: true });
const work = mkdtempSync(path.join(ROOT, 'build/pages-'));
afterAll(() => rmSync(work, { recursive: true }));

interface Example {
  title: string;
  code: string;
  /** What the page says that it prints; nothing where the page does not say. */
  printed: string | undefined;
}

function examplesOf(page: string): Example[] {
  const text = readFileSync(path.join(ROOT, page), 'utf8');
  const blocks = [...text.matchAll(/^```(\w*)\n(.*?)^```$/gms)];
  return blocks.flatMap(([, language, code], i) => {
    if (language !== 'ts') return [];
    const next = blocks[i + 1];
    const line = text.slice(0, blocks[i]!.index).split('\n').length;
    return [
      {
        title: `${path.basename(page)}, line ${line}`,
        code: code!,
        printed: next?.[1] === 'text' ? next[2] : undefined,
      },
    ];
  });
}

const examples = readdirSync(path.join(ROOT, 'docs'))
  .filter((name) => name.endsWith('.md'))
  .flatMap((name) => examplesOf(path.join('docs', name)));

const programs = examplesOf('README.md').filter(({ code }) => code.includes("from 'torch-node'"));

it('compile', () => {
  const files = [...examples, ...programs].map(({ title, code }) => {
    const file = path.join(work, `${title.replace(/\W+/g, '-')}.ts`);
    writeFileSync(file, `${code}\nexport {};\n`);
    return file;
  });
  const program = ts.createProgram(files, {
    strict: true,
    noEmit: true,
    module: ts.ModuleKind.NodeNext,
    target: ts.ScriptTarget.ES2023,
    types: ['node'],
    typeRoots: [path.join(ROOT, 'node_modules/@types')],
    // The sources stand for what the package exports, so that nothing has to be compiled first.
    skipLibCheck: true,
    paths: {
      'torch-node': [path.join(ROOT, 'lib/index.ts')],
      'torch-node/models': [path.join(ROOT, 'lib/models/index.ts')],
      'torch-node-cifar10': [path.join(ROOT, 'experiments/cifar10/lib/index.ts')],
    },
  });
  const problems = files
    .map((file) => program.getSourceFile(file)!)
    .flatMap((file) => [...program.getSyntacticDiagnostics(file), ...program.getSemanticDiagnostics(file)])
    .map(
      ({ file, messageText }) =>
        `${path.basename(file?.fileName ?? '')}: ${ts.flattenDiagnosticMessageText(messageText, ' ')}`,
    );
  expect(problems).toEqual([]);
});

it.each(examples)('$title', async ({ title, code, printed }) => {
  const file = path.join(work, `${title.replace(/\W+/g, '-')}.ts`);
  writeFileSync(file, code);
  const env = { ...process.env, JITI_FS_CACHE: 'false', NO_COLOR: '1' };
  const { stdout } = await promisify(execFile)(process.execPath, [JITI, file], { env, cwd: work });
  if (printed !== undefined) expect(stdout).toBe(printed);
});
