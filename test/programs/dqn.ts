// Deep Q-learning with a memory of transitions and a target network that follows slowly.
import torch, { nn, optim, type Tensor } from 'torch-node';
import type { Compile } from './program.js';

const [BATCH, GAMMA, TAU] = [16, 0.9, 0.05];

interface Transition {
  state: Tensor;
  action: number;
  next: Tensor;
  reward: number;
}

const network = () =>
  new nn.Sequential(
    new nn.Linear(4, 24),
    new nn.ReLU(),
    new nn.Linear(24, 24),
    new nn.ReLU(),
    new nn.Linear(24, 3),
  );

export function dqn(compile: Compile): number[] {
  const policy = network();
  const target = network();
  target.loadStateDict(policy.stateDict());
  const adamw = new optim.AdamW(policy.parameters(), { lr: 1e-2, amsgrad: true });
  const criterion = new nn.SmoothL1Loss();
  const memory: Transition[] = [];
  let state = torch.rand([4]);

  function act(): void {
    // An action by chance now and then: what is done depends on values, so this part is not recorded.
    const explore = torch.rand([1]).item() < 0.3;
    const action = explore
      ? torch.randint(0, 3, [1]).item()
      : torch.noGrad(() => policy.forward(state).argmax().item());
    const next = state
      .roll(1)
      .mul(0.8)
      .add(action * 0.1);
    memory.push({ state, action, next, reward: next.sum().item() - action });
    state = next;
  }

  const learn = compile(
    (states, actions, rewards, nextStates) => {
      const values = policy.forward(states).gather(1, actions);
      const nextValues = torch.noGrad(() => target.forward(nextStates).max(1).values);
      const expected = nextValues.mul(GAMMA).add(rewards);
      const loss = criterion.forward(values, expected.unsqueeze(1));
      adamw.zeroGrad();
      loss.backward();
      nn.utils.clipGradValue_(policy.parameters(), 100);
      adamw.step();
      torch.noGrad(() => {
        const ours = policy.parameters();
        for (const [i, theirs] of target.parameters().entries()) theirs.mul_(1 - TAU).add_(ours[i]!.mul(TAU));
      });
      return loss;
    },
    [
      torch.zeros([BATCH, 4]),
      torch.zeros([BATCH, 1], { dtype: 'int64' }),
      torch.zeros([BATCH]),
      torch.zeros([BATCH, 4]),
    ],
  );

  while (memory.length < BATCH) act();
  const losses: number[] = [];
  for (let i = 0; i < 10; i++) {
    act();
    const chosen = torch.randperm(memory.length).at(torch.slice(0, BATCH));
    const batch = [...chosen].map((index) => memory[index.item()]!);
    const loss = learn(
      torch.stack(batch.map(({ state }) => state)),
      torch.tensor(
        batch.map(({ action }) => [action]),
        { dtype: 'int64' },
      ),
      torch.tensor(batch.map(({ reward }) => reward)),
      torch.stack(batch.map(({ next }) => next)),
    );
    losses.push(loss.item());
  }
  return losses;
}
