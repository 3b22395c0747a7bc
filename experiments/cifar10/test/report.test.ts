// The report: what stands in its plots, its page and its files, and what must not.
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { decode } from 'fast-png';
import { parseHTML } from 'linkedom';
import { comparison } from '../lib/report/part1/comparison.js';
import { reportHtml } from '../lib/report/part1/html.js';
import { picturePng, pictureSheet } from '../lib/report/part1/pictures.js';
import { confusionMatrix } from '../lib/report/confusion.js';
import { accuracyCurves, lossCurves } from '../lib/report/part1/curves.js';
import { svgToPng } from '../lib/report/svg.js';
import type { ReportData, RunMetrics } from '../lib/report/part1/types.js';
import { writeReport } from '../lib/report/part1/write.js';

const CLASSES = ['airplane', 'automobile', 'bird', 'cat', 'deer', 'dog', 'frog', 'horse', 'ship', 'truck'];

function run(epochs: number, more: Partial<RunMetrics> = {}): RunMetrics {
  const measured = Array.from({ length: epochs }, (_, i) => ({
    epoch: i + 1,
    trainLoss: 2 / (i + 1),
    trainAccuracy: 60 - 30 / (i + 1),
    testLoss: 2.1 / (i + 1),
    testAccuracy: 57 - 30 / (i + 1),
    seconds: 2,
  }));
  const final = { trainLoss: 1.1, trainAccuracy: 60.87, testLoss: 1.17, testAccuracy: 58.47 };
  const common = {
    model: 'original',
    seed: 0,
    device: 'cpu',
    threads: 1,
    torch: '2.13.0',
    parametersSha256: 'abc123',
  };
  return { ...common, epochs: measured, final, ...more };
}

// 20 pictures, two a class; every fifth is taken for the next class.
function report(more: Partial<ReportData> = {}): ReportData {
  const pictures = Array.from({ length: 20 }, (_, i) => {
    const label = i >> 1;
    const prediction = i % 5 === 0 ? (label + 1) % 10 : label;
    return {
      image: new Uint8Array(3072).fill(10 * i),
      label,
      prediction,
      probability: 0.125,
      index: 100 + i,
    };
  });
  return {
    title: 'Part 1',
    command: 'npx torch-node cifar10 part1',
    dataName: 'cifar10',
    classes: CLASSES,
    course: { testAccuracy: 58.6, epochs: 10 },
    runs: [run(10)],
    settings: { epochs: 10, 'batch size': 32 },
    networkSummary: 'Sequential(\n  (0): ReLU()\n)',
    parameters: 62006,
    pictures,
    confusion: CLASSES.map((_, label) => CLASSES.map((__, prediction) => (label === prediction ? 910 : 10))),
    ...more,
  };
}

const synthetic = () => report({ dataName: 'synthetic', runs: [run(10, { data: 'synthetic' })] });
// linkedom's own types lean on TypeScript's DOM library, which is for browsers.
interface Page {
  readonly textContent: string | null;
  readonly body: Page;
  querySelector(selector: string): Page | null;
  querySelectorAll(selector: string): Page[];
  getAttribute(name: string): string | null;
}
const documentOf = (html: string): Page => (parseHTML(html) as unknown as { document: Page }).document;
const words = (svg: string) =>
  [...documentOf(svg).querySelectorAll('text')].map((text) => text.textContent).join('|');

describe('curves', () => {
  test.each([1, 2, 10, 37, 500])(
    '%i epochs: first and last epoch on the axis, last values as labels',
    (epochs) => {
      const last = run(epochs).epochs.at(-1)!;
      const axis = words(accuracyCurves(run(epochs))).split('|');
      expect(axis).toEqual(expect.arrayContaining(['1', String(epochs), 'epoch']));
      expect(axis).toContain(`train ${last.trainAccuracy.toFixed(1)} %`);
      expect(axis).toContain(`test ${last.testAccuracy.toFixed(1)} %`);
      expect(words(lossCurves(run(epochs)))).toContain(`test ${last.testLoss!.toFixed(3)}`);
      expect(accuracyCurves(run(epochs))).not.toMatch(/NaN|undefined/);
    },
  );

  test('one epoch is a dot for each set', () => {
    expect(documentOf(lossCurves(run(1))).querySelectorAll('circle').length).toBe(2);
  });

  test('labels whose values are close keep their distance', () => {
    const close = run(3);
    for (const epoch of close.epochs) epoch.testLoss = epoch.trainLoss;
    const shifts = [...documentOf(lossCurves(close)).querySelectorAll('g[transform]')]
      .filter((group) => /^(train|test) /.test(group.textContent ?? ''))
      .map((group) =>
        Number(/translate\([^,]+,(-?[\d.]+)\)/.exec(group.getAttribute('transform') ?? '')?.[1]),
      );
    expect(shifts).toHaveLength(2);
    expect(Math.abs(shifts[0]! - shifts[1]!)).toBeGreaterThanOrEqual(15);
  });

  test('losses that are not finite leave a gap; none finite still gives a plot', () => {
    const broken = run(5);
    broken.epochs[2]!.trainLoss = null;
    expect(lossCurves(broken)).not.toContain('NaN');
    for (const epoch of broken.epochs) epoch.trainLoss = epoch.testLoss = NaN;
    expect(words(lossCurves(broken))).toContain('no finite value');
    expect(lossCurves(broken)).not.toContain('NaN');
  });

  test('the course is a line in the accuracy of CIFAR-10, and absent over synthetic data', () => {
    expect(words(accuracyCurves(run(10), undefined, { course: 58.6 }))).toContain('course: 58.6 %');
    const made = words(accuracyCurves(run(10, { data: 'synthetic' }), undefined, { course: 58.6 }));
    expect(made).not.toContain('58.6');
    expect(made).toContain('synthetic');
  });

  test('text is escaped', () => {
    const svg = lossCurves(run(2, { model: '<b>&"' }));
    expect(svg).not.toContain('<b>');
    expect(words(svg)).toContain('<b>&"');
    expect(svgToPng(svg).length).toBeGreaterThan(1000); // resvg reads XML and nothing else
  });
});

