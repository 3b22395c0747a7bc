// The ten shapes and textures of the synthetic set, each drawn into a mask of 32x32 pixels: 1 figure, 0 ground.
import type { Random } from './random.js';

const SIDE = 32;

/** What a class is: its name and how one example of it is drawn. */
export interface Shape {
  name: string;
  draw(mask: Uint8Array, random: Random): void;
}

/** Whether a point belongs to the figure. */
type Inside = (x: number, y: number) => boolean;

function fill(mask: Uint8Array, inside: Inside): void {
  for (let y = 0, i = 0; y < SIDE; y++) for (let x = 0; x < SIDE; x++, i++) mask[i] = inside(x, y) ? 1 : 0;
}

/** Directions (16 cos, 16 sin), rounded, every 7.5 degrees up to 22.5 each way: integers, so equal everywhere. */
const TURNS: [number, number][] = [
  [15, -6],
  [15, -4],
  [16, -2],
  [16, 0],
  [16, 2],
  [15, 4],
  [15, 6],
];

/**
 * A figure somewhere in the picture: `make` gets a radius in half pixels times 16 and answers in coordinates
 * around the centre, of the same unit, a little turned.
 */
function figure(make: (radius: number, random: Random) => Inside): Shape['draw'] {
  return (mask, random) => {
    const radius = random.between(13, 24); // in half pixels: 6.5 to 12 pixels
    // The whole figure stays inside the picture.
    const centreX = random.between(radius, 2 * SIDE - radius);
    const centreY = random.between(radius, 2 * SIDE - radius);
    const [cos, sin] = TURNS[random.below(TURNS.length)]!;
    const inside = make(16 * radius, random);
    fill(mask, (x, y) => {
      const dx = 2 * x + 1 - centreX;
      const dy = 2 * y + 1 - centreY;
      return inside(cos * dx + sin * dy, cos * dy - sin * dx);
    });
  };
}

/** A texture over the whole picture, or over a window of at least 20 pixels each way. */
function texture(make: (random: Random) => Inside): Shape['draw'] {
  return (mask, random) => {
    const width = random.between(20, 40);
    const height = random.between(20, 40);
    const left = width >= SIDE ? 0 : random.below(SIDE - width + 1);
    const top = height >= SIDE ? 0 : random.below(SIDE - height + 1);
    const inside = make(random);
    fill(
      mask,
      (x, y) => x >= left && x < left + width && y >= top && y < top + height && inside(x + SIDE, y + SIDE),
    );
  };
}

/** Bars along one direction; `along` gives the coordinate across them, from 0 on. */
function stripes(along: (x: number, y: number) => number): Shape['draw'] {
  return texture((random) => {
    const period = random.between(4, 9);
    const bar = random.between(2, period - 2);
    const phase = random.below(period);
    return (x, y) => (along(x, y) + phase) % period < bar;
  });
}

/** The classes, in the order of their labels. */
export const SHAPES: readonly Shape[] = [
  { name: 'disc', draw: figure((r) => (x, y) => x * x + y * y <= r * r) },
  {
    name: 'ring',
    draw: figure((r, random) => {
      const hole = r - 16 * random.between(5, 9);
      return (x, y) => x * x + y * y <= r * r && x * x + y * y > hole * hole;
    }),
  },
  {
    name: 'square',
    // 0.8 of the radius: about the area of the disc.
    draw: figure((r) => (x, y) => 5 * Math.abs(x) <= 4 * r && 5 * Math.abs(y) <= 4 * r),
  },
  {
    name: 'triangle',
    // Base at the bottom, sides with slope 2.
    draw: figure((r) => (x, y) => 5 * y <= 4 * r && 2 * Math.abs(x) <= y + r),
  },
  {
    name: 'cross',
    draw: figure((r, random) => {
      const arm = 16 * random.between(4, 7);
      return (x, y) => Math.max(Math.abs(x), Math.abs(y)) <= r && Math.min(Math.abs(x), Math.abs(y)) <= arm;
    }),
  },
  { name: 'horizontal', draw: stripes((_x, y) => y) },
  { name: 'vertical', draw: stripes((x) => x) },
  {
    name: 'checker',
    draw: texture((random) => {
      const size = random.between(2, 6);
      const shiftX = random.below(2 * size);
      const shiftY = random.below(2 * size);
      return (x, y) => ((((x + shiftX) / size) ^ ((y + shiftY) / size)) & 1) === 1;
    }),
  },
  {
    name: 'diagonal',
    draw: (mask, random) =>
      (random.below(2) === 0 ? stripes((x, y) => x + y) : stripes((x, y) => x - y + 3 * SIDE))(mask, random),
  },
  {
    name: 'dots',
    draw: texture((random) => {
      const spacing = random.between(5, 9);
      const radius = random.between(2, spacing - 3); // in half pixels
      const shiftX = random.below(spacing);
      const shiftY = random.below(spacing);
      return (x, y) => {
        const dx = 2 * ((x + shiftX) % spacing) + 1 - spacing;
        const dy = 2 * ((y + shiftY) % spacing) + 1 - spacing;
        return dx * dx + dy * dy <= radius * radius;
      };
    }),
  },
];
