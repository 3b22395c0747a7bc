// A job's thread: trains one model with one seed, on one core. Any message to it asks it to stop after its step.
import { types } from 'node:util';
import { parentPort, workerData } from 'node:worker_threads';
import { checkpoints, data } from 'torch-node';
import { flopsPerStep } from '../flops.js';
import { confusionMatrix } from '../judge.js';
import { part2 } from '../part2.js';
import { takeTurns } from '../randomTurns.js';
import { run, weightsFile, type Watcher } from '../run.js';
import { CHECKPOINT, RunFolder } from '../runFolder.js';
import { RESULT, type JobMessage, type JobOrder, type JobResult } from './job.js';

const order = workerData as JobOrder;
const port = parentPort!;
const say = (message: JobMessage): void => port.postMessage(message);
const stop = new AbortController();
port.on('message', () => stop.abort());

try {
  takeTurns(order.turns);
  say(await work());
} catch (error) {
  say({ kind: 'failed', reason: types.isNativeError(error) ? error.message : String(error) });
} finally {
  port.close();
}

async function work(): Promise<JobMessage> {
  const { file } = order;
  const experiment =
    file === undefined
      ? part2.get(order.model)!
      : await (await import('../ownModel.js')).loadExperiment(file);
  const sets = { train: data.ImageSet.from(order.train), test: data.ImageSet.from(order.test) };
  const folder = await RunFolder.take(order.folder);
  try {
    const { seed, epochs, device } = order;
    const runs = await run({
      ...{ experiment, sets, seeds: [seed], epochs, device, folder, data: order.data },
      threads: 1,
      resume: await folder.has(CHECKPOINT),
      signal: stop.signal,
      watcher: failOnNaN({
        onStep: (standing) => say({ kind: 'step', standing }),
        onEpoch: (_seed, metrics) => say({ kind: 'epoch', metrics }),
      }),
    });
    if (runs === undefined) return { kind: 'stopped' };
    const net = experiment.network();
    net.loadStateDict((await checkpoints.loadSafetensors(folder.file(weightsFile(seed)))).tensors);
    net.to(device).eval();
    const result: JobResult = {
      run: runs[0]!,
      parameters: net.parameters().reduce((sum, parameter) => sum + parameter.numel, 0),
      flopsPerStep: flopsPerStep(net, experiment.batchSize),
      confusion: confusionMatrix(net, sets.test.to(device)),
    };
    await folder.write(RESULT, `${JSON.stringify(result)}\n`);
    await folder.dropCheckpoint();
    return { kind: 'done', result };
  } finally {
    await folder.leave();
  }
}

// A network whose loss is NaN learns nothing more: the job ends there, and says so.
function failOnNaN(watcher: Watcher): Watcher {
  const check = (loss: number | null, where: string): void => {
    if (loss === null || !Number.isFinite(loss))
      throw new Error(`the loss is not a finite number any more in ${where}: try a smaller learning rate`);
  };
  return {
    onStep: (standing) => {
      check(standing.loss, `epoch ${standing.epoch}, step ${standing.step}`);
      watcher.onStep?.(standing);
    },
    onEpoch: (seed, metrics) => {
      check(metrics.trainLoss, `epoch ${metrics.epoch}`);
      watcher.onEpoch?.(seed, metrics);
    },
  };
}
