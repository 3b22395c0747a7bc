// Checks the package as users get it: packs it, installs the tarball in empty folders in the ways that people do, and
// trains in each. Prints a line `ok NAME` for each check, and ends with code 1 if one fails.
//
//   node scripts/release/check/main.mjs [--wheels DIR] [--tarball FILE] [--node NODE]... [--cuda DIR] [--only a,b] [--keep]
//
// --wheels is a folder with a wheel of torch for the CPU (by default pip is asked for one); installing is offline from
// there. --node names further Nodes to train with; --cuda is a folder to fetch the CUDA set of 2.14 into (nine gigabytes while
// that lasts), to load it and train on the CPU. Prebuilt binaries have to be there: npm run prebuild.
import { rmSync } from 'node:fs';
import { experimentsWithNpm, experimentsWithPnpm, withoutExperiments } from './experiments.mjs';
import {
  inOddPath,
  readOnly,
  withNpm,
  withNpm12,
  withoutHome,
  withPip,
  withPnpm,
  withScripts,
  withYarn,
} from './installing.mjs';
import { cudaSet, otherVersions } from './libtorch.mjs';
import { checkers, getWheel, installedSize, pack } from './package.mjs';
import { inCommonJs, inJest, inVitest, inWorkers, otherNodes, withEsbuild } from './running.mjs';
import { base, Skipped, values } from './settings.mjs';
import { template, types } from './typescript.mjs';

const checks = [
  ['the package: what it holds, and its size', pack],
  ['publint and arethetypeswrong', checkers],
  ['a wheel to install from', getWheel],
  ['npm, without scripts, offline from a folder of wheels', withNpm],
  ['what is installed with it', installedSize],
  ['npx torch-node install through pip, uninstall, list', withPip],
  ['npm, with scripts', withScripts],
  ['npm 12 on Node 24', withNpm12],
  ['pnpm', withPnpm],
  ['yarn', withYarn],
  ['worker threads', inWorkers],
  ['CommonJS', inCommonJs],
  ['esbuild', withEsbuild],
  ['a path with spaces and other letters', inOddPath],
  ['a user who cannot write to node_modules', readOnly],
  ['a user without a home folder', withoutHome],
  ['jest', inJest],
  ['vitest', inVitest],
  ['types, with nothing but strict', types],
  ['npx torch-node init', template],
  ['torch-node cifar10 without torch-node-cifar10', withoutExperiments],
  ['torch-node-cifar10 with npm', experimentsWithNpm],
  ['torch-node-cifar10 with pnpm', experimentsWithPnpm],
  ['other versions of Node', otherNodes],
  ['other versions of libtorch are refused', otherVersions],
  ['the CUDA set of 2.14', cudaSet],
];
const needed = new Set([pack, getWheel, withNpm]);

let failed = 0;
for (const [name, check] of checks) {
  if (values.only && !needed.has(check) && !values.only.split(',').some((part) => name.includes(part)))
    continue;
  const start = Date.now();
  try {
    const note = await check();
    const seconds = ((Date.now() - start) / 1000).toFixed(1);
    console.log(`ok ${name}${note ? `: ${note}` : ''} (${seconds} s)`);
  } catch (error) {
    if (error.constructor === Skipped) {
      console.log(`skipped ${name}: ${error.message}`);
      continue;
    }
    failed++;
    console.log(`not ok ${name}\n${error.message.replace(/^/gm, '    ')}`);
    if (needed.has(check)) break;
  }
}
if (values.keep) console.log(`left in ${base}`);
else rmSync(base, { recursive: true, force: true });
console.log(failed === 0 ? 'all is well' : `${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
