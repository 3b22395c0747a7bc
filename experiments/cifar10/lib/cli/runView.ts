// A run on the screen: a progress bar on a terminal, a plain line for each epoch elsewhere.
import type { EpochMetrics } from '../metrics.js';
import type { Standing, Watcher } from '../run.js';

const CELLS = 24;

/** Shows a run on a stream; `say` writes lines that stay. */
export function runView(
  say: (text: string) => void,
  stream: NodeJS.WriteStream,
  data: 'cifar10' | 'synthetic',
): Watcher {
  const live = stream.isTTY;
  const note = data === 'synthetic' ? ' (synthetic)' : '';
  let shown = '';
  const show = (text: string): void => {
    if (!live) return;
    // One line, never wrapped: what does not fit is cut.
    shown = text.slice(0, Math.max(20, stream.columns - 1));
    stream.write(`\r\x1b[2K${shown}`);
  };
  const line = (text: string): void => {
    if (shown !== '') stream.write('\r\x1b[2K');
    shown = '';
    say(text);
  };
  return {
    onStart: (seed, resumed) =>
      line(`seed ${seed}${resumed ? `, resumed at epoch ${resumed.epoch}, step ${resumed.step}` : ''}`),
    onStep: (standing) => show(bar(standing, note)),
    onMeasuring: (_seed, epoch) =>
      show(`${epoch === 0 ? 'before the first step' : `epoch ${epoch}`}  measuring on both sets ...`),
    onEpoch: (_seed, metrics) => line(epochLine(metrics, note)),
  };
}

function bar(s: Standing, note: string): string {
  const filled = Math.floor((CELLS * s.step) / s.steps);
  const parts = [
    `epoch ${s.epoch}/${s.epochs} [${'#'.repeat(filled)}${'.'.repeat(CELLS - filled)}] ${s.step}/${s.steps}`,
    `${s.stepsPerSecond.toFixed(0)} steps/s`,
    `loss ${s.loss.toFixed(4)}${note}`,
    ...(s.secondsLeft === undefined ? [] : [`${duration(s.secondsLeft)} left`]),
  ];
  return parts.join('  ');
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
