// The loader: what it loads, which libtorch it picks, and what it says when something is missing. Needs a built addon.
import { copyFileSync, existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { examine } from '../../lib/cli/doctor.js';
import {
  type BuildInfo,
  chooseLibtorch,
  findPrebuild,
  loadAddon,
  packageRoot,
} from '../../lib/native/load.js';
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
  const { addon, info: loaded } = loadAddon();
  expect(addon).toHaveProperty('findOperator');
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
  expect(() => loadAddon()).toThrow(/torch_node\.json beside it.*is missing[^]*npm rebuild torch-node/);
  write(folder, { 'torch_node.json': '{' });
  expect(() => loadAddon()).toThrow(/cannot be read \(.*JSON/);
});

it('names what was tried when no libtorch fits', () => {
  fakeAddon(info({ libtorch: '2.11.0+cpu', minor: '2.11', folder: '/gone' }));
  process.env['TORCH_NODE_CACHE'] = path.join(folder, 'cache');
  fakeLibtorch(path.join(folder, 'cache', 'libtorch', '2.13.0-cpu'));
  process.env['PATH'] = '/nowhere';
  const message = messageOf(loadAddon);
  expect(message).toContain('No libtorch 2.11, which the addon was compiled for, was found. Looked at:');
  expect(message).toContain('  - TORCH_NODE_LIBTORCH: not set');
  expect(message).toContain('  - /gone: /gone does not exist');
  expect(message).toContain('2.13.0-cpu: is version 2.13.0+cpu, needed is 2.11');
  expect(message).toContain('npx torch-node install --version 2.11.0');
});

it('refuses a libtorch of another minor version, unless that is allowed', () => {
  const mine = fakeLibtorch(path.join(folder, 'mine'), '2.14.0+cpu');
  process.env['TORCH_NODE_LIBTORCH'] = mine;
  const message = messageOf(() => chooseLibtorch(info()));
  expect(message).toContain('is version 2.14.0+cpu, needed is 2.13');
  expect(message).toContain('TORCH_NODE_ALLOW_MISMATCH=1');
  process.env['TORCH_NODE_ALLOW_MISMATCH'] = '1';
  expect(chooseLibtorch(info()).folder).toBe(mine);
});

it('prefers the libtorch that the addon was compiled against', () => {
  const mine = fakeLibtorch(path.join(folder, 'mine'));
  process.env['TORCH_NODE_CACHE'] = path.join(folder, 'cache');
  const other = fakeLibtorch(path.join(folder, 'cache', 'libtorch', '2.13.0-cpu'));
  expect(chooseLibtorch(info({ folder: mine }))).toMatchObject({
    folder: mine,
    how: 'what the addon was compiled against',
  });
  expect(chooseLibtorch(info()).folder).toBe(other);
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
  expect(messageOf(loadAddon)).toMatch(/torch_node_preload\.node[^]*npm rebuild torch-node/);
});

it('picks the prebuilt binary for the C library of this system', () => {
  expect(findPrebuild(path.join(folder, 'nowhere'))).toBeUndefined();
  write(folder, { 'torch_node_preload.node': '' });
  expect(findPrebuild(folder)).toBeUndefined();
  const here = existsSync('/etc/alpine-release') ? 'musl' : 'glibc';
  write(folder, { 'torch-node.musl.node': '', 'torch-node.glibc.node': '' });
  expect(findPrebuild(folder)).toBe(path.join(folder, `torch-node.${here}.node`));
  const untagged = path.join(folder, 'untagged');
  mkdirSync(untagged);
  write(untagged, { 'torch-node.napi.node': '' });
  expect(findPrebuild(untagged)).toBe(path.join(untagged, 'torch-node.napi.node'));
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
