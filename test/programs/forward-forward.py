import torch
from torch import nn, optim


class Layer(nn.Linear):
    def __init__(self, inputs, outputs):
        super().__init__(inputs, outputs)
        self.relu = nn.ReLU()
        self.threshold = 1.5
        self.adam = optim.Adam(self.parameters(), lr=2e-2)

    def forward(self, x):
        direction = x / (x.norm(p=2, dim=1, keepdim=True) + 1e-4)
        return self.relu(nn.functional.linear(direction, self.weight, self.bias))

    def learn(self, positive, negative):
        good = self.forward(positive).pow(2).mean(1)
        bad = self.forward(negative).pow(2).mean(1)
        loss = (torch.cat([-good + self.threshold, bad - self.threshold]).exp() + 1).log().mean()
        self.adam.zero_grad()
        loss.backward()
        self.adam.step()
        return self.forward(positive).detach(), self.forward(negative).detach(), loss


def overlay(x, labels):
    marked = x.clone()
    marked[:, :4] = 0
    marked[torch.arange(x.size(0)), labels] = x.max()
    return marked


def losses():
    x = torch.rand(10, 16, 20)
    y = torch.randint(0, 4, (10, 16))
    layers = [Layer(20, 24), Layer(24, 24)]
    losses = []
    for images, labels in zip(x, y):
        positive = overlay(images, labels)
        negative = overlay(images, labels[torch.randperm(16)])
        total = torch.zeros([])
        for layer in layers:
            positive, negative, loss = layer.learn(positive, negative)
            total = total + loss.detach()
        losses.append(total.item())
    return losses
