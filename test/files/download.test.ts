// Downloads from servers that cut, hang, lie and refuse.
import { randomBytes } from 'node:crypto';
import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import http from 'node:http';
import { type AddressInfo, createConnection } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { download } from '../../lib/files/download.js';
import { md5, serve, sha256, type TestServer } from './server.js';

const content = randomBytes(1_000_000);
const environment = { ...process.env };
let folder: string;
let file: string;
let server: TestServer;

beforeEach(async () => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'torch-node-download-'));
  file = path.join(folder, 'file');
  server = await serve(content);
  for (const name of Object.keys(process.env)) if (/_proxy$/i.test(name)) delete process.env[name];
  delete process.env['TORCH_NODE_OFFLINE'];
});

afterEach(async () => {
  process.env = { ...environment };
  await server.close();
  rmSync(folder, { recursive: true, force: true });
});

const options = { name: 'a test file' };

it('brings the file, tells its progress and leaves nothing else behind', async () => {
  const seen: [number, number | undefined][] = [];
  await download(server.url, file, {
    ...options,
    size: content.length,
    sha256: sha256(content),
    md5: md5(content).toUpperCase(),
    onProgress: (done, total) => seen.push([done, total]),
  });
  expect(readFileSync(file).equals(content)).toBe(true);
  expect(readdirSync(folder)).toEqual(['file']);
  expect(seen[0]).toEqual([0, content.length]);
  expect(seen.at(-1)).toEqual([content.length, content.length]);
});

it('resumes when the server cuts the connection at each tenth', async () => {
  server.behaviour = { cutAfter: content.length / 10 };
  await download(server.url, file, { ...options, sha256: sha256(content) });
  expect(readFileSync(file).equals(content)).toBe(true);
  expect(server.requests.length).toBeGreaterThanOrEqual(10);
  // On a busy machine a cut may come before any byte has arrived; from the first byte on, none is asked for again.
  const starts = server.requests.map(({ range }) => Number(/^bytes=(\d+)-$/.exec(range ?? 'bytes=0-')?.[1]));
  expect(starts[0]).toBe(0);
  expect(starts).toEqual([...starts].sort((one, other) => one - other));
  expect(starts.at(-1)).toBeGreaterThanOrEqual(0.8 * content.length);
  const resumed = server.requests.filter(({ range }) => range !== undefined);
  expect(resumed.every((headers) => headers['if-range'] === `"${md5(content)}"`)).toBe(true);
});

it('takes up a part that an earlier process left behind', async () => {
  writeFileSync(`${file}.part`, content.subarray(0, 600_000));
  writeFileSync(`${file}.part.etag`, `"${md5(content)}"`);
  await download(server.url, file, options);
  expect(server.requests.map(({ range }) => range)).toEqual(['bytes=600000-']);
  expect(readFileSync(file).equals(content)).toBe(true);
});

it('starts anew when the part is of another version of the file', async () => {
  writeFileSync(`${file}.part`, randomBytes(600_000));
  writeFileSync(`${file}.part.etag`, '"another"');
  await download(server.url, file, options);
  expect(readFileSync(file).equals(content)).toBe(true);
});

it('starts anew when nothing tells which version the part is of, or the part is too long', async () => {
  writeFileSync(`${file}.part`, randomBytes(600_000));
  await download(server.url, file, options);
  expect(readFileSync(file).equals(content)).toBe(true);

  writeFileSync(`${file}.part`, randomBytes(1_200_000));
  writeFileSync(`${file}.part.etag`, `"${md5(content)}"`);
  await download(server.url, file, { ...options, size: content.length });
  expect(readFileSync(file).equals(content)).toBe(true);
  expect(server.requests.map(({ range }) => range)).toEqual([undefined, undefined]);
});

it('gets along with a server that ignores Range', async () => {
  server.behaviour = { ignoreRange: true };
  writeFileSync(`${file}.part`, content.subarray(0, 600_000));
  writeFileSync(`${file}.part.etag`, `"${md5(content)}"`);
  await download(server.url, file, options);
  expect(statSync(file).size).toBe(content.length);
  expect(readFileSync(file).equals(content)).toBe(true);
});

it('gives up on a server that ignores Range and always cuts', async () => {
  server.behaviour = { ignoreRange: true, cutAfter: 100_000 };
  await expect(download(server.url, file, options)).rejects.toThrow(/connection|cutting/);
  expect(existsSync(file)).toBe(false);
});

