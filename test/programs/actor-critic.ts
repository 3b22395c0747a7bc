// An actor and a critic that balance a cart: one episode a step.
import torch, { nn, optim, type Tensor } from 'torch-node';
import type { Compile } from './program.js';

const F = nn.functional;
const LENGTH = 12;

class Policy extends nn.Module<[Tensor], readonly [Tensor, Tensor]> {
  affine1 = new nn.Linear(4, 32);
  actionHead = new nn.Linear(32, 2);
  valueHead = new nn.Linear(32, 1);

  forward(x: Tensor) {
    const hidden = F.relu(this.affine1.forward(x));
    return [F.softmax(this.actionHead.forward(hidden), -1), this.valueHead.forward(hidden)] as const;
  }
}

// Each action pushes the cart to its side; the reward is higher the nearer to the middle it stays.
function move(state: Tensor, action: number): [state: Tensor, reward: number] {
  const next = state.mul(0.9).add(torch.tensor([0.1, 0.3, -0.1, -0.2]).mul(action === 1 ? 1 : -1));
  return [next, 1 - next.abs().sum().item()];
}

export function actorCritic(compile: Compile): number[] {
  const model = new Policy();
  const adam = new optim.Adam(model.parameters(), { lr: 3e-2 });
  // Which action is taken depends on a drawn value, so the episode runs as it is; what is learned from it can be recorded.
  const learn = compile(
    (states, actions, returns) => {
      const [probabilities, values] = model.forward(states);
      const logProbabilities = probabilities.gather(1, actions.unsqueeze(1)).squeeze(1).log();
      const advantage = returns.sub(values.squeeze(1).detach());
      const loss = logProbabilities
        .neg()
        .mul(advantage)
        .sum()
        .add(F.smoothL1Loss(values.squeeze(1), returns));
      adam.zeroGrad();
      loss.backward();
      adam.step();
      return loss;
    },
    [torch.zeros([LENGTH, 4]), torch.zeros([LENGTH], { dtype: 'int64' }), torch.zeros([LENGTH])],
  );
  const losses: number[] = [];
  for (let episode = 0; episode < 10; episode++) {
    let state = torch.rand([4]).sub(0.5);
    const states = [];
    const actions = [];
    const rewards = [];
    for (let i = 0; i < LENGTH; i++) {
      const [probabilities] = torch.noGrad(() => model.forward(state));
      const action = probabilities.multinomial(1).item();
      states.push(state);
      actions.push(action);
      const [next, reward] = move(state, action);
      rewards.push(reward);
      state = next;
    }
    let R = 0;
    const returns = [];
    for (const reward of rewards.reverse()) returns.unshift((R = reward + 0.99 * R));
    const all = torch.tensor(returns);
    const normalized = all.sub(all.mean()).div(all.std().add(1e-6));
    const loss = learn(torch.stack(states), torch.tensor(actions, { dtype: 'int64' }), normalized);
    losses.push(loss.item());
  }
  return losses;
}
