// node scripts/bench/types.mjs: how long tsc takes over a small user's project that imports torch-node, with and without
// skipLibCheck, and as a ratio to an empty file with @types/node in the same rounds. Editors do the same work before their first answer. Measures dist/ as it lies there (`npm run build:ts`).
//
//   --rounds N   measurements of each (5)        --diagnostics   also where tsc's time went, in its own words
//   --max S      fails when the median with skipLibCheck is above so many seconds
import { execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { quartiles } from './numbers.mjs';

const root = fileURLToPath(new URL('../..', import.meta.url));
const { values: options } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    diagnostics: { type: 'boolean', default: false },
    max: { type: 'string' },
  },
});
const rounds = Number(options.rounds);
if (!(Number.isInteger(rounds) && rounds > 0))
  throw new Error(`--rounds ${options.rounds}: expected 1 or more`);
if (!existsSync(path.join(root, 'dist/index.d.ts')))
  throw new Error('there is no dist/: run npm run build:ts');

const PROGRAM = `
import torch, { nn, optim, type Tensor } from 'torch-node';

class Net extends nn.Module {
  first = new nn.Linear(784, 128);
  second = new nn.Linear(128, 10);
  forward(x: Tensor): Tensor {
    return this.second.forward(this.first.forward(x.flatten(1)).relu());
  }
}

const net = new Net();
const criterion = new nn.CrossEntropyLoss();
const sgd = new optim.SGD(net.parameters(), { lr: 0.01, momentum: 0.9 });
const images = torch.rand([256, 28, 28]);
const labels = torch.randint(0, 10, [256]);
for (let epoch = 0; epoch < 3; epoch++) {
  torch.scope(() => {
    sgd.zeroGrad();
    const output = net.forward(images.sub(0.5).div(0.25));
    const loss = criterion.forward(output, labels);
    loss.backward();
    sgd.step();
    const right = output.argmax(1).eq(labels).sum().item();
    console.log(epoch, loss.item(), right / 256);
  });
}
const { values, indices } = torch.rand([10]).add(1).sort();
console.log(torch.where(values.gt(1.5), values, 0), indices.dtype, torch.ops.aten.relu(values));
`;

const project = ({ skipLibCheck, file }) => ({
  compilerOptions: {
    ...{ strict: true, target: 'ES2023', module: 'NodeNext', noEmit: true, skipLibCheck },
    ...{ lib: ['ES2023', 'ESNext.Disposable'], types: ['node'] },
  },
  files: [file],
});

mkdirSync(path.join(root, 'build'), { recursive: true });
const folder = mkdtempSync(path.join(root, 'build/types-'));
try {
  // A project of its own: what it imports is found as an installed package is.
  mkdirSync(path.join(folder, 'node_modules/@types'), { recursive: true });
  symlinkSync(root, path.join(folder, 'node_modules/torch-node'), 'dir');
  const require = createRequire(path.join(root, 'package.json'));
  symlinkSync(
    path.dirname(require.resolve('@types/node/package.json')),
    path.join(folder, 'node_modules/@types/node'),
    'dir',
  );
  writeFileSync(path.join(folder, 'package.json'), '{ "type": "module" }');
  writeFileSync(path.join(folder, 'main.ts'), PROGRAM);
  writeFileSync(path.join(folder, 'empty.ts'), 'export {};\n');
  const version = JSON.parse(readFileSync(require.resolve('typescript/package.json'), 'utf8')).version;
  console.log(`TypeScript ${version}, Node ${process.version}, ${os.cpus()[0]?.model}`);

  const tsc = require.resolve('typescript/bin/tsc');
  const configs = {
    'with skipLibCheck': { skipLibCheck: true, file: 'main.ts' },
    'with skipLibCheck, an empty file': { skipLibCheck: true, file: 'empty.ts' },
    'without skipLibCheck': { skipLibCheck: false, file: 'main.ts' },
    'without skipLibCheck, an empty file': { skipLibCheck: false, file: 'empty.ts' },
  };
  const seconds = Object.fromEntries(Object.keys(configs).map((name) => [name, []]));
  const said = {};
  for (let round = 0; round < rounds; round++) {
    for (const [i, [name, config]] of Object.entries(configs).entries()) {
      const file = path.join(folder, `tsconfig.${i}.json`);
      writeFileSync(file, JSON.stringify(project(config)));
      const start = performance.now();
      said[name] = check([tsc, '-p', file, '--extendedDiagnostics']);
      seconds[name].push((performance.now() - start) / 1000);
    }
  }
  for (const name of ['with skipLibCheck', 'without skipLibCheck']) {
    const ratios = seconds[name].map((time, i) => time / seconds[`${name}, an empty file`][i]);
    const { low, middle, high } = quartiles(ratios);
    console.log(
      `${name}: ${middle.toFixed(2)} [${low.toFixed(2)}, ${high.toFixed(2)}] of an empty file with @types/node`,
    );
  }
  for (const [name, list] of Object.entries(seconds)) {
    const { low, middle, high } = quartiles(list);
    const types = /^Types:\s+(\d+)/m.exec(said[name])?.[1];
    const instantiations = /^Instantiations:\s+(\d+)/m.exec(said[name])?.[1];
    console.log(
      `${name}: ${middle.toFixed(2)} s [${low.toFixed(2)}, ${high.toFixed(2)}], ${types} types, ${instantiations} instantiations`,
    );
    if (options.diagnostics) console.log(said[name]);
    if (name === 'with skipLibCheck' && options.max !== undefined && middle > Number(options.max)) {
      console.error(`above ${options.max} s`);
      process.exitCode = 1;
    }
  }
} finally {
  rmSync(folder, { recursive: true });
}

/** Runs tsc, which must find nothing wrong; gives what it printed. */
function check(args) {
  try {
    return execFileSync(process.execPath, args, { encoding: 'utf8' });
  } catch (error) {
    throw new Error(`tsc found errors:\n${String(error.stdout).slice(0, 4000)}`, { cause: error });
  }
}
