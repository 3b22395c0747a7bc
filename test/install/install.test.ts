// Installing from pip, wheels, zips and folders that are small and sometimes broken.
import { spawn } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
  statSync,
} from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { installLibtorch } from '../../lib/install/install.js';
import { libraryFile } from '../../lib/install/locate.js';
import { compileLib, removeCompiled } from '../files/compiled.js';
import { fakeLibtorch, fakePython, libtorchFiles, temporaryFolder, wheelFiles, write, zip } from './fake.js';

const environment = { ...process.env };
let folder: string;
let target: string;
let compiled: string;

beforeAll(() => (compiled = compileLib()));
afterAll(() => removeCompiled(compiled));
beforeEach(() => {
  folder = temporaryFolder();
  target = path.join(folder, 'cache', 'libtorch', '2.13.0-cpu');
  process.env['TORCH_NODE_CACHE'] = path.join(folder, 'cache');
  delete process.env['TORCH_NODE_OFFLINE'];
  jest.spyOn(process.stderr, 'write').mockReturnValue(true); // Progress is not for the test's output.
});
afterEach(() => {
  jest.restoreAllMocks();
  process.env = { ...environment };
  rmSync(folder, { recursive: true, force: true });
});

const usePython = (script: string) => {
  process.env['PATH'] = `${fakePython(path.join(folder, 'bin'), script)}:${environment['PATH']}`;
};
const contents = (of: string) => readdirSync(of, { recursive: true }).map(String).sort();
const zipFiles = (files = libtorchFiles, version = '2.13.0+cpu') => ({
  ...Object.fromEntries(Object.entries(files).map(([name, content]) => [`libtorch/${name}`, content])),
  'libtorch/build-version': `${version}\n`,
});

function expectInstalled(): void {
  expect(readFileSync(path.join(target, 'build-version'), 'utf8')).toBe('2.13.0+cpu\n');
  expect(readFileSync(path.join(target, 'lib', libraryFile('torch_cpu')), 'utf8')).toBe('cpu');
  expect(contents(path.join(target, 'lib'))).toEqual(
    ['c10', 'torch', 'torch_cpu'].map((name) => libraryFile(name)).sort(),
  );
  expect(contents(target)).toContain(path.join('include', 'torch', 'testing', 'test_case.h'));
  expect(readdirSync(path.dirname(target))).toEqual(['2.13.0-cpu']);
}

const expectNothing = () => expect(readdirSync(path.dirname(target))).toEqual([]);

