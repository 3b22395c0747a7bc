// The pages name what is there: every path in README.md, CONTRIBUTING.md, SECURITY.md and docs/ is that of a file or a folder,
// every link leads somewhere, and docs/benchmarks.md is what docs/benchmarks.json gives.
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

const ROOT = path.resolve(__dirname, '../..');
const pages = [
  ...['README.md', 'CONTRIBUTING.md', 'SECURITY.md', 'experiments/cifar10/README.md'],
  ...readdirSync(path.join(ROOT, 'docs'))
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
];
const read = (page: string) => readFileSync(path.join(ROOT, page), 'utf8');
const exists = (place: string) => existsSync(path.join(ROOT, place));

/** Whether something of that name is there; `*` stands for any letters, and a name may be that of the compiled file. */
function isThere(place: string): boolean {
  if (!place.includes('*')) return exists(place);
  const folder = path.join(ROOT, path.dirname(place));
  const pattern = new RegExp(`^${path.basename(place).replaceAll('.', '\\.').replaceAll('*', '.*')}$`);
  return existsSync(folder) && readdirSync(folder).some((name) => pattern.test(name));
}

it.each(pages)('%s names files that are there', (page) => {
  const named = [
    ...read(page).matchAll(
      /(?<![\w./@-])(?:lib|native|scripts|test|examples|experiments|docs|bin|template)\/[\w./*-]*/g,
    ),
  ];
  const places = new Set(named.map(([place]) => place.replace(/[./]+$/, '')));
  expect([...places].filter((place) => !isThere(place))).toEqual([]);
});

it.each(pages)('%s links to what is there', (page) => {
  const links = [...read(page).matchAll(/\]\(([^)\s]+)\)/g)].map(([, link]) => link!);
  const local = links.filter((link) => !/^(https?:|#)/.test(link)).map((link) => link.replace(/#.*$/, ''));
  expect(local.filter((link) => !exists(path.join(path.dirname(page), link)))).toEqual([]);
});

it('README.md fits a newcomer, and leads to every page', () => {
  expect(read('README.md').trimEnd().split('\n').length).toBeLessThanOrEqual(130);
  const reached = new Set(['README.md']);
  for (const page of reached)
    for (const [, link] of read(page).matchAll(/\]\(([^)\s#]+\.md)/g))
      if (!/^https?:/.test(link!)) reached.add(path.join(path.dirname(page), link!));
  expect(pages.filter((page) => page.startsWith('docs/') && !reached.has(page))).toEqual([]);
});

// A folder's tree is drawn with its names alone: each must be in the folder that the drawing is about.
it('docs/architecture.md draws the rooms that are there', () => {
  const rooms = readdirSync(path.join(ROOT, 'lib'), { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && readdirSync(path.join(ROOT, 'lib', entry.name)).length > 0)
    .map(({ name }) => `lib/${name}`);
  const text = read('docs/architecture.md');
  expect(rooms.filter((room) => !new RegExp(`${room}\\s`).test(text))).toEqual([]);
});

it('lib/ depends as docs/architecture.md says', () => {
  const order = [...read('docs/architecture.md').matchAll(/^ {4}lib\/(\w+) /gm)].map(([, room]) => room!);
  const reachingDown = ['operators/overloads.ts', 'tensor/tensor.ts', 'tensor/format/index.ts'];
  const sources = order.flatMap((room) =>
    readdirSync(path.join(ROOT, 'lib', room), { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.ts'))
      .map((name) => path.posix.join(room, name)),
  );
  expect(sources.length).toBeGreaterThan(150);
  const wrong = sources.flatMap((source) => {
    const imports = read(path.join('lib', source)).matchAll(
      /^(?:import|export)\s(?!type\s)[^;]*?from '(\.[^']+)'/gm,
    );
    const used = [...imports].map(([, file]) => path.posix.join(path.posix.dirname(source), file!));
    const place = (file: string) => order.indexOf(file.split('/')[0]!);
    return used.filter((file) => place(file) > place(source)).map((file) => `${source} uses ${file}`);
  });
  expect(wrong.filter((text) => !reachingDown.some((file) => text.startsWith(file)))).toEqual([]);
});

it('docs/architecture.md draws the files of native/ that are there', () => {
  const entries = readdirSync(path.join(ROOT, 'native'), { recursive: true, encoding: 'utf8' }).map((name) =>
    path.basename(name),
  );
  const map = /^ {4}native\/\n((?: {6}.*\n)+)/m.exec(read('docs/architecture.md'))![1]!;
  // A line is a name, perhaps two, and what is said of it behind two spaces.
  const lines = map.split('\n').filter((line) => !/^ {20}/.test(line));
  const names = lines.flatMap((line) => line.trim().split(/ {2,}/)[0]!.split(' '));
  const drawn = names.filter((name) => name !== '').map((name) => path.basename(name));
  expect(drawn.length).toBeGreaterThan(40);
  const isDrawn = (name: string, entry: string) =>
    entry === name || entry === `${name}.cpp` || (name.endsWith('.*') && entry.startsWith(name.slice(0, -1)));
  expect(
    drawn.filter((name) => !name.startsWith('.') && !entries.some((entry) => isDrawn(name, entry))),
  ).toEqual([]);
});

it('docs/benchmarks.md is what docs/benchmarks.json gives', () => {
  const script = path.join(ROOT, 'scripts/bench/page.mjs');
  const printed = execFileSync(process.execPath, [script, '--print'], { encoding: 'utf8' });
  expect(read('docs/benchmarks.md')).toBe(printed);
});
