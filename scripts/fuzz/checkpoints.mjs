// Damages real checkpoint files of each format at random, from a seed, and reads them: PyTorch's zips, its format before 1.6, with
// all kinds of tensors and keys, TorchScript archives, safetensors, numpy's. Bytes are changed anywhere, or inside an entry of a zip
// that is then whole again, or a part of a pickle or of code is repeated many times. Each reading has to end with a value or a
// clear error, within seconds and within memory in proportion to the file. A child reads; when it dies or hangs, another goes on
// behind the file that it died of.
//
//     node scripts/fuzz/checkpoints.mjs [--files 20000] [--from 0] [--seed 1] [--only N]
//
// The exit code is 1 when there was a finding.
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync, openSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { library } from './library.mjs';
import { generator } from './values.mjs';

const SECONDS = 20; // for one file
// Of resident memory, beyond a multiple of the file: what a collection that has not happened yet leaves.
const SLACK = 48 * 2 ** 20;
// Twice the file for what lies in it, and what a pickle may build of a byte.
const TIMES = 2;
const TIMES_REPEATED = 200;

if (process.argv[2] === '--child') await child(JSON.parse(process.argv[3]));
else await parent();

async function parent() {
  const { values: options } = parseArgs({
    options: {
      files: { type: 'string', default: '20000' },
      from: { type: 'string', default: '0' },
      seed: { type: 'string', default: '1' },
      only: { type: 'string' },
    },
  });
  const seed = Number(options.seed);
  const first = Number(options.only ?? options.from);
  const end = options.only === undefined ? first + Number(options.files) : first + 1;
  const folder = mkdtempSync(path.join(tmpdir(), 'torch-node-fuzz-'));
  const total = { values: 0, errors: 0 };
  const findings = [];
  try {
    for (let next = first; next < end;) {
      const request = JSON.stringify({ seed, from: next, to: end, folder, tell: options.only !== undefined });
      const script = fileURLToPath(import.meta.url);
      const worker = spawn(process.execPath, ['--expose-gc', script, '--child', request], {
        stdio: ['ignore', 'inherit', 'pipe', 'pipe'],
      });
      let at = next - 1;
      let timer;
      let stderr = '';
      let rest = '';
      const watch = () => {
        clearTimeout(timer);
        timer = setTimeout(() => worker.kill('SIGKILL'), (at < next ? 60 : SECONDS) * 1000);
      };
      watch();
      worker.stderr.on('data', (data) => (stderr = (stderr + data).slice(-500)));
      worker.stdio[3].on('data', (data) => {
        const lines = (rest + data).split('\n');
        rest = lines.pop();
        for (const line of lines) {
          const { number, outcome, why } = JSON.parse(line);
          if (outcome === undefined) at = number;
          else if (outcome === 'value' || outcome === 'error') total[`${outcome}s`]++;
          else findings.push({ number, outcome, why });
        }
        watch();
      });
      const ended = await new Promise((done) => worker.on('close', (code, signal) => done(signal ?? code)));
      clearTimeout(timer);
      if (ended === 0) break;
      if (at < next) throw new Error(`the child does not start: ${ended}\n${stderr}`);
      findings.push({ number: at, outcome: 'crash or hang', why: `${ended} ${stderr}` });
      next = at + 1;
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  for (const { number, outcome, why } of findings) {
    console.log(
      `${outcome}: ${why}\n  again: node scripts/fuzz/checkpoints.mjs --seed ${seed} --only ${number}`,
    );
  }
  console.log(
    `${end - first} damaged files from seed ${seed}: ${total.values} read, ${total.errors} refused, ${findings.length} findings`,
  );
  process.exitCode = findings.length > 0 ? 1 : 0;
}

// ---- the child ----

async function child({ seed, from, to, folder, tell }) {
  const torch = await library('torch');
  torch.setNumThreads(1);
  const say = (message) => writeSync(3, `${JSON.stringify(message)}\n`);
  const formats = await samples(torch, folder);
  const { zip } = await library('files/zipWriter');
  const file = path.join(folder, 'damaged');
  // Resets what /proc/self/status tells of the most memory so far.
  const clear = openSync('/proc/self/clear_refs', 'w');
  for (let number = from; number < to; number++) {
    say({ number });
    const draw = generator(seed, number);
    const { name, good, entries, read } = formats[draw.below(formats.length)];
    const kind = draw.below(4);
    const inside = entries !== undefined && kind > 0;
    const repeat = kind === 3;
    const change = repeat ? repeated : damaged;
    const bytes = inside ? await rezipped(zip, entries, draw, change) : change(good, draw);
    writeFileSync(file, bytes);
    if (number % 200 === from % 200) globalThis.gc();
    writeSync(clear, '5', 0);
    const before = status('VmRSS');
    let outcome;
    let why = '';
    const scope = torch.openScope();
    try {
      await read(file);
      outcome = 'value';
    } catch (error) {
      outcome = error?.name === 'TorchError' ? 'error' : 'another error';
      why = `${name}: ${String(error?.stack ?? error).slice(0, 600)}`;
    } finally {
      scope.end();
    }
    const grown = status('VmHWM') - before;
    if (grown > (repeat ? TIMES_REPEATED : TIMES) * bytes.length + SLACK) [outcome, why] = ['memory', `${name}: ${grown} bytes for ${bytes.length}`]; // prettier-ignore
    if (tell) console.log(name, bytes.length, outcome, why);
    say({ number, outcome, why: outcome === 'error' ? '' : why });
  }
  process.exit(0);
}

function status(key) {
  return (
    1024 * Number(new RegExp(`^${key}:\\s+(\\d+)`, 'm').exec(readFileSync('/proc/self/status', 'utf8'))[1])
  );
}

/** Files of each format, ours and Python's. */
async function samples(torch, folder) {
  const { zipEntries } = await library('files/zipReader');
  const { MemoryBytes } = await library('files/randomAccess');
  const { checkpoints, nn } = torch;
  torch.manualSeed(0);
  const net = new nn.Sequential(new nn.Conv2d(3, 4, 3), new nn.ReLU(), new nn.Flatten(), new nn.Linear(4, 2));
  const tensors = {
    ...net.stateDict(),
    half: torch.ones([3]).to('bfloat16'),
    mask: torch.tensor([true, false]),
  };
  const at = (name) => path.join(folder, name);
  await checkpoints.saveSafetensors(at('a.safetensors'), tensors, { about: 'a test' });
  await torch.save({ net: tensors, epoch: 3, list: [1, 2.5, null, 'text'], map: new Map([[0, true]]) }, at('a.pt')); // prettier-ignore
  await checkpoints.saveNpy(at('a.npy'), torch.rand([4, 5]));
  const { half: _, ...arrays } = tensors;
  await checkpoints.saveNpz(at('a.npz'), arrays, {});
  await checkpoints.saveNpz(at('b.npz'), arrays, { compress: true });
  const tests = new URL('../../test/', import.meta.url);
  const python = fileURLToPath(new URL('checkpoints/files/python.pt', tests));
  const key = Object.freeze([1, Object.freeze(['a', null])]);
  await torch.save(new Map([[key, new Map([[Object.freeze([]), 2]])], [3, [key]]]), at('tuples.pt')); // prettier-ignore
  const readMapped = async (file) => {
    const { tensors } = await checkpoints.loadSafetensors(file, { mmap: true });
    for (const tensor of Object.values(tensors)) tensor.sum().item();
  };
  const files = [
    [at('a.safetensors'), (file) => checkpoints.loadSafetensors(file)],
    [at('a.safetensors'), readMapped],
    [at('a.pt'), (file) => torch.load(file)],
    [at('tuples.pt'), (file) => torch.load(file)],
    [python, (file) => torch.load(file)],
    [at('a.npy'), (file) => checkpoints.loadNpy(file)],
    [at('a.npz'), (file) => checkpoints.loadNpz(file)],
    [at('b.npz'), (file) => checkpoints.loadNpz(file)],
    ...['net', 'kinds'].map((name) => [
      fileURLToPath(new URL(`jit/files/${name}.pt`, tests)),
      (file) => torch.jit.load(file).dispose(),
    ]),
  ].map(([name, read]) => ({ name: path.basename(name), good: readFileSync(name), read }));
  // What Python's torch.save writes of every kind of value, now and before 1.6: as many as of all the others.
  const recorded = JSON.parse(readFileSync(new URL('parity/recorded/checkpoints.json', tests), 'utf8'));
  for (const { name, file, error } of recorded)
    if (error === undefined)
      files.push({ name, good: Buffer.from(file, 'base64'), read: (one) => torch.load(one) });
  const often = files.slice(0, 10);
  for (let i = 0; i < 10; i++) files.push(...often);
  return files.map((file) => {
    if (file.good.toString('latin1', 0, 2) !== 'PK') return file;
    const entries = zipEntries(new MemoryBytes(file.good), { checksumsOptional: true });
    return {
      ...file,
      entries: entries.map((entry) => ({ name: entry.name, data: Buffer.from(entry.read()) })),
    };
  });
}

/** The zip with one of its entries changed, and whole again. */
async function rezipped(zip, entries, draw, change) {
  // Mostly what is read and not only copied.
  const some = entries.filter(({ name }) => /\.(pkl|py|debug_pkl|npy)$/.test(name));
  const from = draw.below(4) === 0 || some.length === 0 ? entries : some;
  const chosen = from[draw.below(from.length)];
  const changed = entries.map((entry) =>
    entry === chosen ? { ...entry, data: change(entry.data, draw) } : entry,
  );
  return zip(changed, { align: 64 });
}

/** A part of it repeated, up to some hundred thousand times. */
function repeated(good, draw) {
  if (good.length === 0) return good;
  const begin = draw.below(good.length);
  const part = good.subarray(begin, begin + 1 + draw.below(24));
  const most = Math.floor(2 ** 20 / part.length);
  const times = draw.below(3) === 0 ? most : 1 + draw.below(Math.min(most, 2000));
  const at = draw.below(2) === 0 ? begin : draw.below(good.length);
  return Buffer.concat([good.subarray(0, at), Buffer.alloc(part.length * times, part), good.subarray(at)]);
}

/** One to four damages of different kinds. */
function damaged(good, draw) {
  let bytes = Buffer.from(good);
  for (let times = 1 + draw.below(4); times > 0 && bytes.length > 0; times--) {
    // Where most of the structure lies: the beginning and the end.
    const near = draw.below(3);
    const span = near === 0 ? bytes.length : Math.min(bytes.length, 400);
    const at = near === 2 ? bytes.length - 1 - draw.below(span) : draw.below(span);
    const some = Math.min(bytes.length - at, 1 + draw.below(16));
    switch (draw.below(8)) {
      case 0:
        bytes[at] ^= 1 << draw.below(8);
        break;
      case 1:
        for (let i = 0; i < some; i++) bytes[at + i] = draw.below(256);
        break;
      case 2:
        bytes.fill(draw.below(2) * 255, at, at + some);
        break;
      case 3:
        bytes = bytes.subarray(0, at);
        break;
      case 4:
        bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + some)]);
        break;
      case 5: {
        const from = draw.below(bytes.length);
        bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(from, from + 64), bytes.subarray(at)]);
        break;
      }
      case 6: {
        // A digit of a size or an offset.
        const digits = [...bytes.keys()].filter((i) => bytes[i] >= 48 && bytes[i] <= 57);
        if (digits.length > 0) bytes[digits[draw.below(digits.length)]] = 48 + draw.below(10);
        break;
      }
      default:
        if (at + 4 <= bytes.length) bytes.writeUInt32LE(draw.below(2 ** 32), at);
    }
  }
  return bytes;
}
