// Calls everything that the package offers with arguments drawn at random, from a seed. Each call has to end with a result
// or a TorchError. A child makes the calls; when it dies or hangs, another goes on behind the call that it died of.
//
//     node scripts/fuzz/operators.mjs [--calls 200000] [--from 0] [--seed 1] [--json]
//     node scripts/fuzz/operators.mjs --seed 1 --only 1234      one call again, with all that it calls
//     node scripts/fuzz/operators.mjs --overloads 'fft|_stack'  nothing but overloads whose names fit an expression
//     node scripts/fuzz/operators.mjs --guard after             forbidden memory behind (or before) each tensor, Linux
//
// The exit code is 1 when there was a finding.
import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const { values: options } = parseArgs({
  options: {
    calls: { type: 'string', default: '200000' },
    from: { type: 'string', default: '0' },
    seed: { type: 'string', default: '1' },
    seconds: { type: 'string', default: '15' }, // for one call
    only: { type: 'string' },
    overloads: { type: 'string' },
    guard: { type: 'string' },
    json: { type: 'boolean', default: false },
  },
});
const only = options.only === undefined ? undefined : Number(options.only);
const chosen =
  (options.overloads === undefined ? '' : ` --overloads '${options.overloads}'`) +
  (options.guard === undefined ? '' : ` --guard ${options.guard}`);
const seed = Number(options.seed);
const first = only ?? Number(options.from);
const end = only === undefined ? first + Number(options.calls) : only + 1;
// Past this much of its own memory a child's allocations fail, which has to end with a TorchError as well.
const MEMORY_KIB = 3 * 1024 * 1024;
const STARTUP_MS = 60_000;

const folder = mkdtempSync(path.join(tmpdir(), 'torch-node-fuzz-'));
const note = path.join(folder, 'note');
const env = guarding(options.guard);
const total = { calls: 0, results: 0, errors: 0 };
const findings = [];
let failures = 0; // children in a row that died before their first call

try {
  for (let next = first; next < end;) next = await piece(next);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
report();

/** Runs a child from a call on. Gives the number of the call to go on with. */
async function piece(from) {
  rmSync(note, { force: true });
  const request = JSON.stringify({
    seed,
    from,
    to: end,
    note,
    overloads: options.overloads,
    describe: only !== undefined,
  });
  const script = fileURLToPath(new URL('child.mjs', import.meta.url));
  // setrlimit's RLIMIT_DATA has no counterpart in Node; a shell sets it.
  const child = spawn(
    '/bin/sh',
    ['-c', `ulimit -c 0; ulimit -d ${MEMORY_KIB}; exec "$0" "$@"`, process.execPath, script, request],
    { cwd: folder, env, stdio: ['ignore', 'ignore', 'pipe', 'pipe'] },
  );
  let stderr = '';
  child.stderr.on('data', (data) => (stderr = (stderr + data).slice(-2000)));
  createInterface({ input: child.stdio[3] }).on('line', (line) => {
    if (only !== undefined) console.log(line);
    const finding = JSON.parse(line);
    if (finding.kind !== undefined) findings.push(finding);
  });

  let at = -1;
  let since = Date.now();
  let hung = false;
  const watch = setInterval(() => {
    const { call } = readNote();
    if (call !== at) [at, since] = [call, Date.now()];
    else if (Date.now() - since > (call < 0 ? STARTUP_MS : Number(options.seconds) * 1000)) {
      hung = true;
      child.kill('SIGKILL');
    }
  }, 500);
  const ended = await new Promise((done) => child.on('close', (code, signal) => done(signal ?? code)));
  clearInterval(watch);

  const { call, results, errors, operator } = readNote();
  total.results += results;
  total.errors += errors;
  if (ended === 0) {
    total.calls += end - from;
    return end;
  }
  if (call < 0) {
    if (++failures === 3) throw new Error(`the child does not start: ${ended}\n${stderr}`);
    return from;
  }
  failures = 0;
  total.calls += call + 1 - from;
  findings.push({
    call,
    kind: hung ? 'hang' : 'crash',
    title: operator,
    why: hung ? `${options.seconds} s` : `${ended} ${stderr.slice(-300)}`,
  });
  return call + 1;
}

// The child's environment: with guardPages.c preloaded where that was asked for.
function guarding(side) {
  if (side === undefined) return process.env;
  if (side !== 'after' && side !== 'before')
    throw new Error(`--guard: expected after or before, got ${side}`);
  const library = path.join(folder, 'guardPages.so');
  const source = fileURLToPath(new URL('guardPages.c', import.meta.url));
  execFileSync('cc', ['-O2', '-Wall', '-Werror', '-shared', '-fPIC', '-o', library, source], {
    stdio: 'inherit',
  });
  return { ...process.env, LD_PRELOAD: library, TORCH_NODE_GUARD: side };
}

function readNote() {
  try {
    const bytes = readFileSync(note);
    const numbers = new Float64Array(bytes.buffer, bytes.byteOffset, 3);
    const [operator] = bytes.subarray(numbers.byteLength).toString().split('\n', 1);
    return { call: numbers[0], results: numbers[1], errors: numbers[2], operator };
  } catch {
    return { call: -1, results: 0, errors: 0 };
  }
}

function report() {
  const of = (kind) => findings.filter((finding) => finding.kind === kind);
  const summary = {
    seed,
    ...total,
    others: of('another error').length,
    crashes: of('crash').length,
    hangs: of('hang').length,
    leaks: of('leak').length,
  };
  process.exitCode = findings.length > 0 ? 1 : 0;
  if (options.json) return console.log(JSON.stringify({ ...summary, findings }));
  for (const { call, kind, title, args, why } of findings) {
    console.log(`${kind}: ${title}(${(args ?? []).join(', ')})\n  ${why.trim().replaceAll('\n', '\n  ')}`);
    console.log(`  again: node scripts/fuzz/operators.mjs --seed ${seed} --only ${call}${chosen}`);
  }
  console.log(
    `${total.calls} calls from seed ${seed}: ${total.results} results, ${total.errors} TorchErrors, ` +
      `${summary.others} other errors, ${summary.crashes} crashes, ${summary.hangs} hangs, ${summary.leaks} leaks`,
  );
}
