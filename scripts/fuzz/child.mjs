// The child of scripts/fuzz/operators.mjs: makes calls, and says before each which it is.
//
// Its one argument is JSON: { seed, from, to, note, overloads, describe }. Into the file `note` it writes, before each call, its number
// and the counts so far, then the operator that the call came to last; findings go to file descriptor 3, a line of JSON each.
import { openSync, writeSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { caller } from './calls.mjs';
import { library } from './library.mjs';
import { generator } from './values.mjs';

const { seed, from, to, note, overloads, describe: describing } = JSON.parse(process.argv[2]);
const torch = await library('torch');
const { parseSchema } = await library('operators/schema');
const { describe } = await library('core/describe');
const { native } = await library('native/binding');

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc');
torch.setNumThreads(1);
process.on('unhandledRejection', () => {}); // of promises that were drawn as values
watchOperators();

const draw = caller(torch, parseSchema, torch.ops.names(), overloads);
const counts = { results: 0, errors: 0 };
const noteFile = openSync(note, 'w');
const numbers = new Float64Array(3);
for (let call = from; call < to; call++) await make(call);
writeNote(to);
process.exit(0);

function writeNote(call) {
  numbers.set([call, counts.results, counts.errors]);
  writeSync(noteFile, numbers, 0, numbers.byteLength, 0);
}

function noteOperator(name) {
  writeSync(noteFile, `${name}\n`, numbers.byteLength);
}

function report(finding) {
  writeSync(3, `${JSON.stringify(finding)}\n`);
}

async function make(call) {
  writeNote(call);
  if (call % 2000 === 0) collect();
  noteOperator('');
  const before = torch.memory().tensors;
  let title = 'drawing';
  let words = [];
  const held = {}; // what was drawn, until leaks are looked for
  const inner = torch.openScope();
  try {
    torch.manualSeed(call);
    held.drawn = draw(generator(seed, call));
    ({ title, args: words } = held.drawn);
    if (describing) report({ title, args: words.map(text) });
    await settled(held.drawn.run);
    counts.results++;
  } catch (error) {
    if (error?.name === 'TorchError') counts.errors++;
    else report({ call, kind: 'another error', title, args: words.map(text), why: trace(error) });
    if (describing) report({ error: trace(error) });
  } finally {
    inner.end();
  }
  // Calls may take down modes that nothing takes back.
  native.setGradEnabled(true);
  let leaked = torch.memory().tensors - before;
  if (leaked > 0) {
    words = words.map(text);
    held.drawn = undefined; // a tensor that became a module's buffer is the collector's
    // Several times: a collection that V8 had begun before keeps what was in use then, and so does code that it compiles
    // in the background.
    for (let round = 0; round < 10 && leaked > 0; round++) {
      await new Promise((done) => (round === 0 ? setImmediate(done) : setTimeout(done, 50)));
      collect();
      leaked = torch.memory().tensors - before;
    }
    if (leaked > 0) report({ call, kind: 'leak', title, args: words, why: `${leaked} tensors` });
  }
}

// The result is nobody's when this has ended: a local variable of make() would keep it, and what it keeps, from the collector.
function settled(run) {
  const result = run();
  return typeof result?.then === 'function' ? result.then(() => undefined) : undefined;
}

// Every call of an operator comes through here: its name is noted, and the call told when describing.
function watchOperators() {
  const operators = new Map();
  const { findOperator, callOperator } = native;
  native.findOperator = (base, overload) => {
    const found = findOperator(base, overload);
    if (found !== null)
      operators.set(found.id, {
        name: overload === '' ? base : `${base}.${overload}`,
        arguments: found.arguments,
      });
    return found;
  };
  native.callOperator = (id, ...args) => {
    const { name, arguments: schema } = operators.get(id);
    noteOperator(name);
    if (describing) report({ operator: name, values: args.map((value, i) => plain(value, schema[i]?.kind)) });
    return callOperator(id, ...args);
  };
}

// A value as JSON from which Python can make the like; called for describing only.
function plain(value, kind) {
  if (value === undefined) return { missing: true };
  if (value === null) return null;
  if (Array.isArray(value)) return value.map((item) => plain(item, kind === 'tensors' ? 'tensor' : 'plain'));
  if (typeof value === 'bigint') return { integer: String(value) };
  if (typeof value === 'number' && (kind === 'tensor' || kind === 'tensor?')) return tensorOf(value);
  if (typeof value === 'number') return Number.isSafeInteger(value) ? value : { float: String(value) };
  if (kind === 'generator') return { generator: true };
  return typeof value === 'object' || typeof value === 'function' ? { other: String(typeof value) } : value;
}

function tensorOf(handle) {
  try {
    const out = {
      tensor: native.dtype(handle),
      requiresGrad: native.requiresGrad(handle),
      device: native.device(handle),
    };
    try {
      out.shape = native.shape(handle);
      out.strides = native.strides(handle);
      out.values = Array.from(native.readSync(handle), String);
    } catch {
      out.sparse = true;
    }
    return out;
  } catch (error) {
    return { tensor: 'released', why: error.message };
  }
}

function text(value) {
  try {
    return describe(value);
  } catch (error) {
    return `<${error.message}>`;
  }
}

function trace(error) {
  return String(error?.stack ?? error).split('\n').slice(0, 8).join('\n'); // prettier-ignore
}
