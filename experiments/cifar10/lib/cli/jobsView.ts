// Jobs on the screen: on a terminal a live table of those that run, elsewhere a line when one ends; and their comparison.
import { columns, courseText } from './courseText.js';
import type { Row, Spread } from '../compare.js';
import { jobName, type Job } from '../jobs/job.js';
import type { JobsWatcher } from '../jobs/pool.js';
import type { Standing } from '../run.js';
import { duration, fitting } from './runView.js';

const REDRAW_MS = 200;

interface Running {
  standing?: Standing;
  epoch: number;
  testAccuracy?: number;
}

/** Shows jobs on a stream; `say` writes lines that stay. */
export function jobsView(
  say: (text: string) => void,
  stream: NodeJS.WriteStream,
  count: number,
  epochs: number,
): { watcher: JobsWatcher; line: (text: string) => void; end: () => void } {
  const running = new Map<string, Running>();
  const start = performance.now();
  let [ended, epochsDone, failed] = [0, 0, 0];
  let drawn: readonly string[] = [];
  const timer = stream.isTTY ? setInterval(draw, REDRAW_MS) : undefined;

  function clear(): void {
    // In a window that was made narrower since, lines have become several.
    const rows = drawn.reduce(
      (sum, { length }) => sum + Math.max(1, Math.ceil(length / Math.max(1, stream.columns))),
      0,
    );
    if (rows > 0) stream.write(`\x1b[${rows}A\r\x1b[J`);
    drawn = [];
  }
  function draw(): void {
    clear();
    const rows = [...running].map(([name, { standing: s, testAccuracy, epoch }]) => [
      name.padEnd(22),
      `epoch ${epoch}/${epochs}`.padEnd(12),
      s ? `${Math.round((100 * s.step) / s.steps)} %`.padStart(5) : '',
      s ? `${s.stepsPerSecond.toFixed(0)} steps/s`.padStart(13) : 'starting',
      s ? `loss ${s.loss.toFixed(4)}` : '',
      testAccuracy === undefined ? '' : `test ${testAccuracy.toFixed(2)} %`,
    ]);
    rows.push([totals()]);
    drawn = rows.slice(-Math.max(2, stream.rows - 1)).map((row) => fitting(row, stream.columns));
    stream.write(`${drawn.join('\n')}\n`);
  }
  function totals(): string {
    let done = epochsDone;
    for (const { standing, epoch } of running.values())
      if (standing && standing.epoch === epoch) done += (0.75 * standing.step) / standing.steps; // then it is measured
    const all = (count - failed) * epochs;
    const left = done > 0 ? ((performance.now() - start) / 1000 / done) * (all - done) : undefined;
    return `${ended} of ${count} jobs ended${failed > 0 ? `, ${failed} failed` : ''}${left === undefined ? '' : `, ${duration(left)} left`}`;
  }
  const line = (text: string): void => {
    clear();
    say(text);
  };
  const known = (job: Job): Running => running.get(jobName(job))!;
  const watcher: JobsWatcher = {
    onStart: (job) => {
      running.set(jobName(job), { epoch: 1 });
      if (!stream.isTTY) say(`${jobName(job)}: begun`);
    },
    onStep: (job, standing) => Object.assign(known(job), { standing, epoch: standing.epoch }),
    onEpoch: (job, { epoch, testAccuracy }) => {
      epochsDone++;
      Object.assign(known(job), { testAccuracy, epoch: Math.min(epoch + 1, epochs) });
      delete known(job).standing;
    },
    onDone: (job, { run }) => {
      running.delete(jobName(job));
      ended++;
      const { testLoss, testAccuracy } = run.final;
      const seconds = run.epochs.reduce((sum, epoch) => sum + epoch.seconds, 0);
      line(
        `${jobName(job)}: test loss ${testLoss?.toFixed(4)} accuracy ${testAccuracy.toFixed(2)} %   learnt for ${seconds.toFixed(1)} s`,
      );
    },
    onFailed: (job, reason) => {
      running.delete(jobName(job));
      ended++;
      failed++;
      line(`${jobName(job)}: FAILED: ${reason}`);
    },
  };
  return {
    watcher,
    line,
    end: () => {
      clearInterval(timer);
      clear();
    },
  };
}

/** The comparison as a table of plain text. */
export function comparisonText(rows: Row[], data: 'cifar10' | 'synthetic', epochs: number): string {
  const head = ['model', 'train loss', 'train acc %', 'test loss', 'test acc %', 'against original', 'parameters', 'MFLOP a step', 'seconds']; // prettier-ignore
  const cells = rows.map(({ model, measures: m, difference, parameters, flopsPerStep, seconds }) => [
    model,
    spreadText(m.trainLoss, 4),
    spreadText(m.trainAccuracy, 2),
    spreadText(m.testLoss, 4),
    spreadText(m.testAccuracy, 2),
    difference
      ? `${signed(difference.mean)} [${signed(difference.low)}, ${signed(difference.high)}]${difference.low > 0 || difference.high < 0 ? ' *' : ''}`
      : '-',
    parameters.toLocaleString('en'),
    (flopsPerStep / 1e6).toFixed(1),
    seconds.toFixed(1),
  ]);
  const [seeds = 0] = rows.map((row) => row.seeds.length);
  const note =
    seeds > 1
      ? `Mean ± standard deviation over ${seeds} seeds. Against original: test accuracy in points, paired over seeds, with the 95 % interval; * where it leaves out zero.`
      : 'One seed: whether a network differs from the original cannot be told from it (try --seeds 5x).';
  return [
    ...(data === 'synthetic' ? ['SYNTHETIC pictures, not CIFAR-10.'] : []),
    ...columns([head, ...cells]),
    note,
    ...(data === 'synthetic' ? [] : ['', ...courseText(rows, epochs)]),
  ].join('\n');
}

function spreadText(spread: Spread | null, digits: number): string {
  if (spread === null) return 'not finite';
  const { mean, deviation } = spread;
  return `${mean.toFixed(digits)}${deviation === null ? '' : ` ± ${deviation.toFixed(digits)}`}`;
}

function signed(value: number): string {
  return `${value < 0 ? '' : '+'}${value.toFixed(2)}`;
}
