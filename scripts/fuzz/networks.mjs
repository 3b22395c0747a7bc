// Random networks, each run eagerly, recorded exactly and recorded by default (test/program/randomNetworks.ts says what has
// to be equal).
//
//   node scripts/fuzz/networks.mjs [--seed 1] [--networks 2000] [--only SEED]
//
// Exits with 1 where networks differ.
import { parseArgs } from 'node:util';
import { createJiti } from 'jiti';

const { values: options } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    networks: { type: 'string', default: '2000' },
    only: { type: 'string' },
  },
});
const first = Number(options.only ?? options.seed);
const count = options.only === undefined ? Number(options.networks) : 1;
if (!Number.isInteger(first) || !(Number.isInteger(count) && count > 0))
  throw new Error('--seed, --networks and --only: expected integers, networks at least 1');

const jiti = createJiti(import.meta.url, {
  alias: { 'torch-node': new URL('../../lib/torch.ts', import.meta.url).pathname },
});
const { tryNetwork } = await jiti.import('../../test/program/randomNetworks.ts');
const torch = await jiti.import('../../lib/torch.ts');
torch.setNumThreads(1);

const paths = {};
let wrong = 0;
for (let i = 0; i < count; i++) {
  const { words, differences, path } = tryNetwork(first + i);
  paths[path] = (paths[path] ?? 0) + 1;
  if (options.only !== undefined) console.log(words);
  if (differences.length === 0) continue;
  wrong++;
  console.log(`${words}\n  ${differences.join('\n  ')}`);
}
const ways = Object.entries(paths).map(([path, number]) => `${number} ${path}`); // prettier-ignore
console.log(`${count} networks from seed ${first}, ${wrong} with differences; by default ${ways.join(', ')}`);
process.exitCode = wrong === 0 ? 0 : 1;
