// TorchScript archives that libtorch would read beyond their records, or that would use up its stack: refused before it sees them.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { Worker } from 'node:worker_threads';
import torch, { type Tensor } from 'torch-node';
import { MemoryBytes } from '../../lib/files/randomAccess.js';
import { zipEntries } from '../../lib/files/zipReader.js';
import { zip } from '../../lib/files/zipWriter.js';

const original = readFileSync(path.join(__dirname, 'files/net.pt'));
const entries = zipEntries(new MemoryBytes(original)).map((entry) => ({ name: entry.name, data: Buffer.from(entry.read()) })); // prettier-ignore

/** The archive with an entry changed, or left out. */
async function changed(name: string, change: (data: Buffer) => Buffer | null): Promise<Buffer> {
  let found = false;
  const made = entries.flatMap((entry) => {
    if (entry.name !== `net/${name}`) return [entry];
    found = true;
    const data = change(entry.data);
    return data === null ? [] : [{ ...entry, data }];
  });
  expect(found).toBe(true);
  return zip(made, { align: 64 });
}
/** The archive with other lines in forward(). */
const withCode = (lines: string): Promise<Buffer> =>
  changed('code/__torch__.py', (data) => {
    const text = data.toString();
    const [begin, end] = [text.indexOf('    conv = self.conv\n'), text.indexOf('  def positive')];
    return Buffer.from(text.slice(0, begin) + lines + text.slice(end));
  });
const latin1 = (text: string): Buffer => Buffer.from(text, 'latin1');

/** Code by how deep it goes: `n` levels of each kind. */
const CODE: Record<string, (n: number) => string> = {
  brackets: (n) => `    return ${'('.repeat(n)}x${')'.repeat(n)}\n`,
  lists: (n) => `    y = ${'['.repeat(n)}x${']'.repeat(n)}\n    return x\n`,
  signs: (n) => `    return ${'-'.repeat(n)}x\n`,
  sums: (n) => `    return x${' + x'.repeat(n)}\n`,
  powers: (n) => `    return x${' ** x'.repeat(n)}\n`,
  methods: (n) => `    return torch.neg(x)${'.neg()'.repeat(n / 2)}\n`,
  'methods over lines': (n) => `    return (torch.neg(x)${'\n.neg()'.repeat(n / 2)})\n`,
  'sums over lines': (n) => `    return x${' \\\n + x'.repeat(n)}\n`,
  calls: (n) => `    return ${'torch.neg('.repeat(n / 2)}x${')'.repeat(n / 2)}\n`,
  choices: (n) => `    return ${'x if True else '.repeat(n / 2)}x\n`,
  conditions: (n) => `    y = True${' and True'.repeat(n)}\n    return x\n`,
  types: (n) => `    y: ${'List['.repeat(n)}int${']'.repeat(n)} = []\n    return x\n`,
  'types in comments': (n) => `    y = [] # type: ${'List['.repeat(n)}int${']'.repeat(n)}\n    return x\n`,
  blocks: (n) =>
    `${Array.from({ length: n }, (_, i) => `    ${' '.repeat(i)}for i${i} in range(0):\n`).join('')}    ${' '.repeat(n)}pass\n    return x\n`,
  'ways to go on': (n) =>
    `    y = x\n    if True:\n      y = x\n${'    elif True:\n      y = x\n'.repeat(n)}    return y\n`,
  'blank lines': (n) => `${'    \n'.repeat(n)}    return x\n`,
  comments: (n) => `${'    # nothing\n'.repeat(n)}    return x\n`,
  'blank lines in brackets': (n) => `    return (x\n${'\n'.repeat(n)})\n`,
  'ways to return': (n) =>
    `${'    if bool(torch.any(x)):\n      return x\n    else:\n      pass\n'.repeat(n)}    return x\n`,
};

describe('code that goes deep', () => {
  it.each(Object.entries(CODE))('%s: refused at 5,000 levels and at 200,000', async (_, lines) => {
    for (const levels of lines === CODE['blocks'] ? [1_000] : [5_000, 200_000]) {
      const bytes = await withCode(lines(levels));
      expect(() => torch.jit.load(bytes)).toThrow(
        /code\/__torch__\.py: (its code is nested deeper than|it has a function with more than|it has more than) 400/,
      );
    }
  });

  it('runs on the small stack of a worker thread where it is not too deep', async () => {
    const archives = await Promise.all(Object.values(CODE).map((lines) => withCode(lines(380))));
    const script = `
      const { parentPort, workerData } = require('node:worker_threads');
      const torch = require(${JSON.stringify(path.resolve(__dirname, '../../dist/index.js'))}).default;
      for (const bytes of workerData) {
        try {
          const net = torch.jit.load(bytes);
          for (let i = 0; i < 2; i++) net.forward(torch.zeros([1, 1, 4, 4]));
          net.graph();
          parentPort.postMessage('ran');
        } catch (error) { parentPort.postMessage(error.name); }
      }`;
    const said: string[] = [];
    const worker = new Worker(script, { eval: true, workerData: archives.map((one) => new Uint8Array(one)) });
    worker.on('message', (message: string) => said.push(message));
    await new Promise((resolve, reject) => worker.on('exit', resolve).on('error', reject));
    expect(said).toHaveLength(archives.length);
    expect(said.filter((how) => how === 'ran').length).toBeGreaterThan(archives.length - 3);
  }, 120_000);

  it('is no code in texts and comments', async () => {
    const text = `    y = "${'('.repeat(1000)}"  # ${'['.repeat(1000)}\n    z = '''${'-('.repeat(1000)}'''\n    return x\n`;
    const net = torch.jit.load(await withCode(text));
    expect((net.forward(torch.ones([1, 1, 4, 4])) as Tensor).shape).toEqual([1, 1, 4, 4]);
    const long = `    y = [${'1, '.repeat(5000)}]\n${'    x = torch.neg(x)\n'.repeat(1000)}    return x\n`;
    expect(
      (torch.jit.load(await withCode(long)).forward(torch.ones([1, 1, 4, 4])) as Tensor).sum().item(),
    ).toBe(16);
  });
});

