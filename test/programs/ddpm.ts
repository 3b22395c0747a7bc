// Denoising diffusion of points in the plane.
import torch, { nn, optim, type Tensor } from 'torch-node';
import type { Compile } from './program.js';

const STEPS = 50;

class Denoiser extends nn.Module<[Tensor, Tensor]> {
  time = new nn.Embedding(STEPS, 16);
  first = new nn.Linear(2, 32);
  shift = new nn.Linear(16, 32);
  last = new nn.Sequential(new nn.SiLU(), new nn.Linear(32, 32), new nn.SiLU(), new nn.Linear(32, 2));

  forward(x: Tensor, t: Tensor) {
    return this.last.forward(this.first.forward(x).add(this.shift.forward(this.time.forward(t))));
  }
}

export function ddpm(compile: Compile): number[] {
  const angle = torch.rand([10, 64]).mul(2 * Math.PI);
  const points = torch.stack([angle.cos(), angle.sin()], -1);
  const betas = torch.linspace(1e-4, 0.02, STEPS);
  const alphaBar = torch.cumprod(betas.neg().add(1), 0);
  const model = new Denoiser();
  const adam = new optim.Adam(model.parameters(), { lr: 1e-2 });
  const step = compile(
    (x0) => {
      const t = torch.randint(0, STEPS, [x0.size(0)]);
      const noise = torch.randnLike(x0);
      const abar = alphaBar.at(t).unsqueeze(1);
      const xt = abar.sqrt().mul(x0).add(abar.neg().add(1).sqrt().mul(noise));
      const loss = nn.functional.mseLoss(model.forward(xt, t), noise);
      adam.zeroGrad();
      loss.backward();
      adam.step();
      return loss;
    },
    [points.at(0)],
  );
  const losses: number[] = [];
  for (const batch of points) losses.push(step(batch).item());
  return losses;
}