describe('from a file or folder', () => {
  it('takes what is needed out of an official zip', async () => {
    const from = zip(path.join(folder, 'a.zip'), zipFiles());
    expect(await installLibtorch({ from })).toEqual({
      folder: target,
      version: '2.13.0+cpu',
      variant: 'cpu',
    });
    expectInstalled();
    expect(existsSync(from)).toBe(true);
  });

  it('takes what is needed out of a wheel', async () => {
    await installLibtorch({ from: zip(path.join(folder, 'torch.whl'), wheelFiles()) });
    expectInstalled();
  });

  it('copies a folder', async () => {
    await installLibtorch({ from: fakeLibtorch(path.join(folder, 'mine')) });
    expectInstalled();
  });

  it('replaces what is there', async () => {
    await installLibtorch({ from: fakeLibtorch(path.join(folder, 'mine')) });
    write(target, { [`lib/${libraryFile('torch_cpu')}`]: 'old' });
    await installLibtorch({ from: path.join(folder, 'mine') });
    expectInstalled();
  });

  it.each([
    ['../evil', 'libtorch/../../../evil'],
    ['an absolute name', '/evil'],
    ['backslashes', 'libtorch\\lib\\..\\..\\..\\evil'],
  ])('refuses entries that lead out of the folder: %s', async (_, name) => {
    const from = zip(path.join(folder, 'a.zip'), { ...zipFiles(), [name]: 'evil' });
    await expect(installLibtorch({ from })).rejects.toThrow(/cannot be unpacked: .* is no name of an entry/);
    expectNothing();
    expect(contents(folder).filter((each) => each.includes('evil'))).toEqual([]);
  });

  it('refuses links', async () => {
    const from = zip(path.join(folder, 'a.zip'), { ...zipFiles(), 'link:libtorch/lib/x.so': '/etc/passwd' });
    await expect(installLibtorch({ from })).rejects.toThrow('libtorch/lib/x.so is a symbolic link');
    expectNothing();
  });

  it('notices an archive that was cut off', async () => {
    const from = zip(path.join(folder, 'a.zip'), zipFiles());
    truncateSync(from, statSync(from).size - 100);
    await expect(installLibtorch({ from })).rejects.toThrow(/a\.zip cannot be unpacked: /);
    expectNothing();
  });

  it('notices a damaged file inside by its checksum', async () => {
    const from = zip(path.join(folder, 'a.zip'), zipFiles());
    const bytes = readFileSync(from);
    // The checksum of the first entry: in its local header at offset 14, in the central directory at 16.
    const directory = bytes.indexOf(Buffer.from('PK\x01\x02', 'latin1'));
    for (const at of [14, directory + 16]) bytes.writeUInt32LE((bytes.readUInt32LE(at) ^ 1) >>> 0, at);
    writeFileSync(from, bytes);
    await expect(installLibtorch({ from })).rejects.toThrow('is damaged (its checksum is wrong)');
    expectNothing();
  });

  it.each([
    ['an archive of something else', { 'a/b': 'c' }, 'it holds no libtorch'],
    [
      'another platform',
      { 'libtorch/lib/x.xyz': '', 'libtorch/include/c10/x.h': '' },
      'no libtorch for this platform',
    ],
    [
      'a version that does not fit',
      zipFiles(libtorchFiles, '2.1.0+cpu'),
      'it is version 2.1.0+cpu, expected is 2.11',
    ],
  ])('refuses %s', async (_, files, message) => {
    const from = zip(path.join(folder, 'a.zip'), files);
    await expect(installLibtorch({ from })).rejects.toThrow(message);
    expectNothing();
  });

  it('refuses another version or variant than the one asked for', async () => {
    const from = fakeLibtorch(path.join(folder, 'mine'));
    await expect(installLibtorch({ from, version: '2.14.0' })).rejects.toThrow('expected is 2.14.0');
    await expect(installLibtorch({ from, variant: 'cu126' })).rejects.toThrow('it is the cpu variant');
    await expect(installLibtorch({ version: '1.0.0' })).rejects.toThrow(
      'expected one of 2.11, 2.12, 2.13, 2.14',
    );
  });
});

