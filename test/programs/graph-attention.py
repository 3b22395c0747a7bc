import torch
from torch import nn, optim
from torch.nn import functional as F


class GraphAttentionLayer(nn.Module):
    def __init__(self, features, hidden):
        super().__init__()
        self.hidden = hidden
        self.W = nn.Parameter(torch.empty(features, hidden))
        nn.init.xavier_uniform_(self.W, 1.414)
        self.a = nn.Parameter(torch.empty(2 * hidden, 1))
        nn.init.xavier_uniform_(self.a, gain=1.414)

    def forward(self, h, adjacency):
        Wh = h.matmul(self.W)
        left = Wh.matmul(self.a[: self.hidden])
        right = Wh.matmul(self.a[self.hidden :])
        e = F.leaky_relu(left + right.t(), 0.2)
        masked = torch.where(adjacency > 0, e, -9e15)
        attention = F.dropout(F.softmax(masked, 1), 0.4, self.training)
        return attention.matmul(Wh)


class GAT(nn.Module):
    def __init__(self):
        super().__init__()
        self.heads = nn.ModuleList([GraphAttentionLayer(8, 6), GraphAttentionLayer(8, 6)])
        self.out = GraphAttentionLayer(12, 3)

    def forward(self, x, adjacency):
        hidden = torch.cat([F.elu(head(x, adjacency)) for head in self.heads], 1)
        return F.log_softmax(F.elu(self.out(hidden, adjacency)), 1)


def losses():
    nodes = torch.rand(20, 8)
    edges = (torch.rand(20, 20) < 0.2).float()
    adjacency = (edges + edges.t() + torch.eye(20)).clamp(max=1)
    labels = torch.randint(0, 3, (20,))
    training = torch.randperm(20)[:12]
    model = GAT()
    adam = optim.Adam(model.parameters(), lr=5e-2, weight_decay=5e-4)
    losses = []
    for i in range(10):
        adam.zero_grad()
        output = model(nodes, adjacency)
        loss = F.nll_loss(output[training], labels[training])
        loss.backward()
        adam.step()
        losses.append(loss.item())
    return losses