describe('records', () => {
  const storage = /^net\/data\/\d+$/;
  it('are as long as tensors claim', async () => {
    for (const { name, data } of entries.filter((entry) => storage.test(entry.name))) {
      const record = name.slice('net/'.length);
      const short = await changed(record, () => data.subarray(0, data.length - 1));
      expect(() => torch.jit.load(short)).toThrow(
        /data\.pkl: storage '\d+' has \d+ bytes, its \d+ elements need \d+/,
      );
      await expect(torch.jit.loadAsync(short)).rejects.toThrow(/data\.pkl: storage/);
      const none = await changed(record, () => null);
      expect(() => torch.jit.load(none)).toThrow(/data\.pkl: the bytes of storage '\d+' are missing/);
    }
  });

  const text = (value: string): string => `X${String.fromCharCode(value.length)}\0\0\0${value}`;
  const tensor = (size: string, stride: string, offset: string): string =>
    `ctorch._utils\n_rebuild_tensor_v2\n((${text('storage')}ctorch\nFloatStorage\n${text('0')}${text('cpu')}K\x01tQ${offset}${size}${stride}\x89ccollections\nOrderedDict\n)RtR`;
  const cases: Record<string, [string, RegExp]> = {
    'a tensor of more elements than its storage': [tensor('K\x02\x85', 'K\x01\x85', 'K\x00'), /does not lie within its storage of 1 elements/],
    'a tensor that begins behind its storage': [tensor('K\x01\x85', 'K\x01\x85', 'K\x05'), /does not lie within/],
    'a tensor of other strides than sizes': [tensor('K\x01\x85', ')', 'K\x00'), /does not lie within/],
    'a tensor of sizes below 0': [tensor('J\xff\xff\xff\xff\x85', 'K\x01\x85', 'K\x00'), /no whole numbers of 0 or more/],
    'a tensor of huge strides': [tensor('K\x02\x85', '\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7f\x85', 'K\x00'), /no whole numbers|does not lie/],
    'a text that claims 2 GB': ['X\xff\xff\xff\x7fabc', /it ends at/],
    'a number for a value beyond its end': ['Nr\xff\xff\xff\x0f', /it numbers a value/],
    'lists in lists': [`${']'.repeat(200_000)}${'a'.repeat(199_999)}`, /nested deeper than 400|far more memory/],
    'tuples in tuples': [`N${'\x85'.repeat(200_000)}`, /nested deeper than 400|far more memory/],
    'dictionaries in dictionaries': [`${'}K\x01'.repeat(100_000)}N${'s'.repeat(100_000)}`, /nested deeper than 400/],
    'objects in objects': [`${'c__torch__\nA\n)\x81'.repeat(20_000)}N${'b'.repeat(20_000)}`, /nested deeper than 400/],
    'a list that holds itself': [']q\x00h\x00a', /holds itself/],
    'a type that goes deep': [`ctorch.jit._pickle\nrestore_type_tag\n(]X\x00\x20\x00\x00${'List['.repeat(1638)}xxtR`, /type that is nested deeper than 100/],
    'no mark': ['Nt', /lacks the mark/],
    'an operation without values': ['R', /lacks its values/],
    'a storage of a dtype that there is not': [`(${text('storage')}ctorch\nOddStorage\n${text('0')}${text('cpu')}K\x01tQ`, /OddStorage, which is not understood/],
    'a sparse tensor': ['ctorch._utils\n_rebuild_sparse_tensor\n(NNtR', /sparse tensor, whose indices libtorch does not check/],
  }; // prettier-ignore
  it.each(Object.entries(cases))(
    '%s is refused in values, in constants and in what debugging needs',
    async (_, [codes, message]) => {
      const pickle = latin1(`\x80\x02${codes}.`);
      for (const name of ['data.pkl', 'constants.pkl']) {
        const bytes = await changed(name, () => pickle);
        const needed = name === 'data.pkl' ? bytes : await zip([...zipEntries(new MemoryBytes(bytes)).map((one) => ({ name: one.name, data: Buffer.from(one.read()) })), { name: 'net/constants/0', data: Buffer.alloc(4) }], { align: 64 }); // prettier-ignore
        const from = performance.now();
        expect(() => torch.jit.load(needed)).toThrow(message);
        expect(performance.now() - from).toBeLessThan(5000);
      }
    },
  );
});

it('what else a zip may be is refused in words', async () => {
  const bytes = await zip([{ name: 'a/model.json', data: Buffer.from('{}') }, { name: 'a/version', data: Buffer.from('1') }]); // prettier-ignore
  expect(() => torch.jit.load(bytes)).toThrow(/an archive of PyTorch before 1\.2/);
  const two = await zip([...entries, { name: 'b/data.pkl', data: latin1('\x80\x02N.') }]);
  expect(() => torch.jit.load(two)).toThrow(/do not lie in one folder/);
});