it.each(['at-once', 'after-some-bytes'] as const)('gives up on a server that hangs %s', async (hang) => {
  server.behaviour = { hang };
  const start = Date.now();
  await expect(download(server.url, file, { ...options, timeout: 300 })).rejects.toThrow(
    /Cannot download a test file: the server sent nothing for 0.3 s. \(http:/,
  );
  expect(Date.now() - start).toBeLessThan(5000);
  expect(existsSync(file)).toBe(false);
});

it('goes on after a hang where it stopped', async () => {
  server.behaviour = { hang: 'after-some-bytes' };
  await expect(download(server.url, file, { ...options, timeout: 300 })).rejects.toThrow('sent nothing');
  server.behaviour = {};
  await download(server.url, file, options);
  expect(server.requests.at(-1)?.range).toBe('bytes=1000-');
  expect(readFileSync(file).equals(content)).toBe(true);
});

it('refuses a wrong hash and deletes the part', async () => {
  const wanted = { ...options, md5: '0'.repeat(32) };
  await expect(download(server.url, file, wanted)).rejects.toThrow(
    `the md5 is ${md5(content)}, expected 000`,
  );
  expect(readdirSync(folder)).toEqual([]);
});

it('refuses a wrong size before it is downloaded', async () => {
  await expect(download(server.url, file, { ...options, size: 5 })).rejects.toThrow(
    'expected 5 bytes, the server has 1000000',
  );
  expect(existsSync(file)).toBe(false);
});

it('tells the status of a refusal, and does not repeat a request that cannot succeed', async () => {
  server.behaviour = { status: 404 };
  await expect(download(server.url, file, options)).rejects.toThrow(`HTTP status 404. (${server.url})`);
  expect(server.requests).toHaveLength(1);
});

it('tries again when the server is having a bad moment', async () => {
  server.behaviour = { status: 503 };
  setTimeout(() => (server.behaviour = {}), 50);
  await download(server.url, file, options);
  expect(readFileSync(file).equals(content)).toBe(true);
});

it('follows redirects', async () => {
  server.behaviour = { redirect: true };
  await download(server.url, file, options);
  expect(readFileSync(file).equals(content)).toBe(true);
});

it('says when the host is unknown or nobody listens', async () => {
  await expect(download('http://nowhere.invalid/x', file, options)).rejects.toThrow(
    'host name cannot be resolved',
  );
  await server.close();
  await expect(download(server.url, file, options)).rejects.toThrow('the server cannot be reached');
});

it('says when the disk is full', async () => {
  if (!existsSync('/dev/full')) throw new Error('this test needs /dev/full');
  symlinkSync('/dev/full', `${file}.part`);
  await expect(download(server.url, file, options)).rejects.toThrow(
    `the disk is full (writing to ${folder})`,
  );
});

it('stops when it is told to, and keeps the part', async () => {
  server.behaviour = { hang: 'after-some-bytes' };
  const stop = new AbortController();
  const running = download(server.url, file, {
    ...options,
    signal: stop.signal,
    onProgress: (done) => {
      if (done === 1000) setTimeout(() => stop.abort(), 50);
    },
  });
  await expect(running).rejects.toThrow(/abort/i);
  expect(statSync(`${file}.part`).size).toBe(1000);
});

it('does not touch the network when TORCH_NODE_OFFLINE=1', async () => {
  process.env['TORCH_NODE_OFFLINE'] = '1';
  await expect(download(server.url, file, options)).rejects.toThrow(
    'TORCH_NODE_OFFLINE=1 forbids the network',
  );
  expect(server.requests).toHaveLength(0);
});

it('goes through the proxy of the environment', async () => {
  const asked: string[] = [];
  const upstream = new URL(server.url);
  const proxy = http.createServer((request, response) => {
    asked.push(request.url ?? '');
    http.get(server.url, (answer) => answer.pipe(response));
  });
  proxy.on('connect', (request, socket) => {
    asked.push(request.url ?? '');
    const tunnel = createConnection(Number(upstream.port), '127.0.0.1', () => {
      socket.write('HTTP/1.1 200 Connection established\r\n\r\n');
      tunnel.pipe(socket).pipe(tunnel);
    });
    tunnel.on('error', () => socket.destroy());
    socket.on('error', () => tunnel.destroy());
  });
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  process.env['http_proxy'] = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
  await download('http://files.invalid/file', file, { ...options, sha256: sha256(content) });
  expect(asked).toHaveLength(1);
  expect(asked[0]).toContain('files.invalid');
  proxy.closeAllConnections();
  await new Promise((resolve) => proxy.close(resolve));
});

it('notices a part that was damaged in between, by the hash, and recovers at the next attempt', async () => {
  writeFileSync(`${file}.part`, content);
  truncateSync(`${file}.part`, 400_000);
  writeFileSync(`${file}.part`, randomBytes(100), { flag: 'r+' });
  writeFileSync(`${file}.part.etag`, `"${md5(content)}"`);
  await expect(download(server.url, file, { ...options, sha256: sha256(content) })).rejects.toThrow(
    'the sha256 is',
  );
  await download(server.url, file, { ...options, sha256: sha256(content) });
  expect(readFileSync(file).equals(content)).toBe(true);
});
