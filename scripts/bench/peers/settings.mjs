// What the JavaScript contestants have in common: their arguments, CIFAR-10's order, and the lines that they print.
import { readFileSync } from 'node:fs';
import path from 'node:path';

export const BATCH = 32;
/** Losses that are compared before any time counts. */
export const FIRST = 5;

/** name=value arguments as an object. */
export const settings = Object.fromEntries(
  process.argv.slice(2).map((argument) => {
    const at = argument.indexOf('=');
    return [argument.slice(0, at), argument.slice(at + 1)];
  }),
);

export const say = (what) => console.log(JSON.stringify(what));

const file = (name) => {
  const bytes = readFileSync(path.join(settings.start, name));
  return bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength);
};
/** All parameters of the common beginning, in order. */
export const weights = () => new Float32Array(file('weights.f32'));
/** The order in which the images are learnt. */
export const order = () => new BigInt64Array(file('order.i64'));

/** Peak resident memory, on Linux. */
export function peakMb() {
  try {
    return Number(/^VmHWM:\s+(\d+) kB/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]) / 1024;
  } catch {
    return undefined;
  }
}
