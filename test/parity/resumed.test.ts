// Trainings that stop in the middle: what torch.save wrote in Python goes on here, and what was written here goes on in Python,
// as if nothing had happened. All optimizers and schedules; see resumed.py.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import torch, { nn, optim, type Tensor } from 'torch-node';
import { itWhen } from '../support/skip.js';
import {
  Comparison,
  expectBits,
  load,
  noPython,
  numbers,
  python,
  useOneThread,
  type Recorded,
} from './support.js';
import { optionsOf } from './table/optim.run.js';
import { buildSchedule, METRICS } from './table/schedules.run.js';

type Options = Record<string, unknown>;

interface Course {
  rates: Recorded;
  momenta: Recorded;
  parameters: Recorded[];
}

interface Case extends Course {
  name: string;
  optimizer: string;
  options: Options;
  groups?: Options[];
  schedules?: [kind: string, args: unknown[], options: Options][];
  complex?: boolean;
  sparse?: boolean;
  late?: number;
  numbered?: boolean;
}

interface Saved {
  parameters: Tensor[];
  step: number;
  optimizer: optim.SavedOptimizerState;
  schedules: optim.lrScheduler.SchedulerState[];
}

const [BEFORE, AFTER] = [7, 9];
const SHAPES = [[3, 5], [5], [], [2, 2]];

const recorded = load<{ cases: Case[] }>('resumed');
const bits = expectBits(recorded, 'resumed');
useOneThread();

let folder: string;
beforeAll(() => (folder = mkdtempSync(path.join(tmpdir(), 'torch-node-resumed-'))));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** As Training of resumed.py. */
class Training {
  readonly parameters: Tensor[];
  readonly optimizer: optim.Optimizer;
  readonly schedules: optim.lrScheduler.LRScheduler[];
  #step = 0;

