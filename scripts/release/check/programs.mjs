// Programs that the checks run: a small training, as an ES module, as CommonJS, and in worker threads.

export const training = `
  torch.manualSeed(0);
  const net = new nn.Sequential(new nn.Linear(4, 16), new nn.ReLU(), new nn.Linear(16, 1));
  const sgd = new optim.SGD(net.parameters(), { lr: 0.1 });
  const x = torch.randn([64, 4]);
  const y = x.sum([1], { keepdim: true });
  const losses = [];
  for (let step = 0; step < 50; step++) {
    torch.scope(() => {
      sgd.zeroGrad();
      const loss = new nn.MSELoss().forward(net.forward(x), y);
      loss.backward();
      sgd.step();
      losses.push(loss.item());
    });
  }
  if (!(losses.at(-1) < losses[0] / 4)) throw new Error('it does not learn: ' + losses.join(' '));
`;
export const esm = `import torch, { nn, optim } from 'torch-node';\n${training}\nconsole.log('trained', torch.version);\n`;
export const commonJs = `const { default: torch, nn, optim } = require('torch-node');\n${training}\nconsole.log('trained', torch.version);\n`;
export const worker = `
import { isMainThread, parentPort, Worker } from 'node:worker_threads';
if (isMainThread) {
  const ends = [0, 1].map(() => new Promise((done, failed) => {
    new Worker(new URL(import.meta.url)).on('message', done).on('error', failed);
  }));
  console.log(...(await Promise.all(ends)));
} else {
  const { default: torch, nn, optim } = await import('torch-node');
  ${training}
  parentPort.postMessage('trained');
}
`;

/** The same as a test, for test runners. */
export const test = `
test('trains', () => {
  ${training}
});
`;
