// node write-synthetic.mjs FOLDER COUNT: the synthetic pictures of seed 0 as five training files and a test file of
// COUNT records each, in CIFAR-10's binary layout. For record.py; needs the package compiled.
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { data } from '../../dist/index.js';

const [folder, count] = [process.argv[2], Number(process.argv[3])];
const { train, test } = data.synthetic({ seed: 0, train: 5 * count, test: count });
mkdirSync(folder, { recursive: true });
for (let i = 0; i < 5; i++) write(`data_batch_${i + 1}.bin`, train, i * count);
write('test_batch.bin', test, 0);

function write(name, set, start) {
  const pictures = set.images.narrow(0, start, count).dataSync();
  const labels = set.labels.narrow(0, start, count).dataSync();
  const bytes = new Uint8Array(count * 3073);
  for (let i = 0; i < count; i++) {
    bytes[i * 3073] = Number(labels[i]);
    bytes.set(pictures.subarray(i * 3072, (i + 1) * 3072), i * 3073 + 1);
  }
  writeFileSync(path.join(folder, name), bytes);
}
