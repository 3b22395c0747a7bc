// The loader: what it loads, which libtorch it picks, and what it says when something is missing. Needs a built addon.
import { copyFileSync, existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { examine } from '../../lib/cli/doctor.js';
import { type Addon, type BuildInfo, findPrebuilds, packageRoot } from '../../lib/native/addons.js';
import { chooseLibtorch, loadAddon } from '../../lib/native/load.js';
import { platformProblem } from '../../lib/native/platform.js';
import { fakeLibtorch, temporaryFolder, write } from './fake.js';

const environment = { ...process.env };
let folder: string;
beforeEach(() => {
  folder = temporaryFolder();
  for (const name of Object.keys(process.env))
    if (/^TORCH_NODE_|^LIBTORCH$/.test(name)) delete process.env[name];
});
afterEach(() => {
  process.env = { ...environment };
  rmSync(folder, { recursive: true, force: true });
});

const info = (changes: Partial<BuildInfo> = {}): BuildInfo => ({
  libtorch: '2.13.0+cpu',
  minor: '2.13',
  compiler: 'GNU 12.2.0',
  napi: 9,
  glibc: '2.28',
  built: '2026-01-01T00:00:00.000Z',
  ...changes,
});

const addon = (changes: Partial<BuildInfo> = {}): Addon => ({ file: 'x.node', built: info(changes) });

/** An addon that is not one, with what belongs beside it. */
function fakeAddon(built: BuildInfo, files: Record<string, string> = {}): string {
  write(folder, { 'torch_node.node': 'not a library', 'torch_node.json': JSON.stringify(built), ...files });
  return (process.env['TORCH_NODE_ADDON'] = path.join(folder, 'torch_node.node'));
}

it('knows the folder of the package', () => {
  expect(JSON.parse(readFileSync(path.join(packageRoot(), 'package.json'), 'utf8'))).toMatchObject({
    name: 'torch-node',
  });
});

it('loads the addon with a libtorch of its minor version', () => {
  const { addon: loadedAddon, info: loaded } = loadAddon();
  expect(loadedAddon).toHaveProperty('findOperator');
  expect(loaded.addon).toMatch(/\.node$/);
  expect(loaded.libtorch.version.startsWith(loaded.built.minor)).toBe(true);
  expect(existsSync(loaded.libtorch.folder)).toBe(true);
});

it('says that the addon is missing where it was named wrongly', () => {
  process.env['TORCH_NODE_ADDON'] = '/nowhere.node';
  expect(() => loadAddon()).toThrow(
    /TORCH_NODE_ADDON=\/nowhere\.node is set, but there is no such file.\nPossible/,
  );
});

it('says that torch_node.json is missing or broken', () => {
  write(folder, { 'torch_node.node': '' });
  process.env['TORCH_NODE_ADDON'] = path.join(folder, 'torch_node.node');
  expect(() => loadAddon()).toThrow(/torch_node\.json beside it.*is missing[^]*npx torch-node build/);
  write(folder, { 'torch_node.json': '{' });
  expect(() => loadAddon()).toThrow(/cannot be read \(.*JSON/);
});

it('names what was tried when no libtorch fits', () => {
  fakeAddon(info({ libtorch: '2.11.0+cpu', minor: '2.11', folder: '/gone' }));
  process.env['TORCH_NODE_CACHE'] = path.join(folder, 'cache');
  fakeLibtorch(path.join(folder, 'cache', 'libtorch', '2.13.0-cpu'));
  process.env['PATH'] = '/nowhere';
  const message = messageOf(loadAddon);
  expect(message).toMatch(/^torch-node needs libtorch.*To install it, run\n\n {4}npx torch-node install\n/);
  expect(message).toContain('No libtorch 2.11 was found. Looked at:');
  expect(message).toContain('  - TORCH_NODE_LIBTORCH: not set');
  expect(message).toContain('  - /gone: /gone does not exist');
  expect(message).toContain('2.13.0-cpu: is version 2.13.0+cpu, needed is 2.11');
});

it('refuses a libtorch of another minor version, unless that is allowed', () => {
  const mine = fakeLibtorch(path.join(folder, 'mine'), '2.14.0+cpu');
  process.env['TORCH_NODE_LIBTORCH'] = mine;
  const message = messageOf(() => chooseLibtorch([addon()]));
  expect(message).toContain('is version 2.14.0+cpu, needed is 2.13');
  expect(message).toContain('TORCH_NODE_ALLOW_MISMATCH=1');
  process.env['TORCH_NODE_ALLOW_MISMATCH'] = '1';
  expect(chooseLibtorch([addon()]).libtorch.folder).toBe(mine);
});

it('prefers the libtorch that the addon was compiled against', () => {
  const mine = fakeLibtorch(path.join(folder, 'mine'));
  process.env['TORCH_NODE_CACHE'] = path.join(folder, 'cache');
  const other = fakeLibtorch(path.join(folder, 'cache', 'libtorch', '2.13.0-cpu'));
  expect(chooseLibtorch([addon({ folder: mine })]).libtorch).toMatchObject({
    folder: mine,
    how: 'what the addon was compiled against',
  });
  expect(chooseLibtorch([addon()]).libtorch.folder).toBe(other);
});

it('gives the words of the system when libtorch cannot be loaded, and what was tried', () => {
  const real = path.dirname(loadAddon().info.addon);
  fakeAddon(info());
  copyFileSync(path.join(real, 'torch_node_preload.node'), path.join(folder, 'torch_node_preload.node'));
  process.env['TORCH_NODE_LIBTORCH'] = fakeLibtorch(path.join(folder, 'mine'));
  const message = messageOf(loadAddon);
  expect(message).toMatch(/cannot be loaded: .*libc10.*(file too short|invalid ELF header)/);
  expect(message).toContain('(compiled against libtorch 2.13.0+cpu, needs glibc 2.28)');
  expect(message).toContain('(2.13.0+cpu, named by TORCH_NODE_LIBTORCH)');
  expect(message).toContain('Possible solutions:\n  - ');
});

it('says when the helper is missing', () => {
  process.env['TORCH_NODE_LIBTORCH'] = fakeLibtorch(path.join(folder, 'mine'));
  fakeAddon(info());
  expect(messageOf(loadAddon)).toMatch(/torch_node_preload\.node[^]*npx torch-node build/);
});

it('picks the addon that fits the libtorch that is found', () => {
  process.env['TORCH_NODE_CACHE'] = path.join(folder, 'cache');
  fakeLibtorch(path.join(folder, 'cache', 'libtorch', '2.13.0-cpu'));
  const addons = [addon({ minor: '2.14' }), addon({ minor: '2.13' })];
  expect(chooseLibtorch(addons).addon).toBe(addons[1]);
  const other = fakeLibtorch(path.join(folder, 'mine'), '2.14.1+cpu');
  process.env['TORCH_NODE_LIBTORCH'] = other;
  expect(chooseLibtorch(addons)).toMatchObject({ addon: addons[0], libtorch: { folder: other } });
  process.env['TORCH_NODE_LIBTORCH'] = fakeLibtorch(path.join(folder, 'old'), '2.12.0+cpu');
  expect(messageOf(() => chooseLibtorch(addons))).toContain('is version 2.12.0+cpu, needed is 2.14, 2.13');
});

it('lists the prebuilt binaries for the C library of this system, the newest first', () => {
  expect(findPrebuilds(path.join(folder, 'nowhere'))).toEqual([]);
  write(folder, { 'torch_node_preload.node': '' });
  expect(findPrebuilds(folder)).toEqual([]);
  const name = (minor: string, libc: string) => `torch-node-${minor}.${libc}.node`;
  const names = [name('2.9', 'glibc-2.28'), name('2.13', 'musl'), name('2.13', 'glibc-2.28')];
  write(folder, Object.fromEntries(names.map((each) => [each, ''])));
  expect(findPrebuilds(folder, 'glibc')).toEqual(
    [names[2], names[0]].map((each) => path.join(folder, each!)),
  );
  expect(findPrebuilds(folder, 'musl')).toEqual([path.join(folder, names[1]!)]);
  const untagged = path.join(folder, 'untagged');
  mkdirSync(untagged);
  write(untagged, { 'torch-node-2.13.node': '' });
  expect(findPrebuilds(untagged)).toEqual([path.join(untagged, 'torch-node-2.13.node')]);
});

describe('platforms', () => {
  it.each([
    ['linux', 'x64', 'musl', undefined, /musl \(Alpine Linux does\).*node:22-slim/],
    ['linux', 'x64', 'glibc', '2.17', /has glibc 2\.17, and libtorch needs 2\.28 or later/],
    ['linux', 'ia32', 'glibc', '2.36', /32-bit one \(linux ia32\)/],
    ['win32', 'ia32', undefined, undefined, /install the 64-bit Node/],
    ['darwin', 'x64', undefined, undefined, /Macs with Intel processors/],
    ['win32', 'arm64', undefined, undefined, /not published for win32 arm64: it is for Linux/],
    ['freebsd', 'x64', undefined, undefined, /not published for freebsd x64/],
    ['linux', 'riscv64', 'glibc', '2.36', /not published for linux riscv64/],
  ])('says plainly that there is none for %s %s %s %s', (platform, arch, libc, glibc, message) => {
    expect(platformProblem({ platform, arch, libc, glibc })).toMatch(message);
  });

  it.each([
    ['linux', 'x64', 'glibc', '2.28'],
    ['linux', 'x64', 'glibc', '2.100'],
    ['linux', 'arm64', 'glibc', '2.36'],
    ['darwin', 'arm64', undefined, undefined],
    ['win32', 'x64', undefined, undefined],
  ])('has nothing against %s %s %s %s', (platform, arch, libc, glibc) => {
    expect(platformProblem({ platform, arch, libc, glibc })).toBeUndefined();
  });
});

describe('doctor', () => {
  it('finds that a training step works', async () => {
    const findings = await examine();
    expect(findings.error).toBeNull();
    expect(findings).toMatchObject({ ok: true, trainingStep: { ok: true }, node: process.versions.node });
    expect(findings.devices[0]).toBe('cpu');
    expect(findings.threads).toBeGreaterThan(0);
    expect(findings.libtorch?.version.startsWith(findings.addon?.minor ?? 'none')).toBe(true);
  });

  it('turns a broken addon into a finding', async () => {
    process.env['TORCH_NODE_ADDON'] = '/nowhere.node';
    const findings = await examine();
    expect(findings).toMatchObject({ ok: false, addon: null, trainingStep: null });
    expect(findings.error).toContain('/nowhere.node');
  });
});

function messageOf(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    return (error as Error).message;
  }
  throw new Error('expected an error, but there was none');
}
