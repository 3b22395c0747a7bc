// A small DCGAN.
import torch, { nn, optim } from 'torch-node';
import type { Compile } from './program.js';

export function gan(compile: Compile): number[] {
  const real = torch.rand([4, 8, 1, 8, 8]).mul(2).sub(1);
  const generator = new nn.Sequential(
    new nn.ConvTranspose2d(8, 16, 4, { bias: false }),
    new nn.BatchNorm2d(16),
    new nn.ReLU({ inplace: true }),
    new nn.ConvTranspose2d(16, 1, 4, { stride: 2, padding: 1, bias: false }),
    new nn.Tanh(),
  );
  const discriminator = new nn.Sequential(
    new nn.Conv2d(1, 16, 4, { stride: 2, padding: 1, bias: false }),
    new nn.LeakyReLU(0.2, { inplace: true }),
    new nn.Conv2d(16, 1, 4, { bias: false }),
    new nn.Sigmoid(),
  );
  for (const module of [...generator.modules(), ...discriminator.modules()]) {
    if (module instanceof nn.Conv2d || module instanceof nn.ConvTranspose2d)
      nn.init.normal_(module.weight, 0, 0.02);
    else if (module instanceof nn.BatchNorm2d && module.weight) nn.init.normal_(module.weight, 1, 0.02);
  }
  const criterion = new nn.BCELoss();
  const optimizerD = new optim.Adam(discriminator.parameters(), { lr: 2e-3, betas: [0.5, 0.999] });
  const optimizerG = new optim.Adam(generator.parameters(), { lr: 2e-3, betas: [0.5, 0.999] });

  const step = compile(
    (images) => {
      const ones = torch.full([8], 1);
      const zeros = torch.full([8], 0);
      discriminator.zeroGrad();
      const errorReal = criterion.forward(discriminator.forward(images).view(-1), ones);
      errorReal.backward();
      const fake = generator.forward(torch.randn([8, 8, 1, 1]));
      const errorFake = criterion.forward(discriminator.forward(fake.detach()).view(-1), zeros);
      errorFake.backward();
      optimizerD.step();
      generator.zeroGrad();
      const errorG = criterion.forward(discriminator.forward(fake).view(-1), ones);
      errorG.backward();
      optimizerG.step();
      return { errorD: errorReal.add(errorFake), errorG };
    },
    [real.at(0)],
  );
  const losses: number[] = [];
  for (let i = 0; i < 10; i++) {
    const { errorD, errorG } = step(real.at(i % 4));
    losses.push(errorD.add(errorG).item());
  }
  return losses;
}
