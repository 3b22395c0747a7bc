// Our numbers beside the course's, as a table of a page.
import { meanDeviation, type Measured } from '../compare.js';
import { COURSE, COURSE_EPOCHS, courseLimits, MEASURES, signed } from '../course.js';
import { scrolling } from './page.js';
import { escapeText } from './svg.js';

/** A section; nothing where no network is the course's. `more` follows the table. */
export function besideCourse(rows: readonly Measured[], epochs: number, more = ''): string {
  const known = rows.filter(({ model }) => model in COURSE);
  if (known.length === 0) return '';
  const body = known.map(({ model, measures }) => {
    const cells = MEASURES.flatMap(({ key, digits }) => {
      const [ours, theirs] = [measures[key]?.mean, COURSE[model]![key]];
      return [
        `<td>${ours === undefined ? 'not finite' : ours.toFixed(digits)}</td>`,
        `<td>${theirs.toFixed(digits)}</td>`,
        `<td class="difference">${ours === undefined ? '–' : signed(ours - theirs, digits)}</td>`,
      ];
    });
    return `<tr><th scope="row">${escapeText(model)}</th>${cells.join('')}</tr>`;
  });
  const length =
    epochs === COURSE_EPOCHS ? '' : ` Ours learnt for ${epochs} epoch${epochs === 1 ? '' : 's'}, the course’s for ${COURSE_EPOCHS}, so the differences are of that, too.`; // prettier-ignore
  return `<section>
<h2>Beside the course’s numbers</h2>
<p class="note" id="about-course">${escapeText(`${courseLimits(meanDeviation(known))}${length}`)}</p>
${scrolling(`<table class="numbers course" aria-describedby="about-course"><caption>Ours, the course’s, and ours less the course’s</caption>
<thead><tr><th scope="col" rowspan="2">network</th>${MEASURES.map(({ name, unit }) => `<th scope="colgroup" colspan="3">${name}${unit && ','}${unit}</th>`).join('')}</tr>
<tr>${MEASURES.map(() => '<th scope="col">ours</th><th scope="col">course</th><th scope="col">diff</th>').join('')}</tr></thead>
<tbody>${body.join('\n')}</tbody></table>`)}${more}
</section>`;
}
