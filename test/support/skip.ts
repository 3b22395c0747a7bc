// Tests that need something that a machine may lack: skipped where it does, and never silently.

/** `it` where the condition holds; otherwise a skipped test, with the reason on stderr. */
export function itWhen(
  condition: boolean,
  reason: string,
): (name: string, run: () => void | Promise<void>, timeout?: number) => void {
  return (name, run, timeout) => {
    const test = async (): Promise<void> => run();
    if (condition) return it(name, test, timeout);
    process.stderr.write(`skipped: ${name}: ${reason}\n`);
    it.skip(name, test, timeout);
  };
}
