// Installing when something goes wrong: the network, the disk, another process, a crash. Whatever happens, what is in the
// cache is whole or not there, nothing waits for ever, and the message says what to do.
import { execFile, spawnSync } from 'node:child_process';
import {
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { createConnection } from 'node:net';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { installLibtorch } from '../../lib/install/install.js';
import { listInstalled, uninstall } from '../../lib/install/installed.js';
import { findLibtorch, libraryFile } from '../../lib/install/locate.js';
import { packageRoot } from '../../lib/native/addons.js';
import { loadAddon } from '../../lib/native/load.js';
import { serve, sha256, type TestServer } from '../files/server.js';
import { itWhen } from '../support/skip.js';
import { fakeLibtorch, fakePython, temporaryFolder, wheelFiles, zip } from './fake.js';

const environment = { ...process.env };
let folder: string;
let cache: string;
let server: TestServer;
let wheel: Buffer;

beforeAll(() => {
  const place = temporaryFolder();
  // Large enough for ten cuts, with contents that do not compress.
  const noise = Array.from({ length: 20_000 }, (_, i) => ((i * 2654435761) >>> 0).toString(36)).join('');
  const archive = zip(path.join(place, 'torch.whl'), { ...wheelFiles(), 'torch/lib/libnoise.so': noise });
  wheel = readFileSync(archive);
  rmSync(place, { recursive: true });
});
beforeEach(async () => {
  folder = temporaryFolder();
  cache = process.env['TORCH_NODE_CACHE'] = path.join(folder, 'cache');
  for (const name of Object.keys(process.env))
    if (/^(TORCH_NODE_OFFLINE|TORCH_NODE_LIBTORCH|LIBTORCH|(https?|no)_proxy)$/i.test(name))
      delete process.env[name];
  server = await serve(wheel);
  jest.spyOn(process.stderr, 'write').mockReturnValue(true); // Progress is not for the test's output.
});
afterEach(async () => {
  await server.close();
  jest.restoreAllMocks();
  process.env = { ...environment };
  rmSync(folder, { recursive: true, force: true });
});

const installed = () =>
  existsSync(path.join(cache, 'libtorch')) ? readdirSync(path.join(cache, 'libtorch')) : [];
const message = (work: Promise<unknown>) =>
  work.then(
    () => {
      throw new Error('it succeeded');
    },
    (error: unknown) => (error as Error).message,
  );
/** The server's file by the name of a wheel. */
const address = () => server.url.replace('/file', '/torch-2.13.0+cpu-cp311-cp311-linux_x86_64.whl');
const expectWhole = () => {
  expect(installed()).toEqual(['2.13.0-cpu']);
  const library = path.join(cache, 'libtorch', '2.13.0-cpu', 'lib', libraryFile('torch_cpu'));
  expect(readFileSync(library, 'utf8')).toBe('cpu');
  expect(readdirSync(path.join(cache, 'downloads'))).toEqual([]);
};

describe('a download', () => {
  it.each([1, 2, 3, 4, 5, 6, 7, 8, 9])(
    'that is cut for good after %i tenths leaves nothing half installed, and is taken up later',
    async (tenths) => {
      const length = Math.floor((wheel.length * tenths) / 10);
      // Once the bytes have come, nobody answers any more.
      server.behaviour = { cutAfter: length };
      const died = setInterval(() => {
        if (server.requests.length > 0) server.behaviour = { dead: true, cutAfter: length };
      }, 1);
      const text = await message(installLibtorch({ from: address(), timeout: 2000 }));
      clearInterval(died);
      expect(text).toMatch(
        /No libtorch could be installed.*Tried:\n.*Cannot download .*(breaks off|cutting)/,
      );
      expect(text).toContain('What can be done:');
      expect(installed()).toEqual([]);
      expect(findLibtorch({ env: { ...process.env, PATH: '/nowhere' } }).found).toBeUndefined();

      const asked = server.requests.length;
      server.behaviour = {};
      await installLibtorch({ from: address() });
      expectWhole();
      expect(server.requests[asked]?.range).toMatch(/^bytes=[1-9]/);
    },
  );

  it('that is cut again and again goes on where it was', async () => {
    server.behaviour = { cutAfter: Math.ceil(wheel.length / 10) };
    await installLibtorch({ from: address() });
    expect(server.requests.length).toBeGreaterThanOrEqual(10);
    expectWhole();
  });

  it('with a wrong hash is refused and deleted', async () => {
    const text = await message(installLibtorch({ from: `${address()}#sha256=${'0'.repeat(64)}` }));
    expect(text).toContain(`the sha256 is ${sha256(wheel)}, expected ${'0'.repeat(64)}`);
    expect(text).toContain('what was downloaded was deleted');
    expect(installed()).toEqual([]);
    expect(readdirSync(path.join(cache, 'downloads'))).toEqual([]);
    await installLibtorch({ from: `${address()}#sha256=${sha256(wheel)}` });
    expectWhole();
  });

  it('that is no archive is refused and deleted', async () => {
    server.content = Buffer.from('<html>Please log in to this network</html>');
    const text = await message(installLibtorch({ from: address() }));
    expect(text).toMatch(/cannot be unpacked: .*end of central directory/i);
    expect(installed()).toEqual([]);
    expect(readdirSync(path.join(cache, 'downloads'))).toEqual([]);
  });

  it.each(['at-once', 'after-some-bytes'] as const)(
    'from a server that hangs %s is given up',
    async (hang) => {
      server.behaviour = { hang };
      const start = Date.now();
      const text = await message(installLibtorch({ from: address(), timeout: 500 }));
      expect(text).toContain('the server sent nothing for 0.5 s');
      expect(Date.now() - start).toBeLessThan(10_000);
      expect(installed()).toEqual([]);
    },
  );

  it('goes through the proxy of the environment, and says so when that is wrong', async () => {
    const asked: string[] = [];
    const port = Number(new URL(server.url).port);
    const proxy = http.createServer((request, response) => {
      asked.push(request.url ?? '');
      http.get(server.url, (answer) => answer.pipe(response));
    });
    proxy.on('connect', (request, socket) => {
      asked.push(request.url ?? '');
      const tunnel = createConnection(port, '127.0.0.1', () => {
        socket.write('HTTP/1.1 200 Connection established\r\n\r\n');
        tunnel.pipe(socket).pipe(tunnel);
      });
      tunnel.on('error', () => socket.destroy());
      socket.on('error', () => tunnel.destroy());
    });
    await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
    const from = 'http://files.invalid/torch-2.13.0+cpu-cp311-cp311-linux_x86_64.whl';
    process.env['http_proxy'] = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
    await installLibtorch({ from });
    expect(asked.join()).toContain('files.invalid');
    expectWhole();
    proxy.closeAllConnections();
    await new Promise((resolve) => proxy.close(resolve));

    const text = await message(installLibtorch({ from, timeout: 2000 }));
    expect(text).toMatch(/the server cannot be reached[^]*Behind a proxy, set https_proxy/);
    expect(installed()).toEqual(['2.13.0-cpu']); // What was there is still there.
  });
});

describe('a full disk', () => {
  const disks: string[] = [];
  afterEach(() => {
    for (const disk of disks.splice(0)) spawnSync('umount', [disk]);
  });
  const disk = (size: string) => {
    const place = path.join(folder, `disk-${size}`);
    mkdirSync(place);
    const { status, stderr } = spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'none', place], {
      encoding: 'utf8',
    });
    if (status !== 0) throw new Error(stderr);
    disks.push(place);
    return place;
  };
  const mayMount =
    process.getuid?.() === 0 && spawnSync('unshare', ['-m', 'true'], { encoding: 'utf8' }).status === 0;
  const itMounts = itWhen(mayMount, 'only root can make a small disk');

  itMounts('stops the download with words, and room lets it go on', async () => {
    process.env['TORCH_NODE_CACHE'] = cache = disk('64k');
    const text = await message(installLibtorch({ from: address() }));
    expect(text).toMatch(/the disk is full \(writing to .*downloads\)\. Make room and try again/);
    expect(installed()).toEqual([]);
    expect(spawnSync('mount', ['-o', 'remount,size=64m', cache]).status).toBe(0);
    await installLibtorch({ from: address() });
    expectWhole();
  });

  itMounts('stops unpacking before it begins, with the numbers', async () => {
    process.env['TORCH_NODE_CACHE'] = cache = disk('1m');
    const big = { ...wheelFiles(), 'torch/lib/libbig.so': 'zeros:40000000' };
    const from = zip(path.join(folder, 'torch.whl'), big);
    const text = await message(installLibtorch({ from }));
    expect(text).toMatch(/the disk with .* is full: 41 MB are needed, [01] MB are free/);
    expect(installed()).toEqual([]);
    expect(existsSync(from)).toBe(true);
  });

  itMounts('stops pip with words', async () => {
    process.env['TORCH_NODE_CACHE'] = cache = disk('1m');
    process.env['TORCH_NODE_LIBTORCH'] = '';
    process.env['https_proxy'] = 'http://127.0.0.1:1';
    const script = `
      while [ "$1" != -d ]; do shift; done
      mkdir -p "$2"; head -c 3000000 /dev/zero > "$2/torch-2.13.0+cpu-x.whl" 2>/dev/null && exit 0
      echo "ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device" >&2; exit 1`;
    process.env['PATH'] = `${fakePython(path.join(folder, 'bin'), script)}:${environment['PATH']}`;
    const text = await message(installLibtorch());
    expect(text).toContain('pip download torch==2.13.0+cpu: the disk is full');
    expect(installed()).toEqual([]);
  });
});