test('the confusion matrix holds every count, and refuses a wrong shape', () => {
  const matrix = [
    [5, 1],
    [2, 7],
  ];
  const cells = words(confusionMatrix(matrix, ['a', 'b'])).split('|');
  expect(cells.slice(0, 4)).toEqual(['5', '1', '2', '7']);
  expect(cells).toEqual(expect.arrayContaining(['a', 'b']));
  expect(() => confusionMatrix([[1, 2]], ['a', 'b'])).toThrow(/1 rows of 2 for 2 classes/);
});

describe('pictures', () => {
  test('are enlarged pixel by pixel, planes in the order red, green, blue', () => {
    const image = new Uint8Array(3072);
    image.set([1, 2], 0);
    image.set([3, 4], 1024);
    image.set([5, 6], 2048);
    const { width, height, data } = decode(picturePng(image, 3));
    expect([width, height]).toEqual([96, 96]);
    const pixel = (x: number, y: number) => [...data.subarray(3 * (y * 96 + x), 3 * (y * 96 + x) + 3)];
    expect([pixel(0, 0), pixel(2, 2), pixel(3, 0), pixel(0, 3)]).toEqual([
      [1, 3, 5],
      [1, 3, 5],
      [2, 4, 6],
      [0, 0, 0],
    ]);
    expect(() => picturePng(new Uint8Array(7), 1)).toThrow(/3072 bytes, got 7/);
  });

  test('a sheet names label and prediction of each, and frames the mistaken ones red', () => {
    const { pictures } = report();
    const sheet = pictureSheet(pictures, CLASSES);
    expect(words(sheet)).toContain('airplane / automobile|12.5 %|airplane / airplane');
    expect(words(sheet)).toContain('16 right, 4 mistaken');
    expect(sheet.match(/stroke="#b9222b"|stroke="#c0262d"/g)).toHaveLength(4);
    expect(words(pictureSheet(pictures, CLASSES, { synthetic: true }))).toContain('synthetic');
  });

  test('the PNG of a sheet has letters in it', () => {
    // A missing font gives no error, only empty places.
    const ink = (text: string) => {
      const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="90" height="20" font-family="'DejaVu Sans'"><text y="15">${text}</text></svg>`;
      const { data } = decode(svgToPng(svg, { scale: 1 }));
      return data.filter((value, i) => i % 4 === 3 && value > 0).length;
    };
    expect(ink('prediction')).toBeGreaterThan(100);
    expect(ink('')).toBe(0);
  });
});

describe('the page', () => {
  test('holds the headline, every epoch, every picture, every class and the provenance', () => {
    const document = documentOf(reportHtml(report()));
    const text = document.body.textContent;
    for (const part of [
      '58.47 %',
      '58.6 %',
      '62,006',
      'abc123',
      '2.13.0',
      'npx torch-node cifar10 part1',
      '20.0 s',
    ])
      expect(text).toContain(part);
    expect(document.querySelectorAll('table.numbers:not(.course) tbody tr').length).toBe(10);
    expect(document.querySelector('table.course tbody tr')?.textContent).toMatch(
      /^original.*58\.4758\.58−0\.11$/,
    );
    expect(document.querySelectorAll('.sheet img').length).toBe(20);
    expect(document.querySelectorAll('.sheet .wrong').length).toBe(4);
    expect(document.querySelectorAll('table.predictions tbody tr').length).toBe(20);
    expect(document.querySelector('table.predictions tbody tr')?.textContent).toBe(
      '100airplaneautomobile12.5 %mistaken',
    );
    expect(document.querySelector('table.classes tbody tr')?.textContent).toContain('airplane100091.0 %');
    expect(document.querySelectorAll('svg').length).toBe(3);
  });

  test('asks for nothing outside itself and runs no script', () => {
    const html = reportHtml(report());
    const addresses = [...html.matchAll(/(?:src|href)="([^"]*)"/g)].map((match) => match[1]!);
    expect(addresses.length).toBe(20);
    expect(addresses.filter((address) => !address.startsWith('data:image/png;base64,'))).toEqual([]);
    expect(html).not.toMatch(/<script|@import|url\(|<link|\son\w+=/i);
  });

  test('escapes every text it is given', () => {
    const evil = '<img src=x onerror=alert(1)>"&\'';
    const html = reportHtml(
      report({
        title: evil,
        command: evil,
        dataNote: evil,
        classes: CLASSES.map((name) => name + evil),
        settings: { [evil]: evil },
        networkSummary: evil,
        runs: [run(1, { model: evil, device: evil, torch: evil, parametersSha256: evil })],
      }),
    );
    expect(html).not.toContain('<img src=x');
    expect(documentOf(html).querySelectorAll('img').length).toBe(20);
    expect(documentOf(html).querySelector('h1')?.textContent).toBe(evil);
  });

  test('on synthetic data says so in the title and at every number, and compares nothing', () => {
    const document = documentOf(reportHtml(synthetic()));
    expect(document.querySelector('h1')?.textContent).toContain('synthetic');
    expect(document.querySelector('.lead')?.textContent).toContain('synthetic');
    const captions = [...document.querySelectorAll('caption')].map((caption) => caption.textContent);
    expect(captions.filter((text) => text !== 'Settings' && !text?.includes('synthetic'))).toEqual([]);
    expect(captions.length).toBeGreaterThan(3);
    for (const svg of document.querySelectorAll('svg')) expect(svg.textContent).toContain('synthetic');
    for (const name of document.querySelectorAll('.figures dt'))
      expect(name.textContent).toMatch(/synthetic|not comparable/);
  });

  test('several seeds: a row and the plots of each', () => {
    const document = documentOf(reportHtml(report({ runs: [run(3), run(3, { seed: 1 })] })));
    expect(document.querySelectorAll('header table tbody tr').length).toBe(2);
    expect(document.querySelectorAll('.plots svg').length).toBe(4);
  });
});

describe('the comparison with the course', () => {
  const text = (more: Partial<ReportData>) => comparison(report(more)).differences.join('\n');

  test('measures the distance and what chance makes of it', () => {
    expect(comparison(report()).summary).toContain(
      '58.47 % of the test pictures: 0.1 points below the course’s 58.6 %',
    );
    expect(text({})).toContain('10,000 test pictures');
    expect(text({})).toMatch(/±1\.0 points .* is within/);
    const far = run(10);
    far.final.testAccuracy = 50;
    expect(text({ runs: [far] })).toMatch(/difference of 8\.6 is beyond/);
  });

  test('names only differences that are there', () => {
    expect(text({})).not.toMatch(/Length|JPEG/);
    expect(text({ runs: [run(1)] })).toContain('ours learned for 1 epoch, the course’s for 10');
    expect(text({ dataNote: 'A JPEG copy.' })).toContain('A JPEG copy.');
    expect(text({ runs: [run(2), run(2, { seed: 1 })] })).toContain(
      'our 2 seeds end between 58.47 and 58.47 %',
    );
  });
});

test('writeReport writes every file, readable, and leaves nothing else', async () => {
  const folder = await mkdtemp(path.join(tmpdir(), 'torch-node-report-'));
  try {
    const written = await writeReport(folder, { ...synthetic(), runs: [run(2), run(2, { seed: 7 })] });
    const plots = ['accuracy', 'accuracy-seed-7', 'confusion', 'loss', 'loss-seed-7'];
    const expected = [...plots.flatMap((name) => [`${name}.png`, `${name}.svg`]), 'pictures.png'];
    expected.push('predictions.json', 'report.html');
    expect((await readdir(folder)).sort()).toEqual(expected.sort());
    expect(written.map((file) => path.basename(file)).sort()).toEqual(expected);
    for (const name of [...plots, 'pictures']) {
      const { width, height } = decode(await readFile(path.join(folder, `${name}.png`)));
      expect(Math.min(width, height)).toBeGreaterThan(600);
    }
    // The runs lack their mark here; the data's name is enough.
    for (const name of plots)
      expect(await readFile(path.join(folder, `${name}.svg`), 'utf8')).toContain('synthetic');
    const { data, predictions } = JSON.parse(
      await readFile(path.join(folder, 'predictions.json'), 'utf8'),
    ) as {
      data: string;
      predictions: unknown[];
    };
    expect(data).toBe('synthetic');
    expect(predictions).toHaveLength(20);
    expect(predictions[0]).toEqual({
      index: 100,
      label: 'airplane',
      prediction: 'automobile',
      probability: 0.125,
    });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
