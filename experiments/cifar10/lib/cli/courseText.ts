// Our numbers beside the course's, as plain text.
import { meanDeviation, type Measured } from '../compare.js';
import { COURSE, COURSE_EPOCHS, courseLimits, MEASURES, signed } from '../course.js';

/** A table of ours, the course's and the difference, with what it can say; nothing where no network is the course's. */
export function courseText(rows: readonly Measured[], epochs: number): string[] {
  const known = rows.filter(({ model }) => model in COURSE);
  if (known.length === 0) return [];
  const head = [
    'model',
    ...MEASURES.flatMap(({ name }) => [name.replace('accuracy', 'acc'), 'course', 'diff']),
  ];
  const cells = known.map(({ model, measures }) => [
    model,
    ...MEASURES.flatMap(({ key, digits, unit }) => {
      const [ours, theirs] = [measures[key]?.mean, COURSE[model]![key]];
      return [
        ours === undefined ? 'not finite' : `${ours.toFixed(digits)}${unit}`,
        `${theirs.toFixed(digits)}${unit}`,
        ours === undefined ? '-' : signed(ours - theirs, digits).replace('−', '-'),
      ];
    }),
  ]);
  const length =
    epochs === COURSE_EPOCHS ? '' : ` Ours learnt for ${epochs} epoch${epochs === 1 ? '' : 's'}, the course's for ${COURSE_EPOCHS}.`; // prettier-ignore
  return [
    "Beside the course's numbers, and ours less those:",
    ...columns([head, ...cells]),
    `${courseLimits(meanDeviation(known)).replaceAll('’', "'")}${length}`,
  ];
}

/** Lines of a table whose first column is names. */
export function columns(table: readonly (readonly string[])[]): string[] {
  const widths = table[0]!.map((_, i) => Math.max(...table.map((row) => row[i]!.length)));
  return table.map((row) =>
    row.map((cell, i) => (i === 0 ? cell.padEnd(widths[0]!) : cell.padStart(widths[i]!))).join('  '),
  );
}
