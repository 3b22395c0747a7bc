// Ctrl-C: the first asks the work to stop at its next step, the second ends the process.

/** `signal` is aborted by the first SIGINT or SIGTERM; `done()` gives the signals back. */
export function interruptible(say: (text: string) => void): { signal: AbortSignal; done: () => void } {
  const controller = new AbortController();
  const onSignal = (): void => {
    if (controller.signal.aborted) process.exit(130);
    say('\nStopping after this step (Ctrl-C again to stop at once) ...');
    controller.abort();
  };
  process.on('SIGINT', onSignal).on('SIGTERM', onSignal);
  return {
    signal: controller.signal,
    done: () => process.off('SIGINT', onSignal).off('SIGTERM', onSignal),
  };
}