  constructor(readonly one: Case) {
    this.parameters = one.sparse
      ? [new nn.Parameter(numbers({ shape: [7, 3], seed: 1 }))]
      : SHAPES.map((shape, i) => new nn.Parameter(this.#made(shape, 1 + i)));
    const Class = optim[one.optimizer as 'Adam'] as unknown as new (
      params: unknown,
      options: Options,
    ) => optim.Optimizer;
    const groups = one.groups?.map((own, n, all) => ({
      ...optionsOf(own),
      params: this.parameters.filter((_, i) => i % all.length === n),
    }));
    this.optimizer = new Class(groups ?? this.parameters, optionsOf(one.options));
    this.schedules = (one.schedules ?? []).map((spec) =>
      buildSchedule(...spec, this.optimizer as unknown as optim.AnyOptimizer),
    );
  }

  #made(shape: number[], seed: number): Tensor {
    const part = numbers({ shape, seed });
    return this.one.complex ? torch.complex(part, numbers({ shape, seed: seed + 50 })) : part;
  }

  #loss(): Tensor {
    if (this.one.sparse) {
      const indices = numbers({ shape: [4], seed: this.#step, kind: 'classes', classes: 7 });
      const table = this.parameters[0]!;
      return (torch.ops.call('aten::embedding', [table, indices, -1, false, true]) as Tensor).pow(2).sum();
    }
    const squares = this.parameters.map((p, i) => {
      const rest = p.sub(this.#made([...p.shape], 100 + 7 * this.#step + i));
      return (this.one.complex ? torch.viewAsReal(rest) : rest).pow(2).sum();
    });
    return torch.stack(squares).sum();
  }

  go(steps: number): { rates: number[]; momenta: number[]; parameters: Tensor[] } {
    const rates: number[] = [];
    const momenta: number[] = [];
    for (let i = 0; i < steps; i++) {
      this.optimizer.step(() => {
        this.optimizer.zeroGrad();
        const loss = this.#loss();
        loss.backward();
        if (this.one.late !== undefined && this.#step < BEFORE + 2)
          this.parameters[this.one.late]!.grad = null;
        return loss;
      });
      this.#step++;
      for (const schedule of this.schedules) {
        const isPlateau = 'numBadEpochs' in schedule;
        if (isPlateau) (schedule as optim.lrScheduler.ReduceLROnPlateau).step(METRICS[this.#step]);
        else schedule.step(this.one.numbered ? this.#step : undefined);
      }
      for (const { lr, betas, momentum } of this.optimizer.paramGroups as optim.AnyOptimizer['paramGroups']) {
        rates.push(typeof lr === 'number' ? lr : lr.item());
        momenta.push(betas?.[0] ?? momentum ?? 0);
      }
    }
    return { rates, momenta, parameters: this.parameters };
  }

  stateDict(): Saved {
    return {
      parameters: this.parameters.map((parameter) => parameter.detach()),
      step: this.#step,
      optimizer: this.optimizer.stateDict(),
      schedules: this.schedules.map((schedule) => schedule.stateDict()),
    };
  }

  loadStateDict(saved: Saved): void {
    torch.noGrad(() => this.parameters.forEach((parameter, i) => parameter.copy_(saved.parameters[i]!)));
    this.optimizer.loadStateDict(saved.optimizer);
    this.schedules.forEach((schedule, i) => schedule.loadStateDict(saved.schedules[i]!));
    this.#step = saved.step;
  }
}

function compare(course: ReturnType<Training['go']>, expected: Course): Readonly<Record<string, string>> {
  const comparison = new Comparison(bits);
  const double = (values: number[]): Tensor => torch.tensor(values, { dtype: 'float64' });
  comparison.tensor('rates', double(course.rates), expected.rates);
  comparison.tensor('momenta', double(course.momenta), expected.momenta);
  course.parameters.forEach((parameter, i) => {
    const real = parameter.isComplex() ? torch.viewAsReal(parameter.detach()) : parameter;
    comparison.tensor(`parameter ${i}`, real, expected.parameters[i]!);
  });
  return comparison.differences;
}

/** What differs of each case, by its name. */
function each(run: (one: Case, number: number) => object): Record<string, object> {
  const found = recorded.cases.map((one, i) => [one.name, torch.scope(() => run(one, i))] as const);
  return Object.fromEntries(found.filter(([, differences]) => Object.keys(differences).length > 0));
}

describe('a training that stopped in the middle', () => {
  it('goes on from what torch.save wrote in Python', async () => {
    const { TORCH_NODE_TEST_RECORDED: fresh } = process.env;
    const kept = path.join(__dirname, 'recorded');
    const file = path.join(python === undefined ? kept : fresh!, 'resumed.pt');
    const saved = (await torch.load(file)) as Saved[];
    expect(saved.length).toBe(recorded.cases.length);
    const differences = each((one, i) => {
      const training = new Training(one);
      training.loadStateDict(saved[i]!);
      return compare(training.go(AFTER), one);
    });
    expect(differences).toEqual({});
  });

  itWhen(python !== undefined, noPython)(
    'goes on in Python from what torch.save wrote here, and here as well',
    async () => {
      const own: Record<string, object> = {};
      for (const [i, one] of recorded.cases.entries()) {
        const training = new Training(one);
        training.go(BEFORE);
        await torch.save(training.stateDict(), path.join(folder, `${i}.pt`));
        const differences = compare(training.go(AFTER), one);
        if (Object.keys(differences).length > 0) own[one.name] = differences;
      }
      const args = [path.join(__dirname, 'resumed.py'), 'go-on', folder];
      const { stdout, stderr, status } = spawnSync(python!, args, { encoding: 'utf8' });
      expect(status === 0 ? '' : stderr).toBe('');
      const lines = stdout
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as Course & { differs?: unknown });
      expect(lines.length).toBe(recorded.cases.length);
      const there = each((one, i) => {
        const { differs, ...course } = lines[i]!;
        const words = Object.entries(course).filter(
          ([name, value]) => JSON.stringify(value) !== JSON.stringify(one[name as keyof Course]),
        );
        return { ...Object.fromEntries(words), ...(differs === undefined ? {} : { differs }) };
      });
      expect({ own, there }).toEqual({ own: {}, there: {} });
    },
    300_000,
  );
});
