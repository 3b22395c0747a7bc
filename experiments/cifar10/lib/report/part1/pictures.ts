// Test pictures with what the network made of them, as one sheet.
import { encode } from 'fast-png';
import { escapeText, FILE_PALETTE, FONT, type Palette } from '../svg.js';
import type { JudgedPicture } from './types.js';

const SIDE = 32;
const PLANE = SIDE * SIDE;
const COLUMNS = 5;
/** Pixels of the sheet for each pixel of a picture. */
const ENLARGE = 5;

/**
 * One picture as PNG, each pixel a square of `factor` pixels, so that no viewer blurs it.
 *
 * @param image 3,072 bytes: the red plane, green, blue
 * @throws RangeError if it is another number of bytes
 */
export function picturePng(image: Uint8Array, factor: number): Uint8Array {
  if (image.length !== 3 * PLANE)
    throw new RangeError(`a picture has ${3 * PLANE} bytes, got ${image.length}`);
  const side = SIDE * factor;
  const data = new Uint8Array(side * side * 3);
  for (let y = 0, i = 0; y < side; y++)
    for (let x = 0; x < side; x++) {
      const pixel = Math.floor(y / factor) * SIDE + Math.floor(x / factor);
      for (let channel = 0; channel < 3; channel++) data[i++] = image[channel * PLANE + pixel]!;
    }
  return encode({ width: side, height: side, data, channels: 3, depth: 8 });
}

/** The same as a data: address. */
export function pictureAddress(image: Uint8Array, factor: number): string {
  return `data:image/png;base64,${Buffer.from(picturePng(image, factor)).toString('base64')}`;
}

/** "label / prediction", in names. */
export function verdict({ label, prediction }: JudgedPicture, classes: string[]): string {
  return `${classes[label] ?? label} / ${classes[prediction] ?? prediction}`;
}

/**
 * All pictures as one SVG, five in a row, each with "label / prediction" and the probability of the prediction below
 * it. Mistaken ones are framed red.
 */
export function pictureSheet(
  pictures: JudgedPicture[],
  classes: string[],
  { synthetic = false, palette = FILE_PALETTE }: { synthetic?: boolean; palette?: Palette } = {},
): string {
  const side = SIDE * ENLARGE;
  const cell = { width: side + 28, height: side + 54 };
  const head = 66;
  const columns = Math.max(1, Math.min(COLUMNS, pictures.length));
  const width = columns * cell.width + 20;
  const height = head + Math.ceil(pictures.length / columns) * cell.height + 6;
  const wrong = pictures.filter((picture) => picture.label !== picture.prediction).length;
  const title = `${pictures.length} test pictures${synthetic ? ' (synthetic data)' : ''}: label / prediction`;
  const figures = pictures.map((picture, i) => {
    const x = 10 + (i % columns) * cell.width + 14;
    const y = head + Math.floor(i / columns) * cell.height;
    return figure(picture, classes, x, y, side, palette);
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" font-family="${FONT}" role="img" aria-label="${escapeText(title)}">
<rect width="100%" height="100%" fill="${palette.paper}"/>
<text x="24" y="30" font-size="16" font-weight="bold" fill="${palette.ink}">${escapeText(title)}</text>
<text x="24" y="51" font-size="13" fill="${palette.muted}">${pictures.length - wrong} right, ${wrong} mistaken (framed red)</text>
${figures.join('\n')}
</svg>`;
}

function figure(
  picture: JudgedPicture,
  classes: string[],
  x: number,
  y: number,
  side: number,
  palette: Palette,
): string {
  const right = picture.label === picture.prediction;
  const text = verdict(picture, classes);
  const frame = right
    ? `<rect x="${x - 0.5}" y="${y - 0.5}" width="${side + 1}" height="${side + 1}" fill="none" stroke="${palette.grid}"/>`
    : `<rect x="${x - 3}" y="${y - 3}" width="${side + 6}" height="${side + 6}" rx="2" fill="none" stroke="${palette.accent}" stroke-width="6"/>`;
  // Long names are set smaller, so that neighbours do not touch.
  const size = Math.min(13, (side + 20) / (0.62 * text.length));
  const colour = right ? palette.ink : palette.accent;
  const middle = x + side / 2;
  return `${frame}<image x="${x}" y="${y}" width="${side}" height="${side}" image-rendering="optimizeSpeed" href="${pictureAddress(picture.image, ENLARGE)}"/>
<text x="${middle}" y="${y + side + 21}" text-anchor="middle" font-size="${size.toFixed(1)}" fill="${colour}"${right ? '' : ' font-weight="bold"'}>${escapeText(text)}</text>
<text x="${middle}" y="${y + side + 37}" text-anchor="middle" font-size="11.5" fill="${palette.muted}">${(100 * picture.probability).toFixed(1)} %</text>`;
}
