// CIFAR-10 by torch.compileStep, from the command line:
//
//     npm run example:airbench -- --data FOLDER --device cuda
//     npm run example:airbench -- --synthetic --train 512 --test 200 --epochs 1 --batch 64 --widths 8,16,16
//
// FOLDER holds CIFAR-10's binary files; without it the set is looked for in the cache, and downloaded. --synthetic takes drawn
// pictures instead. --train and --test take the first images of a set only.
import { parseArgs } from 'node:util';
import torch from 'torch-node';
import { DEFAULTS, train, type Settings } from './airbench.js';

const { values } = parseArgs({
  options: {
    ...{ data: { type: 'string' }, synthetic: { type: 'boolean', default: false } },
    ...{ train: { type: 'string' }, test: { type: 'string' } },
    ...{
      epochs: { type: 'string' },
      batch: { type: 'string' },
      widths: { type: 'string' },
      lr: { type: 'string' },
    },
    ...{
      seed: { type: 'string' },
      runs: { type: 'string', default: '1' },
      json: { type: 'boolean', default: false },
    },
    ...{ device: { type: 'string', default: 'cpu' }, dtype: { type: 'string' }, threads: { type: 'string' } },
  },
});
const number = (text: string | undefined, otherwise: number): number =>
  text === undefined ? otherwise : Number(text);

const { device } = values;
if (values.threads !== undefined) torch.setNumThreads(Number(values.threads));
// Two in three of the step's products are of convolutions with fixed shapes.
torch.backends.cudnn.benchmark = true;
const sets = values.synthetic
  ? torch.data.synthetic({ train: number(values.train, 50_000), test: number(values.test, 10_000), seed: 0 })
  : await torch.data.cifar10(values.data);
const first = (
  { images, labels }: torch.data.ImageSet,
  count: number,
): { images: torch.Tensor; labels: torch.Tensor } => ({
  images: images.narrow(0, 0, Math.min(count, images.size(0))),
  labels: labels.narrow(0, 0, Math.min(count, labels.size(0))),
});
const settings: Settings = {
  ...DEFAULTS,
  epochs: number(values.epochs, DEFAULTS.epochs),
  batch: number(values.batch, DEFAULTS.batch),
  widths: (values.widths?.split(',').map(Number) ?? DEFAULTS.widths) as unknown as Settings['widths'],
  lr: number(values.lr, DEFAULTS.lr),
  device,
  dtype: (values.dtype ?? (device === 'cpu' ? 'float32' : 'bfloat16')) as Settings['dtype'],
  log: values.json ? () => undefined : DEFAULTS.log,
};
for (let run = 0; run < Number(values.runs); run++) {
  const outcome = await train(
    {
      train: first(sets.train, number(values.train, Infinity)),
      test: first(sets.test, number(values.test, Infinity)),
    },
    { ...settings, seed: number(values.seed, 0) + run },
  );
  if (values.json) console.log(JSON.stringify(outcome));
  else
    console.log(
      `${outcome.accuracy.toFixed(2)} % after ${outcome.steps} steps in ${outcome.seconds.toFixed(2)} s` +
        ` (path ${outcome.path}${outcome.why === '' ? '' : `: ${outcome.why}`})`,
    );
}
