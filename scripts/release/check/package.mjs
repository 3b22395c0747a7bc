// The package itself: what it holds, its size, and what checkers of packages say of it.
import { lstatSync, readdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { base, expect, node, npm, plain, root, run, state, tool, windows } from './settings.mjs';

/** Of a tarball. */
const LIMIT_MEGABYTES = 5;
/** Of what is installed with the package, itself included, its prebuilt binaries not. */
const INSTALLED = { packages: 32, megabytes: 18 };

export async function pack() {
  if (!state.tarball) {
    const output = await npm(['pack', '--ignore-scripts', '--pack-destination', base, '--json'], {
      cwd: root,
    });
    state.tarball = path.join(base, JSON.parse(output.slice(output.indexOf('[')))[0].filename);
  }
  if (!state.experiments) {
    const folder = path.join(root, 'experiments', 'cifar10');
    const output = await npm(['pack', '--ignore-scripts', '--pack-destination', base, '--json'], {
      cwd: folder,
    });
    state.experiments = path.join(base, JSON.parse(output.slice(output.indexOf('[')))[0].filename);
  }
  const listing = await run('tar', ['-tzf', state.tarball]);
  const allowed =
    /^package\/(bin|cjs|dist|native|prebuilds|template)\/|^package\/scripts\/build\/(install|addon|sources)\.mjs$|^package\/(package\.json|README\.md|CHANGELOG\.md|LICENSE|THIRD_PARTY_NOTICES\.md|CMakeLists\.txt)$/;
  const names = listing.trim().split('\n');
  const strange = names.filter((name) => !allowed.test(name) || /\.(so|dll|dylib|lib|a)(\.\d+)*$/.test(name));
  expect(strange.length === 0, `the package holds what it should not: ${strange.join(', ')}`);
  for (const part of ['dist/index.js', 'dist/index.d.ts', 'cjs/index.js', 'cjs/index.d.ts', 'LICENSE'])
    expect(names.includes(`package/${part}`), `the package lacks ${part}`);
  const prebuilt = names.filter((name) => /^package\/prebuilds\/.*torch-node-.*\.node$/.test(name));
  expect(prebuilt.length > 0, 'the package has no prebuilt binary: npm run prebuild');
  const megabytes = statSync(state.tarball).size / 1e6;
  expect(megabytes < LIMIT_MEGABYTES, `the package has ${megabytes} MB`);
  return `${megabytes.toFixed(2)} MB, ${prebuilt.map((name) => path.basename(name)).join(', ')}`;
}

export async function getWheel() {
  if (!state.wheels) {
    state.wheels = path.join(base, 'wheels');
    const requirement = 'torch==2.13.0' + (process.platform === 'darwin' ? '' : '+cpu');
    const options = ['--retries', '0', '--no-deps', '--only-binary', ':all:'];
    await run(
      windows ? 'python' : 'python3',
      ['-m', 'pip', 'download', ...options, '-d', state.wheels, requirement],
      { env: plain },
    );
  }
  return readdirSync(state.wheels)
    .filter((name) => name.startsWith('torch-'))
    .join(', ');
}

/** Each tarball by publint and by arethetypeswrong. */
export async function checkers() {
  for (const [tarball, profile] of [
    [state.tarball, 'strict'],
    [state.experiments, 'esm-only'],
  ]) {
    const output = await node([tool('publint'), 'run', '--strict', tarball], { cwd: root });
    expect(/All good/.test(output), output);
    await node([tool('@arethetypeswrong/cli', 'attw'), '--profile', profile, tarball], { cwd: root });
  }
}

/** What a project has of it, after withNpm(). */
export async function installedSize() {
  const list = await npm(['ls', '--omit=dev', '--all', '--parseable'], { cwd: state.first });
  const packages = list.trim().split('\n').length - 1; // the first is the project
  expect(packages <= INSTALLED.packages, `${packages} packages are installed:\n${list}`);
  const modules = path.join(state.first, 'node_modules');
  const bytes = readdirSync(modules, { recursive: true })
    .filter((name) => !/^torch-node[\\/]prebuilds\b/.test(name))
    .map((name) => lstatSync(path.join(modules, name)))
    .reduce((sum, stat) => sum + (stat.isFile() ? stat.size : 0), 0);
  const megabytes = bytes / 1e6;
  expect(megabytes <= INSTALLED.megabytes, `${megabytes.toFixed(1)} MB are installed`);
  return `${packages} packages, ${megabytes.toFixed(1)} MB`;
}
