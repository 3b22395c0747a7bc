// What libtorch warns of comes as Node's own warnings, once for each text, on the main thread and in workers.
import { spawnSync } from 'node:child_process';
import path from 'node:path';

const MAIN = JSON.stringify(path.resolve(__dirname, '../../dist/index.js'));

// Indexes by bytes, of which libtorch warns at each call.
const PROVOKE = `
  const { default: torch } = await import(${MAIN});
  const mask = torch.tensor([1, 0, 1], { dtype: 'uint8' });
  for (let i = 0; i < 3; i++) torch.arange(3).at(mask);`;

function run(
  program: string,
  ...flags: string[]
): { lines: string[]; stdout: string; status: number | null } {
  const { stdout, stderr, status } = spawnSync(
    process.execPath,
    [...flags, '-e', `(async () => { ${program} })();`],
    { encoding: 'utf8' },
  );
  return { lines: stderr.split('\n').filter((line) => /Warning/.test(line)), stdout, status };
}

it('is printed as Node prints warnings, once', () => {
  const { lines, status } = run(PROVOKE);
  expect(lines).toHaveLength(1);
  expect(lines[0]).toMatch(/^\(node:\d+\) TorchWarning: indexing with dtype torch\.uint8 is now deprecated/);
  expect(status).toBe(0);
});

it('is silent under --no-warnings, and can be listened to', () => {
  const { lines, stdout } = run(
    `process.on('warning', (warning) => console.log(warning.name, warning.message.slice(0, 19)));${PROVOKE}`,
    '--no-warnings',
  );
  expect(lines).toEqual([]);
  expect(stdout).toBe('TorchWarning indexing with dtype\n');
});

it('is told in each worker for itself, and survives a listener that throws', () => {
  const worker = JSON.stringify(`(async () => { ${PROVOKE} })();`);
  const { lines, stdout, status } = run(`
    const { Worker } = await import('node:worker_threads');
    for (let i = 0; i < 2; i++)
      await new Promise((end) => new Worker(${worker}, { eval: true }).once('exit', end));
    process.emitWarning = () => { throw new Error('no warnings here'); };
    ${PROVOKE}
    console.log('went on');`);
  expect(lines.filter((line) => line.includes('torch.uint8'))).toHaveLength(2);
  expect(stdout).toBe('went on\n');
  expect(status).toBe(0);
});
