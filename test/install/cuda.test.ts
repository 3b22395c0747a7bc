// CUDA sets: which variant a machine is given, what completes a set, and in which order its libraries are loaded.
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { neededLibraries } from '../../lib/install/elf.js';
import { chooseVariant, detectGpu, type Gpu } from '../../lib/install/gpu.js';
import { installLibtorch } from '../../lib/install/install.js';
import { setUp } from '../../lib/cli/setup.js';
import { librariesToPreload, missingLibraries } from '../../lib/install/libraries.js';
import { findLibtorch, libraryFile } from '../../lib/install/locate.js';
import { packageRoot } from '../../lib/native/addons.js';
import { itWhen } from '../support/skip.js';
import { fakeElf, fakePython, temporaryFolder, wheelFiles, write, zip } from './fake.js';

const environment = { ...process.env };
let folder: string;
beforeEach(() => {
  folder = temporaryFolder();
  process.env['TORCH_NODE_CACHE'] = path.join(folder, 'cache');
  delete process.env['TORCH_NODE_OFFLINE'];
  jest.spyOn(process.stderr, 'write').mockReturnValue(true); // Progress is not for the test's output.
});
afterEach(() => {
  jest.restoreAllMocks();
  process.env = { ...environment };
  rmSync(folder, { recursive: true, force: true });
});

