// `npm run manifest`: writes lib/install/manifest.ts, the list of official archives with their sizes and hashes.
//
//   node scripts/release/manifest.mjs [--offline] [--hash]
//
// Each archive's size is asked for, and its SHA-256 where the site tells it; with --hash what it does not tell is
// downloaded and computed (several gigabytes). What cannot be reached keeps what the manifest had. --offline asks nobody:
// it writes the file anew from the releases listed here.
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import prettier from 'prettier';
import { request } from 'undici';

const root = fileURLToPath(new URL('../..', import.meta.url));
const file = path.join(root, 'lib', 'libtorch', 'manifest.ts');
const site = 'https://download.pytorch.org/libtorch';
const MARK = '/** The releases that are known, by version. */\n';

/**
 * The releases and what is known of their CUDA zips: those of 2.12 and 2.13 have none of NVIDIA's libraries, those of
 * 2.14 lack parts of cuDNN.
 */
const releases = {
  '2.11.0': { cuda: { cu130: undefined } },
  '2.12.0': { cuda: { cu130: 'wheel' } },
  '2.13.0': { cuda: { cu130: 'wheel' } },
  '2.14.1': { cuda: { cu130: ['nvidia-cudnn-cu13==9.24.0.43'] } },
};

function archivesOf(version, { cuda }) {
  const suffixed = (variant) => `${version}%2B${variant}.zip`;
  const entries = [
    ['linux-x64-cpu', { url: `${site}/cpu/libtorch-shared-with-deps-${suffixed('cpu')}` }],
    ['darwin-arm64-cpu', { url: `${site}/cpu/libtorch-macos-arm64-${version}.zip` }],
    ['win32-x64-cpu', { url: `${site}/cpu/libtorch-win-shared-with-deps-${suffixed('cpu')}` }],
  ];
  for (const [variant, completes] of Object.entries(cuda)) {
    entries.push(
      [
        `linux-x64-${variant}`,
        {
          url: `${site}/${variant}/libtorch-shared-with-deps-${suffixed(variant)}`,
          ...(completes && { completes }),
        },
      ],
      [
        `win32-x64-${variant}`,
        { url: `${site}/${variant}/libtorch-win-shared-with-deps-${suffixed(variant)}` },
      ],
    );
  }
  return Object.fromEntries(entries);
}

/** What the site says of an archive: its size, and its hash where the storage keeps one. */
async function measure(url, withHash) {
  const { statusCode, headers, body } = await request(url, {
    method: 'HEAD',
    headers: { 'x-amz-checksum-mode': 'ENABLED' },
    headersTimeout: 20_000,
  });
  await body.dump();
  if (statusCode !== 200) throw new Error(`HTTP status ${statusCode}`);
  const told = headers['x-amz-checksum-sha256'] ?? headers['x-amz-meta-checksum-sha256'];
  const sha256 = told && Buffer.from(told, /^[0-9a-f]{64}$/.test(told) ? 'hex' : 'base64').toString('hex');
  return {
    size: Number(headers['content-length']),
    ...(sha256?.length === 64 ? { sha256 } : withHash && { sha256: await hashOf(url) }),
  };
}

async function hashOf(url) {
  console.log(`downloading ${url}`);
  const { statusCode, body } = await request(url);
  if (statusCode !== 200) throw new Error(`HTTP status ${statusCode}`);
  const hash = createHash('sha256');
  for await (const chunk of body) hash.update(chunk);
  return hash.digest('hex');
}

const { values } = parseArgs({ options: { offline: { type: 'boolean' }, hash: { type: 'boolean' } } });
const text = readFileSync(file, 'utf8');
const start = text.indexOf(MARK);
const before = start < 0 ? text : text.slice(0, start);
const known = start < 0 ? {} : (await import('../../dist/install/manifest.js')).manifest;

const manifest = {};
let unreached = 0;
for (const [version, release] of Object.entries(releases)) {
  const archives = archivesOf(version, release);
  for (const [place, archive] of Object.entries(archives)) {
    const { size, sha256 } = known[version]?.archives[place] ?? {};
    Object.assign(archive, size && { size }, sha256 && { sha256 });
    if (values.offline) continue;
    try {
      Object.assign(archive, await measure(archive.url, values.hash));
      console.log(`${version} ${place}: ${archive.size} bytes, ${archive.sha256 ?? 'no hash told'}`);
    } catch (error) {
      unreached++;
      console.error(`${version} ${place}: cannot be asked (${error.message || error.code})`);
    }
  }
  manifest[version] = { plainWheel: { linux: 'cu130', darwin: 'cpu', win32: 'cpu' }, archives };
}
const source = `${before}${MARK}export const manifest: Readonly<Record<string, Release>> = ${JSON.stringify(manifest)};\n`;
const options = await prettier.resolveConfig(file);
writeFileSync(file, await prettier.format(source, { ...options, parser: 'typescript' }));
console.log(`written: ${path.relative(root, file)}`);
if (unreached > 0) process.exitCode = 1;
