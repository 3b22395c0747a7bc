// Programs as users write them, each beside its twin in Python: ten losses, run as they are and recorded, equal Python's in bits.
import { spawnSync } from 'node:child_process';
import { cpus } from 'node:os';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import torch from 'torch-node';
import { expectBits, noPython, otherMachine, python, type Header } from '../parity/support.js';
import { withoutLeaksAfterwards } from '../support/leaks.js';
import { itWhen } from '../support/skip.js';
import { actorCritic } from './actor-critic.js';
import { ddpm } from './ddpm.js';
import { distillation } from './distillation.js';
import { dqn } from './dqn.js';
import { forwardForward } from './forward-forward.js';
import { gan } from './gan.js';
import { gpt } from './gpt.js';
import { graphAttention } from './graph-attention.js';
import { lstmLanguageModel } from './lstm-language-model.js';
import { eager, exact, type Compile } from './program.js';
import { seq2seq } from './seq2seq.js';
import { siamese } from './siamese.js';
import { superResolution } from './super-resolution.js';
import { transfer } from './transfer.js';
import { transformerLanguageModel } from './transformer-language-model.js';
import { vae } from './vae.js';

const PROGRAMS: Readonly<Record<string, (compile: Compile) => number[]>> = {
  'actor-critic': actorCritic,
  ddpm,
  distillation,
  dqn,
  'forward-forward': forwardForward,
  gan,
  gpt,
  'graph-attention': graphAttention,
  'lstm-language-model': lstmLanguageModel,
  seq2seq,
  siamese,
  'super-resolution': superResolution,
  transfer,
  'transformer-language-model': transformerLanguageModel,
  vae,
};

const RECORD = path.join(__dirname, '../parity/recorded/programs.json');
type Recorded = Header & { losses: Readonly<Record<string, readonly number[]>> };

const TWINS = `
import importlib.util, json, sys
import torch
torch.set_num_threads(1)
def losses(name):
    spec = importlib.util.spec_from_file_location(name.replace('-', '_'), f'{sys.argv[1]}/{name}.py')
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    torch.manual_seed(0)
    return module.losses()
json.dump({name: losses(name) for name in sys.argv[2:]}, sys.stdout)
`;

const kept = (): Recorded => JSON.parse(readFileSync(RECORD, 'utf8')) as Recorded;

/** Python's losses of this moment; undefined where there is none. TORCH_NODE_TEST_RECORD=1 keeps them. */
function asked(): Recorded | undefined {
  if (python === undefined) return undefined;
  const ended = spawnSync(python, ['-W', 'ignore', '-c', TWINS, __dirname, ...Object.keys(PROGRAMS)], {
    encoding: 'utf8',
    timeout: 120_000,
  });
  if (ended.error) throw ended.error;
  if (ended.status !== 0) throw new Error(`Python: ${ended.stderr}`);
  const [cpu] = cpus();
  const fresh: Recorded = {
    torch: torch.version,
    cpuCapability: torch.cpuCapability(),
    cpu: cpu?.model.trim() ?? 'unknown CPU',
    threads: 1,
    losses: JSON.parse(ended.stdout) as Recorded['losses'],
  };
  if (process.env['TORCH_NODE_TEST_RECORD'] === '1') writeFileSync(RECORD, `${JSON.stringify(fresh)}\n`);
  return fresh;
}

const fresh = asked();
const recorded = fresh ?? kept();
// Ten steps make more of a difference in the last bits.
const TOLERANCE = 1e-3;
const bits = expectBits(recorded, 'programs', TOLERANCE);
const threads = torch.getNumThreads();
beforeAll(() => torch.setNumThreads(1));
afterAll(() => torch.setNumThreads(threads));

describe.each(Object.keys(PROGRAMS))('%s', (name) => {
  it.each([
    ['eager', eager],
    ['recorded', exact],
  ])('%s', async (_, compile) => {
    let losses: number[] = [];
    await withoutLeaksAfterwards(() => {
      torch.manualSeed(0);
      losses = PROGRAMS[name]!(compile);
    });
    const wanted = recorded.losses[name]!;
    expect(losses).toHaveLength(10);
    expect(new Set(losses).size).toBe(10);
    if (bits) expect(losses).toEqual(wanted);
    else
      losses.forEach((loss, i) =>
        expect(Math.abs(loss - wanted[i]!)).toBeLessThan(TOLERANCE * Math.abs(wanted[i]!)),
      );
  });
});

it('every program has its twin', () => {
  for (const name of Object.keys(PROGRAMS)) expect(existsSync(path.join(__dirname, `${name}.py`))).toBe(true);
  expect(Object.keys(PROGRAMS)).toHaveLength(15);
});

itWhen(fresh !== undefined, noPython)('what is kept is what Python makes now', () => {
  const [before, now] = [kept(), fresh!];
  expect(Object.keys(before.losses).sort()).toEqual(Object.keys(now.losses).sort());
  if (otherMachine(before) === undefined) expect(before.losses).toEqual(now.losses);
});
