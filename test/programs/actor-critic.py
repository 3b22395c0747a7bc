import torch
from torch import nn, optim
from torch.nn import functional as F

LENGTH = 12


class Policy(nn.Module):
    def __init__(self):
        super().__init__()
        self.affine1 = nn.Linear(4, 32)
        self.action_head = nn.Linear(32, 2)
        self.value_head = nn.Linear(32, 1)

    def forward(self, x):
        hidden = F.relu(self.affine1(x))
        return F.softmax(self.action_head(hidden), -1), self.value_head(hidden)


def move(state, action):
    next = state * 0.9 + torch.tensor([0.1, 0.3, -0.1, -0.2]) * (1 if action == 1 else -1)
    return next, 1 - next.abs().sum().item()


def losses():
    model = Policy()
    adam = optim.Adam(model.parameters(), lr=3e-2)
    losses = []
    for episode in range(10):
        state = torch.rand(4) - 0.5
        states, actions, rewards = [], [], []
        for i in range(LENGTH):
            with torch.no_grad():
                probabilities, _ = model(state)
            action = probabilities.multinomial(1).item()
            states.append(state)
            actions.append(action)
            state, reward = move(state, action)
            rewards.append(reward)
        R = 0
        returns = []
        for reward in rewards[::-1]:
            R = reward + 0.99 * R
            returns.insert(0, R)
        returns = torch.tensor(returns)
        returns = (returns - returns.mean()) / (returns.std() + 1e-6)
        probabilities, values = model(torch.stack(states))
        log_probabilities = probabilities.gather(1, torch.tensor(actions).unsqueeze(1)).squeeze(1).log()
        advantage = returns - values.squeeze(1).detach()
        loss = (-log_probabilities * advantage).sum() + F.smooth_l1_loss(values.squeeze(1), returns)
        adam.zero_grad()
        loss.backward()
        adam.step()
        losses.append(loss.item())
    return losses
