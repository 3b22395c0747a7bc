// A thread of the jobs: trains one model with one seed after another, on one core.
import { types } from 'node:util';
import { parentPort } from 'node:worker_threads';
import torch, { checkpoints, data } from 'torch-node';
import { flopsPerStep } from '../flops.js';
import { part2 } from '../part2.js';
import { exclusively, takeTurns } from '../rngLock.js';
import { run, weightsFile, type Watcher } from '../run.js';
import { CHECKPOINT } from '../runFiles.js';
import { RunFolder } from '../runFolder.js';
import { evaluate } from '../training.js';
import { RESULT, type JobMessage, type JobOrder, type JobResult, type ThreadOrder } from './job.js';

const port = parentPort!;
const say = (message: JobMessage): void => port.postMessage(message);
let stop = new AbortController();

port.on('message', (message: ThreadOrder) => {
  if (message.kind === 'stop') stop.abort();
  else if (message.kind === 'leave') port.close();
  else {
    stop = new AbortController();
    work(message.order).then(say, (error: unknown) =>
      say({ kind: 'failed', reason: types.isNativeError(error) ? error.message : String(error) }),
    );
  }
});

async function work(order: JobOrder): Promise<JobMessage> {
  const { file } = order;
  takeTurns(order.turns);
  // On a GPU the jobs' work is queued side by side, each on a stream of its own.
  if (order.device !== 'cpu') torch.cuda.setStream(new torch.cuda.Stream(order.device));
  const experiment =
    file === undefined
      ? part2.get(order.model)!
      : await (await import('../ownModel.js')).loadExperiment(file);
  const sets = { train: data.ImageSet.from(order.train), test: data.ImageSet.from(order.test) };
  const folder = await RunFolder.take(order.folder);
  try {
    const { seed, epochs, device, way } = order;
    let confusion: number[][] | undefined;
    const runs = await run({
      ...{ experiment, sets, seeds: [seed], epochs, device, way, folder, data: order.data },
      threads: 1,
      resume: await folder.has(CHECKPOINT),
      signal: stop.signal,
      watcher: endWhereNothingIsLearnt({
        onStep: (standing) => say({ kind: 'step', standing }),
        onEpoch: (_seed, metrics, onTest) => {
          ({ confusion } = onTest);
          say({ kind: 'epoch', metrics });
        },
      }),
    });
    if (runs === undefined) return { kind: 'stopped' };
    const net = exclusively(() => experiment.network());
    if (confusion === undefined) {
      // It had ended before, but for its result.
      net.loadStateDict((await checkpoints.loadSafetensors(folder.file(weightsFile(seed)))).tensors);
      const training = { net: net.to(device), criterion: experiment.criterion() };
      ({ confusion } = (await evaluate(training, sets.test.to(device)))!);
    }
    const result: JobResult = {
      run: runs[0]!,
      parameters: net.parameters().reduce((sum, parameter) => sum + parameter.numel, 0),
      flopsPerStep: flopsPerStep(net, experiment.batchSize),
      confusion,
    };
    await folder.write(RESULT, `${JSON.stringify(result)}\n`);
    await folder.dropCheckpoint();
    return { kind: 'done', result };
  } finally {
    await folder.leave();
  }
}

// Guessing among ten classes has a loss of 2.3.
const EXPLODED = 1e4;

// A network whose loss is NaN, or has exploded, learns nothing more: the job ends there, and says so.
function endWhereNothingIsLearnt(watcher: Watcher): Watcher {
  const check = (loss: number | null, where: string): void => {
    if (loss === null || !Number.isFinite(loss))
      throw new Error(`the loss is not a finite number any more in ${where}: try a smaller learning rate`);
    if (loss > EXPLODED)
      throw new Error(
        `the loss has exploded to ${loss.toExponential(1)} in ${where} (guessing has 2.3): try a smaller learning rate`,
      );
  };
  return {
    onStep: (standing) => {
      check(standing.loss, `epoch ${standing.epoch}, step ${standing.step}`);
      watcher.onStep?.(standing);
    },
    onEpoch: (seed, metrics, onTest) => {
      check(metrics.trainLoss, `epoch ${metrics.epoch}`);
      watcher.onEpoch?.(seed, metrics, onTest);
    },
  };
}
