// A download on the screen: a bar on a terminal, now and then a line elsewhere.

const CELLS = 30;
const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`;

/** Shows the download of CIFAR-10 on a stream. `stop` takes the bar away. */
export function downloadView(stream: NodeJS.WriteStream): {
  update: (done: number, total?: number) => void;
  stop: () => void;
} {
  const every = stream.isTTY ? 100 : 5000;
  let last = -Infinity;
  return {
    update(done, total = 0) {
      const now = performance.now();
      if (now - last < every) return;
      last = now;
      const of = total > 0 ? ` of ${megabytes(total)}` : '';
      if (!stream.isTTY) {
        stream.write(`CIFAR-10: ${megabytes(done)}${of}\n`);
        return;
      }
      const cells = Math.round(Math.min(total > 0 ? done / total : 0, 1) * CELLS);
      const bar = total > 0 ? ` [${'#'.repeat(cells)}${'.'.repeat(CELLS - cells)}]` : '';
      stream.write(`\r\x1b[2KCIFAR-10${bar} ${megabytes(done)}${of}`);
    },
    stop() {
      if (stream.isTTY) stream.write('\r\x1b[2K');
    },
  };
}
