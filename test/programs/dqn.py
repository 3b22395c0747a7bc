import torch
from torch import nn, optim

BATCH, GAMMA, TAU = 16, 0.9, 0.05


def network():
    return nn.Sequential(nn.Linear(4, 24), nn.ReLU(), nn.Linear(24, 24), nn.ReLU(), nn.Linear(24, 3))


def losses():
    policy = network()
    target = network()
    target.load_state_dict(policy.state_dict())
    adamw = optim.AdamW(policy.parameters(), lr=1e-2, amsgrad=True)
    criterion = nn.SmoothL1Loss()
    memory = []
    state = torch.rand(4)

    def act():
        nonlocal state
        explore = torch.rand(1).item() < 0.3
        if explore:
            action = torch.randint(0, 3, (1,)).item()
        else:
            with torch.no_grad():
                action = policy(state).argmax().item()
        next = state.roll(1) * 0.8 + action * 0.1
        memory.append((state, action, next, next.sum().item() - action))
        state = next

    while len(memory) < BATCH:
        act()
    losses = []
    for i in range(10):
        act()
        chosen = torch.randperm(len(memory))[:BATCH]
        batch = [memory[index] for index in chosen.tolist()]
        states = torch.stack([state for state, _, _, _ in batch])
        actions = torch.tensor([[action] for _, action, _, _ in batch])
        rewards = torch.tensor([reward for _, _, _, reward in batch])
        next_states = torch.stack([next for _, _, next, _ in batch])
        values = policy(states).gather(1, actions)
        with torch.no_grad():
            next_values = target(next_states).max(1).values
        expected = next_values * GAMMA + rewards
        loss = criterion(values, expected.unsqueeze(1))
        adamw.zero_grad()
        loss.backward()
        nn.utils.clip_grad_value_(policy.parameters(), 100)
        adamw.step()
        with torch.no_grad():
            for theirs, ours in zip(target.parameters(), policy.parameters()):
                theirs.mul_(1 - TAU).add_(ours * TAU)
        losses.append(loss.item())
    return losses
