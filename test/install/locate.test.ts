// Telling what a folder is, and finding a libtorch in DESIGN's order.
import { mkdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { findLibtorch, inspectLibtorch, libraryFile } from '../../lib/install/locate.js';
import { minorOf, officialArchive, wheelRequirements } from '../../lib/install/versions.js';
import { fakeLibtorch, fakePython, libtorchFiles, temporaryFolder, wheelFiles, write } from './fake.js';

let folder: string;
let env: NodeJS.ProcessEnv;
beforeEach(() => {
  folder = temporaryFolder();
  const bin = fakePython(path.join(folder, 'bin'), 'echo');
  env = { TORCH_NODE_CACHE: path.join(folder, 'cache'), PATH: `${bin}:/usr/bin:/bin` };
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const cached = (name: string, version: string) =>
  fakeLibtorch(path.join(folder, 'cache', 'libtorch', name), version);

describe('inspectLibtorch', () => {
  it('knows an unpacked libtorch, and the folder around it', () => {
    const inner = fakeLibtorch(path.join(folder, 'libtorch'));
    const expected = { folder: inner, version: '2.13.0+cpu', variant: 'cpu' };
    expect(inspectLibtorch(inner)).toEqual(expected);
    expect(inspectLibtorch(folder)).toEqual(expected);
  });

  it('knows the torch of a Python, and the site-packages around it', () => {
    write(folder, wheelFiles('2.12.1+cu126'));
    const expected = { folder: path.join(folder, 'torch'), version: '2.12.1+cu126', variant: 'cu126' };
    expect(inspectLibtorch(path.join(folder, 'torch'))).toEqual(expected);
    expect(inspectLibtorch(folder)).toEqual(expected);
  });

  it('reads the version from the headers when nothing else tells it', () => {
    const version = ['MAJOR 2', 'MINOR 14', 'PATCH 1']
      .map((part) => `#define TORCH_VERSION_${part}`)
      .join('\n');
    write(folder, { ...libtorchFiles, 'include/torch/headeronly/version.h': version });
    expect(inspectLibtorch(folder)).toMatchObject({ version: '2.14.1', variant: 'cpu' });
  });

  it('tells CUDA by its library when the version has no suffix', () => {
    write(folder, { ...libtorchFiles, [`lib/${libraryFile('torch_cuda')}`]: '', 'build-version': '2.13.0' });
    expect(inspectLibtorch(folder)).toMatchObject({ variant: 'cuda' });
    rmSync(path.join(folder, 'build-version'));
    write(folder, { 'version.py': "__version__ = '2.13.0'\ncuda: Optional[str] = '12.8'\n" });
    expect(inspectLibtorch(folder)).toMatchObject({ variant: 'cu128' });
  });

  it('says what is missing', () => {
    expect(inspectLibtorch('/nowhere')).toBe('/nowhere does not exist');
    expect(inspectLibtorch(__filename)).toContain('is not a folder');
    expect(inspectLibtorch(folder)).toContain(`holds no lib/${libraryFile('torch_cpu')}`);
    write(folder, { [`lib/${libraryFile('torch_cpu')}`]: '' });
    expect(inspectLibtorch(folder)).toContain('holds no include/c10');
    write(folder, { 'include/c10/x.h': '' });
    expect(inspectLibtorch(folder)).toContain('cannot be told');
  });
});

describe('findLibtorch', () => {
  it('takes what TORCH_NODE_LIBTORCH names before the cache', () => {
    cached('2.13.0-cpu', '2.13.0+cpu');
    const mine = fakeLibtorch(path.join(folder, 'mine'), '2.14.0+cpu');
    const { found } = findLibtorch({ env: { ...env, TORCH_NODE_LIBTORCH: mine } });
    expect(found).toEqual({
      folder: mine,
      version: '2.14.0+cpu',
      variant: 'cpu',
      how: 'named by TORCH_NODE_LIBTORCH',
    });
  });

  it('does not fall through when TORCH_NODE_LIBTORCH is wrong', () => {
    cached('2.13.0-cpu', '2.13.0+cpu');
    expect(() => findLibtorch({ env: { ...env, TORCH_NODE_LIBTORCH: '/nowhere' } })).toThrow(
      /TORCH_NODE_LIBTORCH=\/nowhere does not lead to a libtorch that fits: \/nowhere does not exist.*unset it/,
    );
  });

  it('passes over a LIBTORCH that is meant for another program', () => {
    const fitting = cached('2.13.0-cpu', '2.13.0+cpu');
    const old = fakeLibtorch(path.join(folder, 'old'), '2.1.0+cpu');
    const { found, attempts } = findLibtorch({ env: { ...env, LIBTORCH: old } });
    expect(found?.folder).toBe(fitting);
    expect(attempts.map(({ result }) => result)).toEqual([
      'not set',
      'is version 2.1.0+cpu, needed is 2.11, 2.12, 2.13, 2.14',
      'fits',
    ]);
  });

  it('takes another version from the environment only when that is allowed', () => {
    const mine = fakeLibtorch(path.join(folder, 'mine'), '2.14.0+cpu');
    const named = { ...env, TORCH_NODE_LIBTORCH: mine };
    expect(() => findLibtorch({ env: named, minors: ['2.13'] })).toThrow(
      'is version 2.14.0+cpu, needed is 2.13',
    );
    const allowed = findLibtorch({ env: { ...named, TORCH_NODE_ALLOW_MISMATCH: '1' }, minors: ['2.13'] });
    expect(allowed.found?.folder).toBe(mine);
  });

  it('prefers the default version, then the newest, and leaves out what is half installed', () => {
    cached('2.14.0-cpu', '2.14.0+cpu');
    cached('.tmp-abc', '2.13.0+cpu');
    mkdirSync(path.join(folder, 'cache', 'libtorch', '2.12.9-cpu'));
    expect(findLibtorch({ env }).found?.version).toBe('2.14.0+cpu');
    cached('2.11.0-cpu', '2.11.0+cpu');
    expect(findLibtorch({ env }).found?.version).toBe('2.14.0+cpu');
    cached('2.13.0-cpu', '2.13.0+cpu');
    expect(findLibtorch({ env }).found?.version).toBe('2.13.0+cpu');
    expect(findLibtorch({ env, minors: ['2.11'] }).found?.version).toBe('2.11.0+cpu');
  });

  it('takes the folder that is preferred before the cache, if it fits', () => {
    cached('2.13.0-cpu', '2.13.0+cpu');
    const folderOf = (version: string) => fakeLibtorch(path.join(folder, version), version);
    const prefer = { folder: folderOf('2.13.5+cpu'), how: 'because' };
    expect(findLibtorch({ env, minors: ['2.13'], prefer }).found).toMatchObject(prefer);
    const other = { folder: folderOf('2.14.0+cpu'), how: 'because' };
    expect(findLibtorch({ env, minors: ['2.13'], prefer: other }).found?.how).toBe('in the cache');
  });

  it('asks Python last, and only then', () => {
    write(path.join(folder, 'site'), { ...wheelFiles(), 'torch/__init__.py': '' });
    const script = `touch ${folder}/asked; echo ${folder}/site/torch/__init__.py`;
    env['PATH'] = `${fakePython(path.join(folder, 'bin'), script)}:/usr/bin:/bin`;
    expect(findLibtorch({ env }).found).toMatchObject({
      folder: path.join(folder, 'site', 'torch'),
      how: 'the torch of python3',
    });
    rmSync(path.join(folder, 'asked')); // Throws unless Python was asked.
    cached('2.13.0-cpu', '2.13.0+cpu');
    findLibtorch({ env });
    expect(() => rmSync(path.join(folder, 'asked'))).toThrow('ENOENT');
  });

  it('asks a real Python without importing torch', () => {
    const site = write(path.join(folder, 'site'), {
      ...wheelFiles(),
      'torch/__init__.py': 'raise Exception("torch was imported")',
    });
    const { found } = findLibtorch({ env: { ...env, PATH: process.env['PATH'], PYTHONPATH: site } });
    expect(found?.folder).toBe(path.join(site, 'torch'));
  });

  it.each([
    ['a Python without torch', 'echo', 'has no torch'],
    ['a broken Python', 'echo something is broken >&2; exit 1', 'failed: something is broken'],
  ])('tells of %s, after all other places', (_, script, result) => {
    env['PATH'] = `${fakePython(path.join(folder, 'bin'), script)}:/usr/bin:/bin`;
    const { found, attempts } = findLibtorch({ env });
    expect(found).toBeUndefined();
    expect(attempts).toEqual([
      { place: 'TORCH_NODE_LIBTORCH', result: 'not set' },
      { place: 'LIBTORCH', result: 'not set' },
      { place: `the cache ${path.join(folder, 'cache', 'libtorch')}`, result: 'holds none' },
      { place: 'python3', result },
    ]);
  });

  it('tells when there is no Python', () => {
    expect(findLibtorch({ env: { ...env, PATH: '/nowhere' } }).attempts.at(-1)).toEqual({
      place: 'python3',
      result: 'does not run (ENOENT)',
    });
  });

  it('finds one in the cache within 5 ms', () => {
    cached('2.13.0-cpu', '2.13.0+cpu');
    const times = Array.from({ length: 20 }, () => {
      const start = performance.now();
      expect(findLibtorch({ env }).found).toBeDefined();
      return performance.now() - start;
    });
    expect(Math.min(...times)).toBeLessThan(5);
  });
});

describe('versions', () => {
  it('knows the official archives', () => {
    const url = (...args: Parameters<typeof officialArchive>) => officialArchive(...args)?.url;
    const site = 'https://download.pytorch.org/libtorch';
    expect(url('2.13.0', 'cpu', 'linux', 'x64')).toBe(
      `${site}/cpu/libtorch-shared-with-deps-2.13.0%2Bcpu.zip`,
    );
    expect(url('2.13.0', 'cpu', 'darwin', 'arm64')).toBe(`${site}/cpu/libtorch-macos-arm64-2.13.0.zip`);
    expect(url('2.12.1', 'cu126', 'win32', 'x64')).toBe(
      `${site}/cu126/libtorch-win-shared-with-deps-2.12.1%2Bcu126.zip`,
    );
    expect(url('2.13.0', 'cpu', 'linux', 'arm64')).toBeUndefined();
  });

  it('asks pip for the variant by name', () => {
    expect(wheelRequirements('2.13.0', 'cpu', 'linux')).toEqual(['torch==2.13.0+cpu']);
    expect(wheelRequirements('2.14.1', 'cu130', 'linux')).toEqual(['torch==2.14.1+cu130', 'torch==2.14.1']);
    expect(wheelRequirements('2.13.0', 'cu126', 'linux')).toEqual(['torch==2.13.0+cu126']);
    expect(wheelRequirements('2.13.0', 'cpu', 'darwin')).toEqual(['torch==2.13.0']);
    expect(minorOf('2.13.0+cpu')).toBe('2.13');
  });
});