describe('the cache', () => {
  it('with half an unpacking in it is cleaned by the next install, and never loaded', async () => {
    const half = path.join(cache, 'libtorch', '.tmp-abc', 'libtorch', 'torch');
    fakeLibtorch(half);
    rmSync(path.join(half, 'build-version'));
    const broken = path.join(cache, 'libtorch', '2.13.0-cpu', 'lib');
    mkdirSync(broken, { recursive: true });
    writeFileSync(path.join(broken, libraryFile('torch_cpu')), 'half');
    const { found, attempts } = findLibtorch({ env: { ...process.env, PATH: '/nowhere' } });
    expect(found).toBeUndefined();
    expect(attempts.map(({ result }) => result).join('\n')).toMatch(/holds no include/);
    expect(listInstalled()).toMatchObject([
      { name: '2.13.0-cpu', libtorch: expect.stringMatching(/holds no/) },
    ]);

    await installLibtorch({ from: address() });
    expectWhole();
  });

  it('keeps what is there when an install over it fails', async () => {
    await installLibtorch({ from: address() });
    server.behaviour = { status: 404 };
    const text = await message(installLibtorch({ from: address() }));
    expect(text).toContain('the server answered with HTTP status 404');
    expectWhole();
  });

  it('that cannot be written to is named, with the way out', async () => {
    writeFileSync(path.join(folder, 'a file'), '');
    process.env['TORCH_NODE_CACHE'] = path.join(folder, 'a file', 'cache');
    expect(await message(installLibtorch({ from: address() }))).toMatch(
      /cannot be created \(ENOTDIR\)\. Make it writable, or set TORCH_NODE_CACHE/,
    );
  });
});

