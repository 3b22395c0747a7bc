// A variational autoencoder of 8x8 images.
import torch, { nn, optim, type Tensor } from 'torch-node';
import type { Compile } from './program.js';

const F = nn.functional;

class VAE extends nn.Module<[Tensor], readonly [Tensor, Tensor, Tensor]> {
  fc1 = new nn.Linear(64, 32);
  fc21 = new nn.Linear(32, 8);
  fc22 = new nn.Linear(32, 8);
  fc3 = new nn.Linear(8, 32);
  fc4 = new nn.Linear(32, 64);

  encode(x: Tensor) {
    const h1 = F.relu(this.fc1.forward(x));
    return [this.fc21.forward(h1), this.fc22.forward(h1)] as const;
  }
  reparameterize(mu: Tensor, logvar: Tensor) {
    const std = logvar.mul(0.5).exp();
    const eps = torch.randnLike(std);
    return mu.add(eps.mul(std));
  }
  decode(z: Tensor) {
    const h3 = F.relu(this.fc3.forward(z));
    return torch.sigmoid(this.fc4.forward(h3));
  }
  forward(x: Tensor) {
    const [mu, logvar] = this.encode(x.view(-1, 64));
    const z = this.reparameterize(mu, logvar);
    return [this.decode(z), mu, logvar] as const;
  }
}

function lossFunction(recon: Tensor, x: Tensor, mu: Tensor, logvar: Tensor) {
  const bce = F.binaryCrossEntropy(recon, x.view(-1, 64), { reduction: 'sum' });
  const kld = logvar.add(1).sub(mu.pow(2)).sub(logvar.exp()).sum().mul(-0.5);
  return bce.add(kld);
}

export function vae(compile: Compile): number[] {
  const data = torch.rand([4, 16, 1, 8, 8]);
  const model = new VAE();
  const optimizer = new optim.Adam(model.parameters(), { lr: 1e-3 });
  const step = compile(
    (x) => {
      optimizer.zeroGrad();
      const [recon, mu, logvar] = model.forward(x);
      const loss = lossFunction(recon, x, mu, logvar);
      loss.backward();
      optimizer.step();
      return loss;
    },
    [data.at(0)],
  );
  const losses: number[] = [];
  for (let i = 0; i < 10; i++) losses.push(step(data.at(i % 4)).item());
  return losses;
}
