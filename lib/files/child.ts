// Runs a program to its end with its output captured; the program does not outlive this process.
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import type { Readable } from 'node:stream';

export interface Finished {
  /** The exit code; null when a signal ended the program. */
  code: number | null;
  stdout: string;
  stderr: string;
}

export interface RunOptions {
  cwd?: string;
  env?: NodeJS.ProcessEnv;
  /** Called with each complete line of stdout and stderr as it comes. */
  onLine?: (line: string) => void;
  /** Kills the program after that many milliseconds. */
  timeout?: number;
}

const endings = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/**
 * Runs a program and gives its exit code and output. Rejects only when it cannot be started at all (ENOENT where
 * there is no such program). A signal that ends this process ends the program first.
 */
export function run(command: string, args: string[], options: RunOptions = {}): Promise<Finished> {
  return new Promise((resolve, reject) => {
    // Listened for before there is a program: a signal between its start and the listening would end this process
    // and leave the program behind. Listeners run when this turn is over, when `child` is there.
    const forward = (signal: NodeJS.Signals) => {
      child.kill();
      release();
      process.kill(process.pid, signal);
    };
    const kill = () => child.kill();
    const release = () => {
      for (const signal of endings) process.removeListener(signal, forward);
      process.removeListener('exit', kill);
    };
    for (const signal of endings) process.on(signal, forward);
    let child: ChildProcessByStdio<null, Readable, Readable>;
    try {
      child = spawn(command, args, {
        cwd: options.cwd,
        env: options.env ?? process.env,
        stdio: ['ignore', 'pipe', 'pipe'],
        timeout: options.timeout,
        windowsHide: true,
      });
    } catch (error) {
      release();
      throw error;
    }
    process.on('exit', kill);

    const output = { stdout: '', stderr: '' };
    for (const name of ['stdout', 'stderr'] as const) {
      let rest = '';
      child[name].setEncoding('utf8').on('data', (text: string) => {
        output[name] += text;
        const lines = (rest + text).split(/\r?\n/);
        rest = lines.pop() ?? '';
        for (const line of lines) options.onLine?.(line);
      });
      child[name].on('end', () => rest && options.onLine?.(rest));
    }
    child.on('error', (error) => {
      release();
      reject(error);
    });
    child.on('close', (code) => {
      release();
      resolve({ code, ...output });
    });
  });
}
