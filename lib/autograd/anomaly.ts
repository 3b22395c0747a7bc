// Backward passes, and the search for what goes wrong in them.
import { expectNoMore, options } from '../core/options.js';
import { expectBoolean } from '../core/checks.js';
import { inMode } from '../core/modes.js';
import { native } from '../native/binding.js';
import { named } from '../core/errors.js';
import { callers } from '../tensor/trace.js';

/** Runs a backward pass. Where it fails under anomaly detection, says where its operator was called. @internal */
export function backwardPass<T>(where: string, run: () => T, describe: () => readonly string[]): T {
  try {
    return named(where, run, describe);
  } catch (error) {
    const found = native.takeAnomalies();
    for (let i = 0; i < found.length; i += 2) {
      const lines = callers(found[i + 1]!).map((line) => `\n    at ${line}`);
      process.emitWarning(
        `error detected in ${found[i]!}, whose operator was called ${lines.length > 0 ? `here:${lines.join('')}` : 'before detection was on'}`,
        'AnomalyWarning',
      );
    }
    throw error;
  }
}

/**
 * Turns anomaly detection on or off, for the whole process: as long as it is on, operators remember where they were called,
 * and when the backward of one fails a warning (an AnomalyWarning of the process) tells. With `checkNan`, the default, a
 * backward that gives NaN fails. Everything takes several times as long: for debugging.
 */
export function setDetectAnomaly(on: boolean, given: { checkNan?: boolean } = {}): void {
  expectNoMore('setDetectAnomaly', arguments, 2);
  const { checkNan = true } = options('setDetectAnomaly', given, ['checkNan']);
  expectBoolean('setDetectAnomaly', 'on', on);
  native.setAnomalyMode(on, expectBoolean('setDetectAnomaly', 'checkNan', checkNan));
}

/** Whether anomaly detection is on. */
export function isAnomalyEnabled(): boolean {
  expectNoMore('isAnomalyEnabled', arguments, 0);
  return native.anomalyMode()[0];
}

/** Runs a function, as `noGrad` does, with anomaly detection on; what was set before comes back. See `setDetectAnomaly`. */
export function detectAnomaly<T>(run: () => T, given: { checkNan?: boolean } = {}): T {
  expectNoMore('detectAnomaly', arguments, 2);
  options('detectAnomaly', given, ['checkNan']);
  return inMode(
    'detectAnomaly',
    () => {
      const [on, checkNan] = native.anomalyMode();
      setDetectAnomaly(true, given);
      return () => native.setAnomalyMode(on, checkNan);
    },
    run,
  );
}
