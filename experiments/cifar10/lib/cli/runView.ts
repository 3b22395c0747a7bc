// A run on the screen: a progress bar on a terminal, a plain line for each epoch elsewhere.
import type { EpochMetrics } from '../metrics.js';
import type { Standing, Watcher } from '../run.js';

/** Shows a run on a stream; `say` writes lines that stay. */
export function runView(
  say: (text: string) => void,
  stream: NodeJS.WriteStream,
  data: 'cifar10' | 'synthetic',
): Watcher & { line: (text: string) => void } {
  const live = stream.isTTY;
  const note = data === 'synthetic' ? ' (synthetic)' : '';
  let shown = '';
  const show = (text: string): void => {
    if (!live) return;
    shown = text;
    stream.write(`\r\x1b[2K${shown}`);
  };
  const line = (text: string): void => {
    // Behind it a terminal has put ^C, where that was pressed.
    if (shown !== '') stream.write('\r\x1b[2K');
    shown = '';
    say(text);
  };
  return {
    /** Writes a line that stays, in the place of the one that was being shown. */
    line,
    onStart: (seed, resumed) =>
      line(`seed ${seed}${resumed ? `, resumed at epoch ${resumed.epoch}, step ${resumed.step}` : ''}`),
    onStep: (standing) => {
      if (live) show(bar(standing, note, stream.columns));
    },
    onMeasuring: (_seed, epoch) =>
      show(`${epoch === 0 ? 'before the first step' : `epoch ${epoch}`}  measuring on both sets ...`),
    onEpoch: (_seed, metrics) => line(epochLine(metrics, note)),
  };
}

/** The first of the parts that fit into a line of a terminal: a line that wraps cannot be drawn again. @internal */
export function fitting(parts: readonly string[], columns: number): string {
  const kept = [...parts];
  while (kept.length > 1 && kept.join('  ').trimEnd().length >= columns) kept.pop();
  return kept
    .join('  ')
    .trimEnd()
    .slice(0, Math.max(1, columns - 1));
}

function bar(s: Standing, note: string, columns: number): string {
  const cells = columns < 60 ? 8 : columns < 100 ? 12 : 24;
  const filled = Math.floor((cells * s.step) / s.steps);
  const parts = [
    `epoch ${s.epoch}/${s.epochs} [${'#'.repeat(filled)}${'.'.repeat(cells - filled)}] ${s.step}/${s.steps}`,
    `${s.stepsPerSecond.toFixed(0)} steps/s`,
    `loss ${s.loss.toFixed(4)}${note}`,
    ...(s.secondsLeft === undefined ? [] : [`${duration(s.secondsLeft)} left`]),
  ];
  return fitting(parts, columns);
}

function epochLine(m: EpochMetrics, note: string): string {
  const set = (name: string, loss: number | null, accuracy: number): string =>
    `${name} loss ${loss?.toFixed(4) ?? 'not finite'} accuracy ${accuracy.toFixed(2)} %`;
  return `epoch ${m.epoch}  ${set('train', m.trainLoss, m.trainAccuracy)}   ${set('test', m.testLoss, m.testAccuracy)}${note}   ${m.seconds.toFixed(1)} s`;
}

/** Seconds as 1:05. */
export function duration(seconds: number): string {
  const whole = Math.round(seconds);
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, '0')}`;
}
