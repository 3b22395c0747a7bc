// The recorded tables, and the tests that they make.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import torch from 'torch-node';
import { withoutLeaksAfterwards } from '../../support/leaks.js';
import { expectBits, python, useOneThread, type Header } from '../support.js';
import { Collector, type Row, type Runner, type TableCase, type Verdict } from './verdict.js';

const KEPT = path.join(__dirname, 'recorded');

export type Table<T extends TableCase> = Header & { cases: T[] };

/** As kept in the repository. */
export function loadKeptTable<T extends TableCase>(area: string): Table<T> {
  return read<T>(KEPT, area);
}

function read<T extends TableCase>(folder: string, area: string): Table<T> {
  return JSON.parse(readFileSync(path.join(folder, `${area}.json`), 'utf8')) as Table<T>;
}

/** As Python gave it a moment ago where there is one (see support/python.mjs), else as kept. */
export function loadTable<T extends TableCase>(area: string): Table<T> {
  const kept = loadKeptTable<T>(area);
  if (python === undefined) return kept;
  const fresh = read<T>(path.join(process.env['TORCH_NODE_TEST_RECORDED']!, 'table'), area);
  const names = ({ cases }: Table<T>): string => cases.map(({ name }) => name).join('\n');
  if (names(fresh) !== names(kept))
    throw new Error(`table/recorded/${area}.json is not what table/record.py makes now: run it`);
  return fresh;
}

/** Runs a case in a scope of its own. What it throws is what differs. */
export function verdictOf<T extends TableCase>(run: Runner<T>, one: T): Verdict {
  const found = new Collector();
  try {
    return torch.scope(() => {
      run(one, found);
      return found.verdict();
    });
  } catch (error) {
    return { differs: { throws: (error as Error).message } };
  }
}

/** A test for each case of a table. */
export function testTable<T extends TableCase>(area: string, run: Runner<T>): void {
  const table = loadTable<T>(area);
  const bits = expectBits(table, `table of ${area}`);
  useOneThread();

  describe(`${area} equal PyTorch`, () => {
    it.each(table.cases.map((one): [string, T] => [`${one.class}: ${one.name}`, one]))('%s', (_, one) => {
      const verdict = verdictOf(run, one);
      if (verdict === 'near' && (!bits || one.near !== undefined)) return;
      expect(verdict).toBe('bits');
    });
    it('leave no tensors behind', async () => {
      const sample = table.cases.filter((_, i) => i % Math.ceil(table.cases.length / 20) === 0);
      await withoutLeaksAfterwards(() => sample.forEach((one) => verdictOf(run, one)));
    });
  });
}

/** The areas that were recorded into a folder of record.py's. */
export function areasIn(folder: string): string[] {
  return readdirSync(folder)
    .filter((name) => name.endsWith('.json'))
    .map((name) => path.basename(name, '.json'))
    .sort();
}

/** All rows of an area, from a folder of record.py's; AREA.run.ts has the runner where it is not `runModule`. */
export function rowsOf<T extends TableCase>(folder: string, area: string, run: Runner<T>): Row[] {
  return read<T>(folder, area).cases.map((one) => ({
    class: one.class,
    name: one.name,
    ...(one.near === undefined ? {} : { near: one.near }),
    verdict: verdictOf(run, one),
  }));
}

/** The file of an area's own runner, which exports it as `run`; undefined where `runModule` runs the area. */
export function runnerFile(area: string): string | undefined {
  const file = path.join(__dirname, `${area}.run.ts`);
  return existsSync(file) ? file : undefined;
}