describe('from pip or the official site', () => {
  // What pip does for `pip download ... -d FOLDER torch==...`: the wheel appears in the folder.
  const pip = (wheel: string) => `
    while [ "$1" != -d ]; do shift; done
    mkdir -p "$2" && cp ${wheel} "$2/" && echo "$3" >> ${folder}/asked`;

  it('uses the wheel that pip finds, and leaves none of it behind', async () => {
    usePython(pip(zip(path.join(folder, 'torch-2.13.0+cpu-x.whl'), wheelFiles())));
    const lines: string[] = [];
    await installLibtorch({ log: (line) => lines.push(line) });
    expectInstalled();
    expect(readFileSync(path.join(folder, 'asked'), 'utf8')).toBe('torch==2.13.0+cpu\n');
    expect(lines).toEqual(['libtorch: trying pip download torch==2.13.0+cpu']);
    await installLibtorch(); // There already: nobody is asked.
    expect(readFileSync(path.join(folder, 'asked'), 'utf8')).toBe('torch==2.13.0+cpu\n');
  });

  it('names every place that was tried, why it failed, and what can be done', async () => {
    usePython('echo "ERROR: No matching distribution found for torch" >&2; exit 1');
    process.env['https_proxy'] = 'http://127.0.0.1:1';
    delete process.env['no_proxy'];
    delete process.env['NO_PROXY'];
    const message = await installLibtorch().catch((error: unknown) => (error as Error).message);
    expect(message).toMatch(/^No libtorch could be installed \(2\.13\.0 \(cpu\)\)\. Tried:\n/);
    expect(message).toContain(
      'pip download torch==2.13.0+cpu: the index that pip is configured with has no such wheel',
    );
    expect(message).toMatch(/the official archive: Cannot download .*\(https:\/\/download\.pytorch\.org\//);
    expect(message).toMatch(/What can be done:\n {2}- Set TORCH_NODE_LIBTORCH/);
    expectNothing();
  });

  it('asks nobody when TORCH_NODE_OFFLINE=1', async () => {
    usePython(`touch ${folder}/asked`);
    process.env['TORCH_NODE_OFFLINE'] = '1';
    await expect(installLibtorch()).rejects.toThrow(
      /pip.*forbids it\n.*forbids the network.*\n[^]*Unset TORCH_NODE_OFFLINE/,
    );
    expect(existsSync(path.join(folder, 'asked'))).toBe(false);
  });

  it('takes the next wheel, then the archive, when pip has none of a name', async () => {
    usePython(`
      while [ "$1" != -d ]; do shift; done
      echo "$3" >> ${folder}/asked; echo "ERROR: No matching distribution found" >&2; exit 1`);
    process.env['https_proxy'] = 'http://127.0.0.1:1';
    await expect(installLibtorch({ version: '2.14.1', variant: 'cu130' })).rejects.toThrow(
      'the official archive',
    );
    expect(readFileSync(path.join(folder, 'asked'), 'utf8')).toBe('torch==2.14.1+cu130\ntorch==2.14.1\n');
  });
});

describe('several processes', () => {
  const start = (options: object) => {
    const cache = path.join(folder, 'cache');
    const script = `
      const { installLibtorch } = await import(${JSON.stringify(path.join(compiled, 'install', 'install.js'))});
      await installLibtorch({ ...${JSON.stringify(options)}, log: (line) => console.log(line) });`;
    // The environment has to be named: jest's process.env is a copy, and a child would get the real one, with the
    // user's own cache.
    return spawn(process.execPath, ['--input-type=module', '-e', script], {
      env: { ...process.env, TORCH_NODE_CACHE: cache },
      stdio: ['ignore', 'pipe', 'ignore'],
    });
  };
  const ended = (child: ReturnType<typeof start>) =>
    new Promise<number | NodeJS.Signals | null>((resolve) =>
      child.on('close', (code, signal) => resolve(code ?? signal)),
    );

  it('take turns, and only one fetches', async () => {
    const wheel = zip(path.join(folder, 'torch-2.13.0+cpu-x.whl'), wheelFiles());
    usePython(`echo x >> ${folder}/asked; sleep 1
      while [ "$1" != -d ]; do shift; done
      mkdir -p "$2" && cp ${wheel} "$2/"`);
    const children = [start({}), start({}), start({})];
    expect(await Promise.all(children.map(ended))).toEqual([0, 0, 0]);
    expectInstalled();
    expect(readFileSync(path.join(folder, 'asked'), 'utf8')).toBe('x\n');
  });

  it('leave nothing that looks complete when killed, and the next one succeeds', async () => {
    const big = { ...wheelFiles(), 'torch/lib/libbig.so': `zeros:400000000` };
    const child = start({ from: zip(path.join(folder, 'big.whl'), big) });
    const end = ended(child);
    const unpacking = () =>
      existsSync(path.dirname(target)) &&
      contents(path.dirname(target)).some((name) => name.endsWith('libbig.so'));
    while (!unpacking() && child.exitCode === null) await sleep(5);
    child.kill('SIGKILL');
    expect(await end).toBe('SIGKILL');
    expect(existsSync(target)).toBe(false);
    expect(contents(path.dirname(target)).some((name) => name.startsWith('.tmp-'))).toBe(true);

    await installLibtorch({ from: zip(path.join(folder, 'small.whl'), wheelFiles()) });
    expectInstalled();
  });
});

it('replaces a broken folder in its place in the cache', async () => {
  mkdirSync(path.join(target, 'lib'), { recursive: true });
  await installLibtorch({ from: fakeLibtorch(path.join(folder, 'mine')) });
  expectInstalled();
});
