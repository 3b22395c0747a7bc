// Where torch.load puts what was saved from a device: as PyTorch's map_location has it.
import { writeFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import torch, { type Tensor, type TorchError } from 'torch-node';
import { Call, Global, PersistentId, pickle } from '../../lib/checkpoints/pickle/writer.js';
import { zip } from '../../lib/files/zipWriter.js';
import { answersOf } from '../support/askPython.js';
import { itWhen } from '../support/skip.js';

type Given = NonNullable<Parameters<typeof torch.load>[1]>['mapLocation'];

const folder = mkdtempSync(path.join(tmpdir(), 'mapLocation-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** A file of two tensors, of ones and of zeros, that were saved from two devices. */
async function savedFrom(...locations: readonly [string, string]): Promise<string> {
  const storage = (location: string, key: string): PersistentId =>
    new PersistentId(['storage', new Global('torch', 'FloatStorage'), key, location, 2]);
  const tensors = new Map(
    locations.map((location, i) => [
      {},
      new Call(new Global('torch._utils', '_rebuild_tensor_v2'), [
        storage(location, String(i)),
        0,
        Object.freeze([2]),
        Object.freeze([1]),
        false,
        new Map(),
      ]),
    ]),
  );
  const file = path.join(folder, 'saved.pt');
  const entry = (name: string, data: Buffer): { name: string; data: Buffer } => ({ name: `a/${name}`, data });
  const floats = (value: number): Buffer => Buffer.from(new Float32Array([value, value]).buffer);
  const parts = [
    entry('data.pkl', pickle([...tensors.keys()], { encode: (object) => tensors.get(object) ?? null })),
    entry('byteorder', Buffer.from('little')),
    ...[1, 0].map((value, i) => entry(`data/${i}`, floats(value))),
    entry('version', Buffer.from('3\n')),
  ];
  writeFileSync(file, await zip(parts));
  return file;
}

const BEFORE = `
import io
if not hasattr(torch, 'tags'):
    torch.tags = []
    torch.serialization.register_package(1, lambda storage: torch.tags.pop(0) if torch.tags else None, lambda storage, location: None)
def devices(locations, where):
    torch.tags[:] = locations
    out = io.BytesIO()
    torch.save([torch.ones(2), torch.zeros(2)], out)
    out.seek(0)
    return [str(each.device) for each in torch.load(out, map_location=where, weights_only=True)]
`;

// From where, to where in Python's words and in ours.
const CASES: readonly (readonly [from: readonly [string, string], theirs: string, ours: Given])[] = [
  [['cpu', 'cpu'], 'None', undefined],
  [['cpu', 'cpu'], 'None', null],
  [['cpu', 'cpu'], `'meta'`, 'meta'],
  [['cpu', 'cuda:0'], `'cpu'`, 'cpu'],
  [['cuda:0', 'cuda:1'], `'meta'`, 'meta'],
  [['cuda:0', 'cuda:1'], `{'cuda:0': 'cpu', 'cuda:1': 'meta'}`, { 'cuda:0': 'cpu', 'cuda:1': 'meta' }],
  [['cuda:0', 'cpu'], `{'cuda:0': 'meta'}`, new Map([['cuda:0', 'meta']])],
  [['cpu', 'cuda:0'], `{'cpu': 'meta'}`, { cpu: 'meta' }],
  [['cpu', 'cpu'], `{}`, {}],
  [['cpu', 'cpu'], `lambda storage, location: None`, () => null],
  [['cpu', 'cpu'], `lambda storage, location: None`, () => undefined],
  [['cuda:0', 'cuda:1'], `lambda storage, location: storage`, () => 'cpu'],
  [['cuda:0', 'cuda:1'], `lambda storage, location: None`, () => null],
  [['cpu', 'cuda:0'], 'None', undefined],
  [['cuda', 'cpu'], 'None', undefined],
  [['tpu:0', 'cpu'], 'None', undefined],
  [['tpu:0', 'cpu'], `{'tpu:0': 'cpu'}`, { 'tpu:0': 'cpu' }],
  [['cpu', 'cpu'], `'cuda'`, 'cuda'],
  [['cpu', 'cpu'], `{'cpu': 'cuda:1'}`, { cpu: 'cuda:1' }],
  [['cpu', 'cpu'], `'nonsense'`, 'nonsense'],
  [['cpu', 'cpu'], `5`, 5 as unknown as 'cpu'],
  [['cpu', 'cpu'], `{'cpu': 5}`, { cpu: 5 as unknown as 'cpu' }],
];

const expressions = CASES.map(([from, theirs]) => `devices(${JSON.stringify(from)}, ${theirs})`);
const answers = answersOf('mapLocation', expressions, BEFORE);

CASES.forEach(([from, theirs, ours], i) => {
  const answer = answers[i]!;
  const onDevice = JSON.stringify([from, ours]).includes('cuda');
  const here = !(torch.cuda.isAvailable() && onDevice);
  itWhen(here, 'the answers are of a machine without a GPU')(
    `from ${String(from)} with ${theirs}, case ${i}: as in Python`,
    async () => {
      const load = torch.load(await savedFrom(...from), ours === undefined ? {} : { mapLocation: ours });
      if ('raises' in answer) await expect(load).rejects.toThrow(torch.TorchError);
      else {
        const tensors = (await load) as [Tensor, Tensor];
        expect(tensors.map(({ device }) => device)).toEqual(answer.value);
        tensors.forEach((tensor, i) => {
          if (tensor.device === 'cpu') expect(tensor.toArray()).toEqual(i === 0 ? [1, 1] : [0, 0]);
          tensor.dispose();
        });
      }
    },
  );
});

it.each([
  ['cuda:7', 'a device that is not there'],
  ['tpu:0', 'a device of a kind that there is not'],
])('%s (%s) is refused with what to do', async (location) => {
  const error = await torch.load(await savedFrom('cpu', location)).then(
    () => undefined,
    (refused: unknown) => refused as TorchError,
  );
  expect(error?.code).toBe('ERR_TORCH_NO_DEVICE');
  expect(error?.message).toContain(
    `saved from ${location}: give { mapLocation: 'cpu' } to have it on the CPU`,
  );
});
