// From a description of a plot to an SVG string, and from there to a PNG, alike on every machine.
import { createRequire } from 'node:module';
import * as Plot from '@observablehq/plot';
import { Resvg } from '@resvg/resvg-js';
import { parseHTML } from 'linkedom';

/** Colours of a picture. `paper` set to 'none' leaves the ground to the page around. */
export interface Palette {
  paper: string;
  ink: string;
  /** Axes, labels of lesser weight. */
  muted: string;
  grid: string;
  train: string;
  test: string;
  /** Reference lines, mistakes. */
  accent: string;
  /** What lies behind everything: halos, and text on dark fields. */
  ground: string;
  /** Curves of several networks; the first is the one that the others are compared with. */
  series: readonly string[];
}

/** For files: dark on white. */
export const FILE_PALETTE: Palette = {
  paper: '#ffffff',
  ink: '#1c2430',
  muted: '#5b6675',
  grid: '#e3e7ec',
  train: '#b45f06',
  test: '#17539b',
  accent: '#c0262d',
  ground: '#ffffff',
  series: [
    '#1c2430',
    '#17539b',
    '#b45f06',
    '#2e7d32',
    '#c0262d',
    '#7b3fb3',
    '#00808a',
    '#c2378e',
    '#7c6f00',
    '#7a5230',
    '#5f8dd3',
    '#e0641f',
  ],
};

/** For a page that defines --ink, --muted, --grid, --train, --test, --accent, --paper and --s0 to --s11, light and dark. */
export const PAGE_PALETTE: Palette = {
  paper: 'none',
  ink: 'var(--ink)',
  muted: 'var(--muted)',
  grid: 'var(--grid)',
  train: 'var(--train)',
  test: 'var(--test)',
  accent: 'var(--accent)',
  ground: 'var(--paper)',
  series: FILE_PALETTE.series.map((_, i) => `var(--s${i})`),
};

export const FONT = "'DejaVu Sans', Verdana, sans-serif";

// What is used of linkedom's document: its own types lean on TypeScript's DOM library, which is for browsers.
interface SvgElement {
  readonly outerHTML: string;
  querySelector(selector: string): SvgElement | null;
  setAttribute(name: string, value: string): void;
  removeAttribute(name: string): void;
  prepend(child: SvgElement): void;
  remove(): void;
}
interface SvgDocument {
  createElementNS(namespace: string, name: string): SvgElement;
}

/**
 * Draws a plot and gives a self-contained SVG.
 *
 * @param options of Observable Plot; width, height and margins must be given
 * @param label what the plot shows, for those who do not see it
 */
export function plotToSvg(
  options: Plot.PlotOptions & { width: number; height: number },
  { palette, label }: { palette: Palette; label: string },
): string {
  const { document } = parseHTML('<html><body></body></html>') as unknown as { document: SvgDocument };
  const svg = Plot.plot({
    ...options,
    document: document as never,
    style: { fontFamily: FONT, fontSize: '13px', color: palette.ink, background: 'none' },
  }) as unknown as SvgElement;
  // Plot's own style sheet serves live pages, and its :where() is unknown to resvg.
  svg.querySelector('style')?.remove();
  svg.removeAttribute('class');
  svg.setAttribute('xmlns', 'http://www.w3.org/2000/svg');
  svg.setAttribute('fill', 'currentColor');
  svg.setAttribute('color', palette.ink);
  svg.setAttribute('font-family', FONT);
  svg.setAttribute('font-size', '13');
  svg.removeAttribute('style');
  svg.setAttribute('role', 'img');
  if (palette.paper !== 'none') {
    const ground = document.createElementNS('http://www.w3.org/2000/svg', 'rect');
    for (const [name, value] of Object.entries({ width: '100%', height: '100%', fill: palette.paper }))
      ground.setAttribute(name, value);
    svg.prepend(ground);
  }
  // linkedom leaves < and & in attributes as they are, which XML forbids.
  return svg.outerHTML.replace('<svg', () => `<svg aria-label="${escapeText(label)}"`);
}

/**
 * A PNG of an SVG, with the DejaVu fonts that come along and none of the system's.
 *
 * @param options.scale pixels for each unit of the SVG; 2 unless told
 */
export function svgToPng(svg: string, { scale = 2 }: { scale?: number } = {}): Uint8Array {
  const { resolve } = createRequire(import.meta.url);
  const font = (name: string) => resolve(`dejavu-fonts-ttf/ttf/${name}.ttf`);
  const resvg = new Resvg(svg, {
    fitTo: { mode: 'zoom', value: scale },
    font: {
      loadSystemFonts: false,
      fontFiles: [font('DejaVuSans'), font('DejaVuSans-Bold')],
      defaultFontFamily: 'DejaVu Sans',
      sansSerifFamily: 'DejaVu Sans',
    },
  });
  return resvg.render().asPng();
}

/** Text for the inside of SVG and HTML, quoted attributes included. */
export function escapeText(text: string): string {
  const names: Record<string, string> = {
    '&': '&amp;',
    '<': '&lt;',
    '>': '&gt;',
    '"': '&quot;',
    "'": '&#39;',
  };
  return text.replace(/[&<>"']/g, (character) => names[character]!);
}
