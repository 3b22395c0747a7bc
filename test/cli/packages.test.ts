// `torch-node install`, `list`, `uninstall` and `init`, as they are run. They need dist/, which `npm test` compiles.
import { execFile } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import ts from 'typescript';
import { packageName } from '../../lib/cli/init.js';
import { chooseNames } from '../../lib/cli/install.js';
import { fakeLibtorch, temporaryFolder, write } from '../install/fake.js';

const ROOT = path.resolve(__dirname, '../..');
let folder: string;
beforeEach(() => (folder = temporaryFolder()));
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function torchNode(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  const kept = Object.entries(process.env).filter(([name]) => !/^(TORCH_NODE_|LIBTORCH$)/.test(name));
  const env = {
    ...Object.fromEntries(kept),
    TORCH_NODE_CACHE: path.join(folder, 'cache'),
    TORCH_NODE_OFFLINE: '1',
  };
  return new Promise((resolve) => {
    const child = execFile(
      process.execPath,
      [path.join(ROOT, 'bin', 'torch-node.js'), ...args],
      { env, cwd: folder },
      (_, out, err) => resolve({ code: child.exitCode ?? -1, out, err }),
    );
  });
}

it('installs from a folder, lists, and uninstalls', async () => {
  const installed = await torchNode('install', '--from', fakeLibtorch(path.join(folder, 'mine')));
  const place = path.join(folder, 'cache', 'libtorch', '2.13.0-cpu');
  expect(installed).toMatchObject({
    code: 0,
    out: expect.stringContaining(`libtorch 2.13.0+cpu (cpu) is in ${place}\n`),
  });
  const listed = await torchNode('list', '--json');
  expect(JSON.parse(listed.out)).toMatchObject({
    folder: path.dirname(place),
    installed: [{ name: '2.13.0-cpu', usable: true }],
  });
  expect((await torchNode('list')).out).toMatch(/2\.13\.0-cpu {2}0\.0 MB/);
  expect(await torchNode('uninstall')).toEqual({ code: 0, out: `removed ${place}\n`, err: '' });
  expect(existsSync(place)).toBe(false);
  expect((await torchNode('uninstall')).out).toBe(`There is none in ${path.dirname(place)}.\n`);
});

it('says when there is no compiled part for what was installed', async () => {
  const { out } = await torchNode('install', '--from', fakeLibtorch(path.join(folder, 'mine'), '2.12.0+cpu'));
  expect(out).toMatch(
    /no compiled part of torch-node for libtorch 2\.12\.0\+cpu \(there is for .*\).*npx torch-node build/,
  );
});

it('asks nothing without a terminal, and ends with what was tried', async () => {
  const { code, err } = await torchNode('install', '--version', '2.11.0', '--variant', 'cpu');
  expect(code).toBe(1);
  expect(err).toMatch(
    /No libtorch could be installed \(2\.11\.0 \(cpu\)\)\. Tried:[^]*TORCH_NODE_OFFLINE=1 forbids/,
  );
  expect((await torchNode('install', '--variant', 'rocm')).err).toContain(
    'there is no variant rocm: expected cpu',
  );
});

it('uninstalls what is named, and asks which where that is not clear', () => {
  const installed = ['2.13.0-cpu', '2.14.1-cpu', '2.14.1-cu130'].map((name) => ({
    name,
    place: '',
    libtorch: '',
  }));
  expect(chooseNames(installed, { version: '2.14.1' })).toEqual(['2.14.1-cpu', '2.14.1-cu130']);
  expect(chooseNames(installed, { variant: 'cpu' })).toEqual(['2.13.0-cpu', '2.14.1-cpu']);
  expect(chooseNames(installed, { version: '2.14.1', variant: 'cu130' })).toEqual(['2.14.1-cu130']);
  expect(chooseNames(installed, { all: true })).toHaveLength(3);
  expect(chooseNames(installed.slice(1, 2), {})).toEqual(['2.14.1-cpu']);
  expect(() => chooseNames(installed, {})).toThrow(
    'There are several: 2.13.0-cpu, 2.14.1-cpu, 2.14.1-cu130. Say which',
  );
});

describe('init', () => {
  it('writes a project whose types are right', async () => {
    const { code, out } = await torchNode('init', 'My First Net');
    expect({ code, out }).toEqual({
      code: 0,
      out: expect.stringMatching(/cd "My First Net"\n {2}npm install\n {2}npm start/),
    });
    const project = path.join(folder, 'My First Net');
    expect(readdirSync(project).sort()).toEqual([
      '.gitignore',
      'README.md',
      'package.json',
      'src',
      'tsconfig.json',
    ]);
    expect(readFileSync(path.join(project, 'README.md'), 'utf8')).toMatch(/^# my-first-net\n/);
    const manifest = JSON.parse(readFileSync(path.join(project, 'package.json'), 'utf8')) as object;
    expect(manifest).toMatchObject({
      name: 'my-first-net',
      dependencies: { 'torch-node': expect.any(String) },
    });

    const file = path.join(project, 'src', 'train.ts');
    const program = ts.createProgram([file], {
      strict: true,
      noEmit: true,
      module: ts.ModuleKind.NodeNext,
      target: ts.ScriptTarget.ES2023,
      skipLibCheck: true,
      types: ['node'],
      typeRoots: [path.join(ROOT, 'node_modules', '@types')],
      paths: { 'torch-node': [path.join(ROOT, 'dist', 'index.d.ts')] },
    });
    const problems = ts.getPreEmitDiagnostics(program).map(({ messageText }) => messageText);
    expect(problems).toEqual([]);
  });

  it('leaves a folder alone that has something in it', async () => {
    write(path.join(folder, 'full'), { 'notes.txt': 'mine' });
    const { code, err } = await torchNode('init', 'full');
    expect({ code, err }).toEqual({
      code: 1,
      err: expect.stringContaining('is not empty (it holds notes.txt)'),
    });
    expect(readdirSync(path.join(folder, 'full'))).toEqual(['notes.txt']);
  });

  it.each([
    ['My Net', 'my-net'],
    ['./a/B_c.d', 'b_c.d'],
    ['Übung 1', 'u-bung-1'],
    ['実験', 'experiment'],
    ['..hidden--', 'hidden'],
  ])('calls the package of %s %s', (name, expected) => {
    expect(packageName(name)).toBe(expected);
  });
});
