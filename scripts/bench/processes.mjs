// Processes that are measured: what they print, when, and how much memory they take.
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { run as runChild } from '../../dist/files/child.js';

/** The repository. */
export const root = fileURLToPath(new URL('../..', import.meta.url));
/** The programs that are run by the harness. */
export const peers = fileURLToPath(new URL('./peers/', import.meta.url));

/**
 * Runs a process to its end, which comes after `timeout` milliseconds at the latest.
 *
 * @returns text: what it printed; seconds: to its first line; wholeSeconds: to its end; peakMb: its peak memory, where
 *   the system tells
 */
export async function run(command, args, { env, timeout = 3_600_000 } = {}) {
  const start = performance.now();
  const since = () => (performance.now() - start) / 1000;
  let [seconds, peakMb, poll] = [undefined, undefined, undefined];
  const { code, signal, stdout, stderr } = await runChild(command, args, {
    ...{ cwd: root, env: { ...process.env, ...env }, timeout },
    onLine: (_line, stream) => stream === 'stdout' && (seconds ??= since()),
    // The kernel's own high-water mark: it only grows, so reading it now and then misses no more than the last instant.
    onStart: ({ pid }) => (poll = setInterval(() => (peakMb = highWaterMb(pid) ?? peakMb), 50)),
  }).finally(() => clearInterval(poll));
  if (code !== 0)
    throw new Error(`${[command, ...args].join(' ')} ended with ${signal ?? code}:\n${stderr.slice(-4000)}`);
  return { text: stdout, seconds, wholeSeconds: since(), peakMb };
}

/** VmHWM of a process, on Linux. */
function highWaterMb(pid) {
  try {
    return (
      Number(/^VmHWM:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024 || undefined
    );
  } catch {
    return undefined; // it has ended, or this is no Linux
  }
}

/** The lines of JSON that a program printed. */
export const lines = (text) => text.trim().split('\n').map((line) => JSON.parse(line)); // prettier-ignore

/** A program of peers/ that takes a workload's name and its options as JSON, and prints a line of JSON. */
export const workload = (command, file) => async (name, settings) => {
  const done = await run(command, [path.join(peers, file), name, JSON.stringify(settings ?? {})]);
  return { ...done, ...JSON.parse(done.text) };
};

/** Measures beside a process that keeps one core busy. */
export async function besideBusy(measure) {
  const busy = spawn(process.execPath, ['-e', 'for (;;);'], { stdio: 'ignore' });
  try {
    return await measure();
  } finally {
    busy.kill();
  }
}

/** The system's load averages over 1, 5 and 15 minutes. */
export const load = () => os.loadavg().map((value) => value.toFixed(2)).join(' '); // prettier-ignore
