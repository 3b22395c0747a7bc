/* global document, getComputedStyle, innerWidth */
// Opens reports in headless Chromium as a reader does, and fails where one is not drawn or does not work as it should:
//   node scripts/check/report.mjs [--screenshots DIR] report.html ...
//
// Wide, on a phone and on paper: every plot must be drawn, nothing may be asked of a network or be cut off; where a table sorts
// and curves are picked, both are tried; a plot's letters must be legible; what scrolls must say so.
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';

const { values: options, positionals: files } = parseArgs({
  options: { screenshots: { type: 'string' } },
  allowPositionals: true,
});
if (files.length === 0) throw new Error('give the reports to open: report.mjs report.html ...');

const profile = mkdtempSync(path.join(os.tmpdir(), 'check-report-'));
const flags = [
  '--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync', '--remote-debugging-pipe', `--user-data-dir=${profile}`,
]; // prettier-ignore
const chromium = spawn('chromium', flags, { stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'] });
const ended = new Promise((resolve) => chromium.on('exit', resolve).on('error', resolve));

// The DevTools protocol over pipes: JSON with a zero byte after each message.
const waiting = new Map();
const listeners = new Set();
let [count, received] = [0, ''];
chromium.stdio[4].on('data', (chunk) => {
  const messages = (received + chunk).split('\0');
  received = messages.pop();
  for (const message of messages.map((text) => JSON.parse(text))) {
    const call = waiting.get(message.id);
    if (call) {
      waiting.delete(message.id);
      if (message.error) call.reject(new Error(message.error.message));
      else call.resolve(message.result);
    } else for (const listener of listeners) listener(message);
  }
});
function send(method, params = {}, sessionId = undefined) {
  return new Promise((resolve, reject) => {
    waiting.set(++count, { resolve, reject });
    chromium.stdio[3].write(`${JSON.stringify({ id: count, method, params, sessionId })}\0`);
  });
}

/** What runs in the page. Gives what was found, and the problems. */
async function inspectPage(medium) {
  const problems = [];
  const nameOf = (element) =>
    element.getAttribute('aria-label') ?? element.querySelector('caption, [aria-label]')?.textContent ?? element.tagName; // prettier-ignore
  await new Promise((done) => setTimeout(done, 100)); // what scrolls is marked by the page's script
  for (const details of document.querySelectorAll('details')) details.open = true;
  const plots = [...document.querySelectorAll('svg')];
  for (const plot of plots) {
    const { width, height } = plot.getBoundingClientRect();
    const marks = plot.querySelectorAll('path, circle, rect, line').length;
    if (width < 100 || height < 100 || marks < 3)
      problems.push(`a plot is not drawn: ${plot.getAttribute('aria-label')}`);
  }
  for (const image of document.images)
    if (!image.complete || image.naturalWidth === 0) problems.push(`an image is not drawn: ${image.alt}`);
  const table = document.querySelector('table.sortable');
  let sorted = 0;
  if (table) {
    const heads = [...table.tHead.rows[0].cells];
    for (const head of heads) {
      const cells = () => [...table.tBodies[0].rows].map((row) => row.cells[head.cellIndex].dataset.value);
      const before = cells();
      for (const sign of [1, -1]) {
        head.querySelector('button').click();
        const values = cells().filter((value) => value !== '').map(Number); // prettier-ignore
        if (values.some((value, i) => i > 0 && sign * (value - values[i - 1]) < 0))
          problems.push(`the table is not sorted by ${head.textContent}`);
        if (String(cells().sort()) !== String(before.sort())) problems.push('sorting lost a row');
      }
      sorted++;
    }
    heads[0].querySelector('button').click();
  }
  for (const box of document.querySelectorAll('.legend input')) {
    // In each plot a network's line, its dots, or both. The line of a single epoch has no width.
    const shown = () =>
      [...box.closest('.legend').parentElement.querySelectorAll('svg')].map((plot) =>
        [...plot.querySelectorAll(`[aria-label="${box.value}"]`)].some(
          (part) => part.getBoundingClientRect().width > 0,
        ),
      );
    for (const expected of [true, false, true]) {
      if (shown().some((each) => each !== expected))
        problems.push(
          `${box.value}, ${expected ? 'picked' : 'not picked'} in the legend: shown is ${shown()}`,
        );
      box.click();
    }
    box.click();
  }
  if (document.documentElement.scrollWidth > innerWidth) problems.push('the page is wider than its window');
  const edge = document.documentElement.clientWidth + 1;
  for (const element of document.querySelectorAll('svg, table, pre, img, .scroll')) {
    const scrolls = element.closest('.scroll');
    const { right } = element.getBoundingClientRect();
    if (medium === 'paper' && right > edge) problems.push(`on paper it is cut off: ${nameOf(element)}`);
    if (medium !== 'paper' && right > edge && !scrolls) problems.push(`it is cut off: ${nameOf(element)}`);
  }
  // A page without a script shows it by a shadow.
  if (medium !== 'paper' && document.scripts.length > 0)
    for (const scrolls of document.querySelectorAll('.scroll')) {
      const more = scrolls.scrollWidth > scrolls.clientWidth + 1;
      const hint = scrolls.parentElement.classList.contains('scrolls');
      if (more !== hint) problems.push(`it scrolls: ${more}, and says so: ${hint}: ${nameOf(scrolls)}`);
    }
  // A letter of less than eight pixels is not read.
  for (const text of document.querySelectorAll('svg text')) {
    const plot = text.closest('svg');
    const scale = plot.getBoundingClientRect().width / plot.viewBox.baseVal.width;
    const size = parseFloat(getComputedStyle(text).fontSize) * scale;
    if (text.textContent.trim() !== '' && size < 8)
      problems.push(`letters of ${size.toFixed(1)} pixels in ${nameOf(plot).slice(0, 60)}`);
  }
  return {
    ...{ plots: plots.length, images: document.images.length, rows: document.querySelectorAll('tr').length },
    ...{ sortedColumns: sorted, legend: document.querySelectorAll('.legend input').length },
    problems,
  };
}

async function check(file) {
  const { targetId } = await send('Target.createTarget', { url: 'about:blank' });
  const { sessionId } = await send('Target.attachToTarget', { targetId, flatten: true });
  const address = pathToFileURL(path.resolve(file)).href;
  const problems = [];
  let loaded = () => undefined;
  const listener = ({ method, params, sessionId: from }) => {
    if (from !== sessionId) return;
    if (
      method === 'Network.requestWillBeSent' &&
      !/^data:/.test(params.request.url) &&
      params.request.url !== address
    )
      problems.push(`it asks for ${params.request.url}`);
    if (method === 'Runtime.exceptionThrown') problems.push(params.exceptionDetails.exception?.description);
    if (method === 'Log.entryAdded' && params.entry.level === 'error') problems.push(params.entry.text);
    if (method === 'Page.loadEventFired') loaded();
  };
  listeners.add(listener);
  const page = (method, params) => send(method, params, sessionId);
  for (const domain of ['Network', 'Runtime', 'Log', 'Page']) await page(`${domain}.enable`);
  let found;
  // Paper is A4 between its margins, at 96 pixels an inch.
  for (const [name, width] of [
    ['wide', 1400],
    ['phone', 390],
    ['paper', 688],
  ]) {
    await page('Emulation.setEmulatedMedia', { media: name === 'paper' ? 'print' : 'screen' });
    // prettier-ignore
    await page('Emulation.setDeviceMetricsOverride', { width, height: 900, deviceScaleFactor: 1, mobile: false });
    const wholePage = new Promise((resolve) => (loaded = resolve));
    await page('Page.navigate', { url: address });
    await wholePage;
    const { result, exceptionDetails } = await page('Runtime.evaluate', {
      ...{ expression: `(${inspectPage})('${name}')`, awaitPromise: true, returnByValue: true },
    });
    if (exceptionDetails) throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text);
    found = result.value;
    problems.push(...found.problems.map((problem) => `${name}: ${problem}`));
    if (options.screenshots) {
      const { data } = await page('Page.captureScreenshot', { captureBeyondViewport: true });
      writeFileSync(path.join(options.screenshots, `${path.basename(path.dirname(path.resolve(file)))}-${name}.png`), data, 'base64'); // prettier-ignore
    }
  }
  if (options.screenshots) {
    const { data } = await page('Page.printToPDF', {
      preferCSSPageSize: true,
      paperWidth: 8.27,
      paperHeight: 11.69,
    });
    writeFileSync(
      path.join(options.screenshots, `${path.basename(path.dirname(path.resolve(file)))}.pdf`),
      data,
      'base64',
    );
  }
  listeners.delete(listener);
  await send('Target.closeTarget', { targetId });
  if (found.plots < 3 || found.rows < 2) problems.push('there is too little on it');
  delete found.problems;
  return { found, problems: [...new Set(problems)] };
}

try {
  const gone = ended.then((code) => {
    throw new Error(`chromium ended: ${code?.message ?? code}`);
  });
  for (const file of files) {
    const { found, problems } = await Promise.race([check(file), gone]);
    if (problems.length > 0) process.exitCode = 1;
    const list = problems.map((problem) => `\n  ${problem}`).join('');
    console.log(`${problems.length > 0 ? 'NOT OK' : 'ok'}  ${file}: ${JSON.stringify(found)}${list}`);
  }
} finally {
  chromium.kill();
  await ended;
  rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
}
