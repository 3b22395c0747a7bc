// report.html: one file that needs no network, for screens wide and narrow and for paper.
import { createHash } from 'node:crypto';
import type { Loss } from '../metrics.js';
import { STYLE } from './style.js';
import { escapeText } from './svg.js';

/**
 * A whole page of sections.
 *
 * @param script runs in the page; the page stands without it too
 */
export function page(title: string, synthetic: boolean, sections: string[], script?: string): string {
  // Only this very script may run, and nothing may be fetched.
  const allowed = script
    ? `; script-src 'sha256-${createHash('sha256').update(script).digest('base64')}'`
    : '';
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'${allowed}">
<title>${escapeText(title)}${synthetic ? ' (synthetic data)' : ''}</title>
<style>${STYLE}</style>
</head>
<body>
<main>
${sections.join('\n')}
</main>
${script ? `<script>${script}</script>` : ''}
</body>
</html>
`;
}

/** What scrolls by itself where it is too wide: a shadow shows it, and SCROLL_SCRIPT says it. */
export function scrolling(content: string): string {
  return `<div class="scroller"><p class="hint">Scroll sideways for more →</p><div class="scroll" tabindex="0">${content}</div></div>`;
}

/** A table that scrolls by itself where it is too wide. Cells are escaped here. */
export function table(caption: string, head: string[], rows: string[][], kind = ''): string {
  const cells = (row: string[], tag: string) =>
    row.map((cell) => `<${tag}>${escapeText(cell)}</${tag}>`).join('');
  const body = rows.map(
    ([first = '', ...rest]) => `<tr><th scope="row">${escapeText(first)}</th>${cells(rest, 'td')}</tr>`,
  );
  return scrolling(`<table class="${kind}"><caption>${escapeText(caption)}</caption>
<thead><tr>${cells(head, 'th').replaceAll('<th>', '<th scope="col">')}</tr></thead>
<tbody>${body.join('\n')}</tbody></table>`);
}

export function ofSynthetic(synthetic: boolean): string {
  return synthetic ? ' (synthetic data)' : '';
}

export function percent(value: number, digits = 2): string {
  return `${value.toFixed(digits)} %`;
}

export function lossText(value: Loss): string {
  return value === null || !Number.isFinite(value) ? 'not finite' : value.toFixed(4);
}

export function seconds(epochs: { seconds: number }[]): string {
  return `${epochs.reduce((sum, epoch) => sum + epoch.seconds, 0).toFixed(1)} s`;
}
