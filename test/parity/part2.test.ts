// The twelve networks of part 2, an epoch each, side by side on threads: the Python program's numbers, run live one
// after another.
import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { itWhen } from '../support/skip.js';
import { noPython, python } from './support.js';

const ROOT = path.resolve(__dirname, '../..');
const TRAIN = path.resolve(ROOT, '../shared/reference/train.py');
const FOLDER =
  process.env['TORCH_NODE_TEST_DATA'] || path.join(homedir(), '.cache/cifar10-jpeg/cifar-10-batches-bin');
const haveImages = existsSync(path.join(FOLDER, 'test_batch.bin'));
const OPTIONS = ['--data', FOLDER, '--seeds', '1', '--epochs', '1'];

interface Row {
  model: string;
  trainLoss: number;
  trainAccuracy: number;
  testLoss: number;
  testAccuracy: number;
  parametersSha256: string;
}

async function rows(command: string, args: string[]): Promise<Row[]> {
  const { stdout } = await promisify(execFile)(command, args, { maxBuffer: 1 << 26 });
  return stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Row);
}

itWhen(python !== undefined && haveImages, haveImages ? noPython : `no images in ${FOLDER}`)(
  'the twelve networks, trained side by side, equal the Python program',
  async () => {
    const out = mkdtempSync(path.join(tmpdir(), 'torch-node-parity-'));
    try {
      const command = [path.join(ROOT, 'bin/torch-node.js'), 'cifar10', 'part2', '--exact', ...OPTIONS];
      const ours = await rows(process.execPath, [...command, '--jobs', '3', '--json', '--out', out]);
      const theirs = await rows(python!, [TRAIN, ...OPTIONS, '--threads', '1']);
      const equal = ({ model, trainAccuracy, testAccuracy, parametersSha256 }: Row): object => ({
        ...{ model, trainAccuracy, testAccuracy, parametersSha256 },
      });
      expect(theirs).toHaveLength(12);
      expect(ours.map(equal)).toEqual(theirs.map(equal));
      for (const [i, { trainLoss, testLoss }] of theirs.entries()) {
        expect(Math.abs(ours[i]!.trainLoss - trainLoss)).toBeLessThanOrEqual(1e-6);
        expect(Math.abs(ours[i]!.testLoss - testLoss)).toBeLessThanOrEqual(1e-6);
      }
    } finally {
      rmSync(out, { recursive: true });
    }
  },
  15 * 60_000,
);
