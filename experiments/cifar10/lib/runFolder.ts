// The folder that a run writes to: one process at a time, and a checkpoint from which it can be gone on with.
import { mkdir, readdir, readFile, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import lockfile from 'proper-lockfile';
import { checkpoints, type Tensor } from 'torch-node';
import { RunError } from './runError.js';
import { CHECKPOINT, COMPARISON, METRICS } from './runFiles.js';
import { writeWhole } from './wholeFile.js';
import type { EpochMetrics, Evaluation, Metrics, RunMetrics } from './metrics.js';
import type { Training, Way } from './training.js';

/** What decides a run's numbers: a run is only gone on with under the same. */
export interface Settings {
  model: string;
  seeds: number[];
  epochs: number;
  batchSize: number;
  device: string;
  threads: number;
  way: Way;
  data: 'cifar10' | 'synthetic';
  /** Of the training labels, so that another data set is noticed. */
  dataSha256: string;
}

/** How far a run has come. */
export interface Progress {
  settings: Settings;
  /** Where the pictures were read from, if the user said so: going on needs no --data. */
  dataPath?: string;
  /** Finished runs, one a seed. */
  finished: RunMetrics[];
  /** Of the seed in progress: what it measured before its first step, and after its epochs. */
  start?: Evaluation;
  epochs: EpochMetrics[];
}

export class RunFolder {
  readonly path: string;
  readonly #release: () => Promise<void>;

  private constructor(folder: string, release: () => Promise<void>) {
    this.path = folder;
    this.#release = release;
  }

  /** Creates the folder where needed and takes it for this process. Throws a RunError when another process has it. */
  static async take(folder: string): Promise<RunFolder> {
    const full = path.resolve(folder);
    try {
      await mkdir(full, { recursive: true });
      return new RunFolder(
        full,
        await lockfile.lock(full, {
          lockfilePath: path.join(full, '.lock'),
          stale: 30_000,
          onCompromised: () => undefined,
        }),
      );
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      throw new RunError(
        code === 'ELOCKED'
          ? `${full} is in use by another run: wait for it, or give another --out (a run that was killed frees it after 30 seconds)`
          : `the run's folder cannot be used: ${message}`,
      );
    }
  }

  /** Gives the folder back. */
  async leave(): Promise<void> {
    await this.#release().catch(() => undefined);
  }

  file(name: string): string {
    return path.join(this.path, name);
  }
  has(name: string): Promise<boolean> {
    return stat(this.file(name)).then(
      () => true,
      () => false,
    );
  }

  /** Throws a RunError where the folder holds a run, of whatever command: another would take its place. */
  async expectNoRun(): Promise<void> {
    for (const name of [CHECKPOINT, COMPARISON, METRICS])
      if (await this.has(name))
        throw new RunError(`${this.path} holds a run already (${name}): give another --out, or remove it`);
  }

  read(name: string): Promise<string> {
    return readFile(this.file(name), 'utf8');
  }

  /** Writes a file whole or not at all. */
  async write(name: string, content: string | Buffer): Promise<void> {
    await writeWhole(this.file(name), content);
  }

  async writeMetrics(runs: RunMetrics[]): Promise<void> {
    await this.write(METRICS, `${JSON.stringify({ runs } satisfies Metrics, null, 2)}\n`);
  }

  // ---- the checkpoint ----

  /** Everything that the next step depends on: parameters, momentum, random numbers, and where the epoch stands. */
  async saveCheckpoint(training: Training, progress: Progress): Promise<void> {
    const tensors: Record<string, Tensor> = { rng: training.rngState };
    for (const [key, tensor] of Object.entries(training.net.stateDict())) tensors[`model.${key}`] = tensor;
    for (const [number, state] of Object.entries(training.optimizer.stateDict().state)) {
      if (state.momentum_buffer) tensors[`momentum.${number}`] = state.momentum_buffer;
    }
    if (training.interruptedRngState) tensors['interruptedRng'] = training.interruptedRngState;
    const { epoch, step, seconds, losses, lossSum } = training;
    const about = JSON.stringify({ ...progress, at: { epoch, step, seconds, losses, lossSum } });
    await this.write(CHECKPOINT, checkpoints.encodeSafetensors(tensors, { progress: about }));
  }

  /** What the checkpoint says of the run. Throws a RunError when there is none, or when it is broken. */
  async readCheckpoint(): Promise<{ progress: Progress; restore: (training: Training) => void }> {
    const bytes = await readFile(this.file(CHECKPOINT)).catch(() => {
      throw new RunError(`${this.path} holds no unfinished run (no ${CHECKPOINT})`);
    });
    const { tensors, metadata } = checkpoints.decodeSafetensors(bytes, this.file(CHECKPOINT));
    const { at, ...progress } = JSON.parse(metadata['progress'] ?? 'null') as Progress & {
      at: Pick<Training, 'epoch' | 'step' | 'seconds' | 'losses' | 'lossSum'>;
    };
    const restore = (training: Training): void => {
      const model: Record<string, Tensor> = {};
      for (const [key, tensor] of Object.entries(tensors)) {
        if (key.startsWith('model.')) model[key.slice('model.'.length)] = tensor;
      }
      training.net.loadStateDict(model);
      const state = training.optimizer.stateDict();
      for (const number of training.net.parameters().keys()) {
        state.state[number] = { momentum_buffer: tensors[`momentum.${number}`] ?? null };
      }
      training.optimizer.loadStateDict(state);
      training.rngState = tensors['rng']!;
      if (tensors['interruptedRng']) training.interruptedRngState = tensors['interruptedRng'];
      Object.assign(training, at);
    };
    return { progress, restore };
  }

  async dropCheckpoint(): Promise<void> {
    await rm(this.file(CHECKPOINT), { force: true });
  }
}

/** A folder for a new run: runs/<time>, with a number where two begin in the same second. */
export async function newRunFolder(parent = 'runs'): Promise<string> {
  const time = new Date().toISOString().slice(0, 19).replace('T', '_').replaceAll(':', '-');
  await mkdir(parent, { recursive: true });
  for (let i = 1; ; i++) {
    const folder = path.join(parent, i === 1 ? time : `${time}_${i}`);
    try {
      await mkdir(folder);
      return folder;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
  }
}

/** The newest folder below `parent` with an unfinished run. */
export async function lastUnfinishedRun(parent = 'runs'): Promise<string> {
  const names = await readdir(parent).catch(() => [] as string[]);
  for (const name of names.sort().reverse()) {
    const found = await stat(path.join(parent, name, CHECKPOINT)).catch(() => undefined);
    if (found) return path.join(parent, name);
  }
  throw new RunError(`there is no unfinished run below ${path.resolve(parent)}: give its folder with --out`);
}
