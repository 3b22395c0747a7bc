// Other libtorches than the one that the package installs.
import { cpSync, mkdirSync, readdirSync, statfsSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import {
  base,
  cache,
  environment,
  expect,
  node,
  skip,
  state,
  torchNode,
  trained,
  values,
} from './settings.mjs';

/** Of disk: the wheels, and what is unpacked of them. */
const CUDA_GIGABYTES = 12;

/** The prebuilt addons of this platform in an installed package. */
export function addonsOf(folder) {
  const place = path.join(
    folder,
    'node_modules',
    'torch-node',
    'prebuilds',
    `${process.platform}-${process.arch}`,
  );
  return readdirSync(place)
    .filter((name) => /^torch-node-.*\.node$/.test(name))
    .map((name) => path.join(place, name));
}

export async function otherVersions() {
  const libtorch = path.join(
    cache,
    'libtorch',
    readdirSync(path.join(cache, 'libtorch')).find((name) => /^2/.test(name)),
  );
  const refused = [];
  for (const addon of addonsOf(state.first)) {
    const minor = /-(\d+\.\d+)/.exec(path.basename(addon))[1];
    const env = { ...environment, TORCH_NODE_ADDON: addon, TORCH_NODE_LIBTORCH: libtorch };
    const { version } = JSON.parse(await torchNode(state.first, ['list', '--json'])).used;
    if (version.startsWith(`${minor}.`)) {
      trained(await node(['train.mjs'], { cwd: state.first, env }));
      // The same with a libtorch of a later minor version, of which no more than its version is looked at.
      const later = path.join(base, 'later');
      cpSync(path.join(libtorch, 'build-version'), path.join(later, 'build-version'));
      for (const part of ['lib', path.join('include', 'c10')])
        mkdirSync(path.join(later, part), { recursive: true });
      for (const name of readdirSync(path.join(libtorch, 'lib')))
        writeFileSync(path.join(later, 'lib', name), '');
      writeFileSync(path.join(later, 'build-version'), '2.99.0+cpu');
      const output = await node(['train.mjs'], {
        cwd: state.first,
        env: { ...env, TORCH_NODE_LIBTORCH: later },
        code: 1,
      });
      expect(output.includes(`is version 2.99.0+cpu, needed is ${minor}`), output);
    } else {
      const output = await node(['train.mjs'], { cwd: state.first, env, code: 1 });
      expect(output.includes(`is version ${version}, needed is ${minor}`), output);
      expect(/TORCH_NODE_ALLOW_MISMATCH=1/.test(output), output);
      refused.push(`the addon for ${minor} refuses ${version}`);
    }
  }
  return refused.join(', ');
}

export async function cudaSet() {
  if (!values.cuda) return skip('a CUDA set takes gigabytes; --cuda fetches one with pip');
  if (!addonsOf(state.first).some((file) => file.includes('-2.14')))
    return skip(
      'the package has no addon for libtorch 2.14: npm run prebuild makes it where pip has the wheel',
    );
  const { bavail, bsize } = statfsSync(path.dirname(path.resolve(values.cuda)));
  const free = (bavail * bsize) / 1e9;
  if (free < CUDA_GIGABYTES)
    return skip(`it takes ${CUDA_GIGABYTES} GB for a while, ${free.toFixed(1)} GB are free`);
  const env = { ...environment, TORCH_NODE_CACHE: path.resolve(values.cuda), TORCH_NODE_OFFLINE: '' };
  await torchNode(state.first, ['install', '--version', '2.14.1', '--variant', 'cu130'], {
    env,
    timeout: 1_200_000,
  });
  const program = `
    import torch from 'torch-node';
    if (!torch.cuda.isBuilt()) throw new Error('CUDA is not built in');
    console.log('trained', torch.version, 'with', torch.cuda.deviceCount(), 'devices');`;
  writeFileSync(path.join(state.first, 'cuda.mjs'), program);
  trained(await node(['train.mjs'], { cwd: state.first, env }));
  const libtorch = path.join(env.TORCH_NODE_CACHE, 'libtorch', '2.14.1-cu130');
  for (const addon of addonsOf(state.first).filter((file) => !file.includes('-2.14'))) {
    const named = { ...env, TORCH_NODE_ADDON: addon, TORCH_NODE_LIBTORCH: libtorch };
    const output = await node(['train.mjs'], { cwd: state.first, env: named, code: 1 });
    expect(/is version 2\.14\.1\+cu130, needed is 2\.\d+\./.test(output), output);
  }
  return (await node(['cuda.mjs'], { cwd: state.first, env })).trim();
}
