// Ctrl-C: the first asks the work to stop at its next step, the second ends the process.

export interface Interrupt {
  /** Aborted by the first SIGINT or SIGTERM. */
  readonly signal: AbortSignal;
  /** What writes from now on: a view that clears what it is showing. */
  through(say: (text: string) => void): void;
  /** Gives the signals back. */
  done(): void;
}

export function interruptible(say: (text: string) => void): Interrupt {
  let write = (text: string): void => say(`\n${text}`);
  const controller = new AbortController();
  const onSignal = (): void => {
    if (controller.signal.aborted) process.exit(130);
    write('Stopping after this step (Ctrl-C again to stop at once) ...');
    controller.abort();
  };
  process.on('SIGINT', onSignal).on('SIGTERM', onSignal);
  return {
    signal: controller.signal,
    through: (view) => {
      write = view;
    },
    done: () => {
      process.off('SIGINT', onSignal).off('SIGTERM', onSignal);
    },
  };
}
