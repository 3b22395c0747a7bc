// Part 2's networks as whole programs: `torch-node cifar10 part2`, and the reference program in Python.
import { existsSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import path from 'node:path';
import { lines, run } from './processes.mjs';

/** Throws where there is nothing to hold the networks against. */
export function needReference({ python, reference }) {
  if (!python.command) throw new Error(python.missing);
  if (!existsSync(`${reference}/train.py`)) throw new Error(`the reference program is not in ${reference}`);
}

/** Whether the command line knows an option of `part2`. */
export async function hasOption(name) {
  const { text } = await run(process.execPath, ['bin/torch-node.js', 'cifar10', 'part2', '--help']);
  return text.includes(`${name} `);
}

/** Our program; rows: one for each network. */
export async function ourPart2({ temporary, folder }, args, epochs = 1) {
  const out = await mkdtemp(path.join(temporary, 'part2-'));
  const command = ['bin/torch-node.js', 'cifar10', 'part2', '--data', folder, '--epochs', epochs, '--out', out, '--json']; // prettier-ignore
  const done = await run(process.execPath, [...command, ...args]);
  return { ...done, rows: lines(done.text) };
}

/** Python's, which trains one network after another. */
export async function theirPart2({ python, reference, folder }, args, epochs = 1) {
  const done = await run(python.command, [`${reference}/train.py`, '--data', folder, '--epochs', epochs, ...args]); // prettier-ignore
  return { ...done, rows: lines(done.text) };
}

/** The parameters' checksums by network, as one text. */
export const checksums = (rows) =>
  rows
    .map(({ model, parametersSha256 }) => `${model} ${parametersSha256}`)
    .sort()
    .join();
