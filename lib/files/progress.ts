// Shows how far a long piece of work has come, on stderr: a bar on a terminal, now and then a line elsewhere.
import cliProgress from 'cli-progress';

export interface Progress {
  /** Tells how much is done, and of how much if that is known; in bytes, or whatever is counted. */
  readonly update: (this: void, done: number, total?: number) => void;
  /** Takes the bar away, or writes the last line. */
  readonly stop: (this: void) => void;
}

export interface ProgressOptions {
  stream?: NodeJS.WriteStream | NodeJS.WritableStream;
  /** How an amount is written; by default as megabytes. */
  format?: (amount: number) => string;
  /** Milliseconds between two lines when the stream is not a terminal. */
  interval?: number;
}

/** Writes an amount of bytes for people: "183.0 MB". */
export function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}

/** Starts to show the progress of the work called `label`. */
export function showProgress(label: string, options: ProgressOptions = {}): Progress {
  const stream = options.stream ?? process.stderr;
  return 'isTTY' in stream && stream.isTTY ? bar(label, stream, options) : lines(label, stream, options);
}

function bar(
  label: string,
  stream: NodeJS.WritableStream,
  { format = megabytes }: ProgressOptions,
): Progress {
  const view = new cliProgress.SingleBar({
    stream,
    clearOnComplete: true,
    hideCursor: true,
    format: (_options, { progress, value, total }) => {
      const known = total > 0;
      const cells = Math.round(Math.min(known ? progress : 0, 1) * 30);
      const share = known ? ` [${'#'.repeat(cells)}${'.'.repeat(30 - cells)}]` : '';
      return `${label}${share} ${format(value)}${known ? ` of ${format(total)}` : ''}`;
    },
  });
  view.start(0, 0);
  return {
    update(done, total = 0) {
      view.setTotal(total);
      view.update(done);
    },
    stop: () => view.stop(),
  };
}

function lines(
  label: string,
  stream: NodeJS.WritableStream,
  { format = megabytes, interval = 5000 }: ProgressOptions,
): Progress {
  const start = Date.now();
  let last = { time: start, share: 0, done: 0 };
  return {
    update(done, total = 0) {
      const now = { time: Date.now(), share: total > 0 ? done / total : 0, done };
      const waited = now.time - last.time;
      if (waited < interval && !(now.share - last.share >= 0.1 && waited >= interval / 5)) {
        last.done = done;
        return;
      }
      const of = total > 0 ? ` of ${format(total)} (${Math.floor(now.share * 100)} %)` : '';
      stream.write(`${label}: ${format(done)}${of}\n`);
      last = now;
    },
    stop() {
      if (last.done === 0) return;
      stream.write(`${label}: ${format(last.done)} in ${((Date.now() - start) / 1000).toFixed(1)} s\n`);
    },
  };
}
