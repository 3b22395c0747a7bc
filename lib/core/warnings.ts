// Warnings of calls that a program makes again and again.

const given = new Set<string>();

/** A warning that is given once for each text, as Python's are. @internal */
export function warnOnce(text: string): void {
  if (given.has(text)) return;
  given.add(text);
  process.emitWarning(text, 'TorchWarning');
}