describe('which variant', () => {
  const all = () => true;
  const gpu = (driver: string, ...capabilities: string[]): Gpu => ({ driver, capabilities });
  it.each([
    [
      'a new driver and a new card',
      gpu('580.82.07', '9.0'),
      'cu130',
      /driver 580\.82\.07 and compute capability 9\.0/,
    ],
    ['several cards', gpu('590.1', '8.0', '12.0'), 'cu130', /8\.0, 12\.0 fit cu130/],
    ['a driver of CUDA 12', gpu('550.54.14', '9.0'), 'cu128', /fit cu128/],
    ['an old card under a new driver', gpu('580.82', '6.1'), 'cu126', /fit cu126/],
    [
      'an old card beside a new one',
      gpu('580.82', '12.0', '6.1'),
      'cpu',
      /cu130 is for.*a card with 6\.1; .*cu126/,
    ],
    [
      'an old driver',
      gpu('470.57', '8.6'),
      'cpu',
      /cu126 needs driver 525\.60 or later, there is 470\.57: so/,
    ],
    ['a driver that does not tell the card', gpu('580.82'), 'cu130', /capability unknown/],
    [
      'no card',
      'no NVIDIA driver was found',
      'cpu',
      /^no NVIDIA driver was found, so it is the CPU variant$/,
    ],
  ])('suits %s', (_, found, variant, reason) => {
    const choice = chooseVariant('2.14.1', found, 'linux', 'x64', all);
    expect(choice).toEqual({ variant, reason: expect.stringMatching(reason) });
  });

  it('chooses only what the manifest knows', () => {
    expect(chooseVariant('2.14.1', gpu('580.82', '9.0'), 'linux', 'x64').variant).toBe('cu130');
    expect(chooseVariant('2.14.1', gpu('550.54', '9.0'), 'linux', 'x64')).toMatchObject({
      variant: 'cpu',
      reason: expect.stringContaining('cu130 needs driver 580.65'),
    });
    expect(chooseVariant('2.14.1', gpu('580.82', '9.0'), 'linux', 'arm64').reason).toContain(
      'no CUDA variant of 2.14.1 is known for linux arm64',
    );
  });

  const smi = (script: string) => {
    const bin = write(path.join(folder, 'bin'), { 'nvidia-smi': `#!/bin/sh\n${script}\n` });
    fakePython(bin, 'true'); // Makes the folder; the tool needs the same permission.
    process.env['PATH'] = bin;
    chmodSync(path.join(bin, 'nvidia-smi'), 0o755);
  };

  it('asks the driver, and nvcc never', async () => {
    smi('echo "580.82.07, 9.0"; echo "580.82.07, 8.6"');
    expect(await detectGpu()).toEqual({ driver: '580.82.07', capabilities: ['9.0', '8.6'] });
    smi('echo "NVIDIA-SMI has failed because it could not communicate with the driver"; exit 9');
    expect(await detectGpu()).toMatch(/does not answer \(NVIDIA-SMI has failed/);
    smi('true');
    expect(await detectGpu()).toBe('the NVIDIA driver is there, but no card');
  });
});

const onLinux = itWhen(process.platform === 'linux', 'CUDA sets are completed on Linux only');

describe('the libraries', () => {
  onLinux('reads what a library is linked with', () => {
    const file = path.join(folder, 'x.so');
    writeFileSync(file, fakeElf(['libcudart.so.13', 'libc.so.6']));
    expect(neededLibraries(file)).toEqual(['libcudart.so.13', 'libc.so.6']);
    expect(neededLibraries(process.execPath)).toContain('libc.so.6');
    writeFileSync(file, 'no library');
    expect(neededLibraries(file)).toEqual([]);
  });

  const cudaSet = (needed: string[]) => {
    const torch = path.join(folder, 'site', 'torch');
    write(torch, {
      'lib/libc10.so': '',
      'lib/libtorch.so': '',
      'lib/libtorch_cpu.so': '',
      'lib/libc10_cuda.so': '',
    });
    writeFileSync(path.join(torch, 'lib', 'libtorch_cuda.so'), fakeElf(needed));
    return torch;
  };

  onLinux('tells what of NVIDIA is missing', () => {
    const torch = cudaSet(['libcudart.so.13', 'libcudnn.so.9', 'libnccl.so.2', 'libm.so.6']);
    write(path.join(folder, 'site', 'nvidia'), { 'cu13/lib/libcudart.so.13': '' });
    expect(missingLibraries(torch)).toEqual(['libcudnn.so.9', 'libnccl.so.2']);
    write(path.join(folder, 'site', 'nvidia'), {
      'cudnn/lib/libcudnn.so.9': '',
      'nccl/lib/libnccl.so.2': '',
    });
    expect(missingLibraries(torch)).toEqual([]);
  });

  onLinux('are loaded after what they need, NVIDIA first, those beside before those inside', () => {
    const torch = cudaSet([]);
    write(torch, { 'lib/libcudart-1a2b.so.13': '', 'lib/libcudnn.so.9': '' });
    write(path.join(folder, 'site', 'nvidia'), {
      'cudnn/lib/libcudnn.so.9': '',
      'cudnn/lib/libcudnn_ops.so.9': '',
      'cu13/lib/libcublas.so.13': '',
      'cu13/lib/libcublasLt.so.13': '',
    });
    const { optional, required } = librariesToPreload(torch);
    const names = (files: string[]) => files.map((file) => path.relative(path.join(folder, 'site'), file));
    expect(names(optional)).toEqual([
      'torch/lib/libcudart-1a2b.so.13',
      'nvidia/cu13/lib/libcublasLt.so.13',
      'nvidia/cu13/lib/libcublas.so.13',
      'nvidia/cudnn/lib/libcudnn.so.9',
    ]);
    expect(names(required)).toEqual(
      ['c10', 'torch_cpu', 'c10_cuda', 'torch_cuda', 'torch'].map((name) => `torch/lib/lib${name}.so`),
    );
  });

  it('of a CPU build are three', () => {
    expect(librariesToPreload('/x')).toEqual({
      optional: [],
      required: ['c10', 'torch_cpu', 'torch'].map((name) => path.join('/x', 'lib', libraryFile(name))),
    });
  });
});

describe('installing a CUDA set', () => {
  const metadata = [
    'Requires-Dist: filelock',
    'Requires-Dist: cuda-toolkit[cublas,cudart]==13.0.3; platform_system == "Linux"',
    'Requires-Dist: cuda-bindings<14,>=13.0.3; platform_system == "Linux"',
    'Requires-Dist: nvidia-cudnn-cu13==9.24.0.43; platform_system == "Linux"',
    'Requires-Dist: triton~=3.8.0; platform_system == "Linux"',
    'Requires-Dist: nvidia-extra==1; extra == "more"',
  ].join('\n');
  const needed = ['libcudart.so.13', 'libcudnn.so.9'];
  const elf = () => fakeElf(needed).toString('latin1');

  /** A folder with a wheel of a CUDA build, and those of NVIDIA's. */
  function wheels(nvidia: Record<string, string>): string {
    const place = path.join(folder, 'wheels');
    mkdirSync(place, { recursive: true });
    zip(path.join(place, 'torch-2.14.1-cp311-cp311-manylinux_2_28_x86_64.whl'), {
      ...wheelFiles('2.14.1+cu130'),
      'torch/lib/libtorch_cuda.so': `latin1:${elf()}`,
      'torch-2.13.0.dist-info/METADATA': metadata,
    });
    for (const [name, file] of Object.entries(nvidia)) zip(path.join(place, name), { [file]: 'x' });
    return place;
  }
  const complete = {
    'nvidia_cuda_runtime-13.0.96-py3-none-manylinux2014_x86_64.whl': 'nvidia/cu13/lib/libcudart.so.13',
    'nvidia_cudnn_cu13-9.24.0.43-py3-none-manylinux_2_27_x86_64.whl': 'nvidia/cudnn/lib/libcudnn.so.9',
  };
  const target = () => path.join(folder, 'cache', 'libtorch', '2.14.1-cu130');

  onLinux('takes the wheels that lie beside it, and lays them out as pip does', async () => {
    const from = wheels(complete);
    expect(await installLibtorch({ from })).toEqual({
      folder: path.join(target(), 'torch'),
      version: '2.14.1+cu130',
      variant: 'cu130',
    });
    expect(readdirSync(target()).sort()).toEqual(['nvidia', 'torch']);
    expect(readdirSync(path.join(target(), 'nvidia'), { recursive: true }).map(String).sort()).toEqual([
      'cu13',
      'cu13/lib',
      'cu13/lib/libcudart.so.13',
      'cudnn',
      'cudnn/lib',
      'cudnn/lib/libcudnn.so.9',
    ]);
    const env = { ...process.env, PATH: '/nowhere' };
    expect(findLibtorch({ env, minors: ['2.14'] }).found?.folder).toBe(path.join(target(), 'torch'));
  });

  onLinux('refuses it where one is missing, and names it', async () => {
    const [first] = Object.entries(complete);
    await expect(installLibtorch({ from: wheels(Object.fromEntries([first!])) })).rejects.toThrow(
      /these are missing: libcudnn\.so\.9\. Put the wheels of NVIDIA's packages beside/,
    );
    expect(readdirSync(path.dirname(target()))).toEqual([]);
  });

  onLinux("has pip bring what torch's wheel names, without what serves Python alone", async () => {
    const place = wheels(complete);
    // Asked for torch, it gives torch; asked for NVIDIA's, those.
    const script = `
      echo "$@" >> ${folder}/asked
      case "$*" in *torch==2.14.1+*) echo "ERROR: No matching distribution found" >&2; exit 1;; esac
      case "$*" in *torch==*) what=torch;; *) what=nvidia;; esac
      while [ "$1" != -d ]; do shift; done
      mkdir -p "$2" && cp ${place}/$what*.whl "$2/"`;
    process.env['PATH'] = `${fakePython(path.join(folder, 'bin'), script)}:${environment['PATH']}`;
    await installLibtorch({ version: '2.14.1', variant: 'cu130' });
    expect(readdirSync(target()).sort()).toEqual(['nvidia', 'torch']);
    const last = readFileSync(path.join(folder, 'asked'), 'utf8').trim().split('\n').at(-1);
    expect(last).toMatch(/-d \S+ cuda-toolkit\[cublas,cudart\]==13\.0\.3 nvidia-cudnn-cu13==9\.24\.0\.43$/);
    expect(last).not.toContain('--no-deps');
  });
});

describe('variant auto', () => {
  const dist = existsSync(path.join(packageRoot(), 'dist', 'index.js'));
  const onLinuxX64 = itWhen(
    dist && process.platform === 'linux' && process.arch === 'x64',
    'needs dist/, and a platform with CUDA builds',
  );

  /** A machine with a card, and a pip that has small wheels of any variant it is asked for. */
  function machine(driver: string): void {
    for (const variant of ['cpu', 'cu130']) {
      zip(path.join(folder, `torch-2.13.0+${variant}-x.whl`), {
        ...wheelFiles(`2.13.0+${variant}`),
        ...(variant === 'cpu' ? {} : { 'torch/lib/libtorch_cuda.so': 'no library' }),
      });
    }
    const bin = fakePython(
      path.join(folder, 'bin'),
      `case "$*" in *cpu*) what=cpu;; *) what=cu130;; esac
      while [ "$1" != -d ]; do shift || exit 1; done
      mkdir -p "$2" && cp ${folder}/torch-2.13.0+$what-x.whl "$2/"`,
    );
    write(bin, { 'nvidia-smi': `#!/bin/sh\necho "${driver}, 9.0"\n` });
    chmodSync(path.join(bin, 'nvidia-smi'), 0o755);
    process.env['PATH'] = `${bin}:/usr/bin:/bin`;
  }

  onLinuxX64('falls back to the CPU, with the reason, when what it chose does not work', async () => {
    machine('580.82.07');
    const lines: string[] = [];
    const { libtorch, notes } = await setUp({ force: true, log: (line) => lines.push(line) });
    expect(libtorch.variant).toBe('cpu');
    expect(notes[0]).toMatch(
      /^The CUDA variant cu130 was tried \(driver 580\.82\.07 and compute capability 9\.0 fit cu130\), but it does not work here: /,
    );
    expect(lines).toContain('libtorch: falling back to the CPU variant');
    expect(readdirSync(path.join(folder, 'cache', 'libtorch'))).toEqual(['2.13.0-cpu']);
  });

  onLinuxX64('takes the CPU variant at once under an old driver, or where CUDA is declined', async () => {
    machine('470.1');
    const lines: string[] = [];
    expect((await setUp({ force: true, log: (line) => lines.push(line) })).libtorch.variant).toBe('cpu');
    expect(lines[0]).toMatch(
      /cu130 needs driver 580\.65 or later, there is 470\.1: so it is the CPU variant/,
    );

    machine('580.82.07');
    const asked: string[] = [];
    const confirm = async (question: string) => {
      asked.push(question);
      return false;
    };
    const { libtorch, notes } = await setUp({ force: true, confirm, log: () => {} });
    expect({ variant: libtorch.variant, notes, asked }).toEqual({
      variant: 'cpu',
      notes: [],
      asked: [expect.stringContaining('Fetch the CUDA variant cu130?')],
    });
  });
});