it('two installs from two places that race both end, and one of them is there, whole', async () => {
  const second = await serve(wheel);
  server.behaviour = { cutAfter: Math.ceil(wheel.length / 5) };
  await Promise.all([
    installLibtorch({ from: address() }),
    installLibtorch({ from: second.url }),
    installLibtorch({ from: fakeLibtorch(path.join(folder, 'mine')) }),
  ]);
  await second.close();
  expectWhole();
});

it('uninstalling removes one at a time, under the lock', async () => {
  await installLibtorch({ from: address() });
  await installLibtorch({ from: fakeLibtorch(path.join(folder, 'mine'), '2.14.0+cpu') });
  const lines: string[] = [];
  await Promise.all([
    uninstall(['2.13.0-cpu'], (line) => lines.push(line)),
    installLibtorch({ from: fakeLibtorch(path.join(folder, 'other'), '2.12.0+cpu') }),
  ]);
  expect(installed().sort()).toEqual(['2.12.0-cpu', '2.14.0-cpu']);
  expect(lines.at(-1)).toBe(`removed ${path.join(cache, 'libtorch', '2.13.0-cpu')}`);
});

const dist = path.join(packageRoot(), 'dist', 'index.js');
itWhen(existsSync(dist), 'dist/ has not been compiled: npm run build:ts')(
  'a libtorch that is deleted under a running process does not disturb it, and its next start says what to do',
  async () => {
    const { addon, libtorch } = loadAddon().info;
    // The same files under other names, so that they can be deleted.
    const mine = path.join(cache, 'libtorch', '2.13.0-cpu');
    mkdirSync(path.join(mine, 'lib'), { recursive: true });
    for (const name of readdirSync(path.join(libtorch.folder, 'lib'))) {
      const file = path.join(libtorch.folder, 'lib', name);
      try {
        linkSync(file, path.join(mine, 'lib', name));
      } catch {
        symlinkSync(file, path.join(mine, 'lib', name)); // Another disk, or a folder.
      }
    }
    mkdirSync(path.join(mine, 'include', 'c10'), { recursive: true });
    writeFileSync(path.join(mine, 'build-version'), libtorch.version);
    // An addon that does not know where it was compiled.
    const addons = path.join(folder, 'addon');
    mkdirSync(addons);
    for (const name of ['torch_node.node', 'torch_node_preload.node'])
      symlinkSync(
        name === 'torch_node.node' ? addon : path.join(path.dirname(addon), name),
        path.join(addons, name),
      );
    const built = { ...loadAddon().info.built };
    delete built.folder;
    writeFileSync(path.join(addons, 'torch_node.json'), JSON.stringify(built));

    const program = `
      import torch, { nn } from ${JSON.stringify(pathToFileURL(dist).href)};
      import { existsSync } from 'node:fs';
      const net = new nn.Linear(4, 2);
      console.log('running');
      while (!existsSync(${JSON.stringify(path.join(folder, 'deleted'))})) await new Promise((r) => setTimeout(r, 10));
      net.forward(torch.ones([3, 4])).relu().sum().backward();
      torch.linalg.inv(torch.eye(5));
      console.log('still running');`;
    const env = {
      ...process.env,
      PATH: '/nowhere',
      TORCH_NODE_ADDON: path.join(addons, 'torch_node.node'),
      TORCH_NODE_CACHE: cache,
    };
    const start = (onLine: (text: string) => void) =>
      new Promise<{ out: string; error: string }>((resolve) => {
        const child = execFile(
          process.execPath,
          ['--input-type=module', '-e', program],
          { env, timeout: 50_000 },
          (_, out, error) => resolve({ out, error }),
        );
        child.stdout?.on('data', onLine);
      });
    const first = await start((text) => {
      if (!text.startsWith('running')) return;
      renameSync(mine, path.join(folder, 'gone'));
      rmSync(path.join(folder, 'gone'), { recursive: true });
      writeFileSync(path.join(folder, 'deleted'), '');
    });
    expect(first).toEqual({ out: 'running\nstill running\n', error: '' });
    const next = await start(() => {});
    expect(next.error).toMatch(/torch-node needs libtorch[^]*npx torch-node install[^]*holds none/);
  },
);
