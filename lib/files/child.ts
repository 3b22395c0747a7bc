// Runs a program to its end with its output captured; the program does not outlive this process. The one runner of the
// package and its scripts.
import { type ChildProcessByStdio, spawn, type SpawnOptions } from 'node:child_process';
import type { Readable } from 'node:stream';

export interface Finished {
  /** The exit code; null when a signal ended the program. */
  code: number | null;
  /** The signal that ended the program, else null. */
  signal: NodeJS.Signals | null;
  stdout: string;
  stderr: string;
}

export interface RunOptions extends Pick<SpawnOptions, 'uid' | 'gid' | 'shell'> {
  cwd?: string;
  env?: NodeJS.ProcessEnv;
  /** Called with each complete line as it comes. */
  onLine?: (line: string, stream: 'stdout' | 'stderr') => void;
  /** Called with the program once it runs, for those who watch it or may have to end it. */
  onStart?: (child: ChildProcessByStdio<null, Readable, Readable>) => void;
  /** Kills the program after that many milliseconds. */
  timeout?: number;
}

const endings = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/**
 * Runs a program and gives its exit code and output. Rejects only when it cannot be started at all (ENOENT where
 * there is no such program). A signal that ends this process ends the program first.
 */
export function run(command: string, args: string[], options: RunOptions = {}): Promise<Finished> {
  const { onLine, onStart, ...settings } = options;
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
        ...settings,
        // Named, since a realm such as Jest's has a process.env of its own.
        env: settings.env ?? process.env,
        stdio: ['ignore', 'pipe', 'pipe'],
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
        for (const line of lines) onLine?.(line, name);
      });
      child[name].on('end', () => rest && onLine?.(rest, name));
    }
    child.on('error', (error) => {
      release();
      reject(error);
    });
    child.on('close', (code, signal) => {
      release();
      resolve({ code, signal, ...output });
    });
    if (child.pid !== undefined) onStart?.(child);
  });
}
