// The child of tests that call operators which may end the process: makes the calls of a list from a number on.
//
//     node callOperators.mjs FILE LIST FIRST     (the list that FILE, a TypeScript module, exports by the name LIST)
//
// Before each call its number is printed, and behind it what came of it, as lines of JSON.
import { fileURLToPath } from 'node:url';
import { createJiti } from 'jiti';

const [file, list, first] = process.argv.slice(2);
const alias = { 'torch-node': fileURLToPath(new URL('../../lib/index.ts', import.meta.url)) };
const jiti = createJiti(import.meta.url, { alias });
const { default: torch } = await jiti.import('torch-node');
const calls = (await jiti.import(file))[list];
torch.setNumThreads(1);
for (let i = Number(first); i < calls.length; i++) {
  const [overload, args] = calls[i];
  console.log(JSON.stringify({ begin: i }));
  let outcome = 'a result';
  try {
    torch.scope(() => void torch.ops.call(overload, args()));
  } catch (error) {
    outcome = `${error.name}: ${error.message.split('\n')[0]}`;
  }
  console.log(JSON.stringify({ end: i, outcome, tensors: torch.memory().tensors }));
}
