import torch
from torch import nn, optim

WORDS = 20


class RNNModel(nn.Module):
    def __init__(self):
        super().__init__()
        self.drop = nn.Dropout(0.2)
        self.encoder = nn.Embedding(WORDS, 16)
        self.rnn = nn.LSTM(16, 16, 2, dropout=0.2)
        self.decoder = nn.Linear(16, WORDS)
        nn.init.uniform_(self.encoder.weight, -0.1, 0.1)
        nn.init.zeros_(self.decoder.bias)
        nn.init.uniform_(self.decoder.weight, -0.1, 0.1)

    def forward(self, input, h, c):
        embedded = self.drop(self.encoder(input))
        output, (hn, cn) = self.rnn(embedded, (h, c))
        decoded = self.decoder(self.drop(output))
        return nn.functional.log_softmax(decoded.view(-1, WORDS), 1), hn, cn


def losses():
    text = torch.randint(0, WORDS, (41, 4))
    model = RNNModel()
    criterion = nn.NLLLoss()
    sgd = optim.SGD(model.parameters(), lr=1)
    h = torch.zeros(2, 4, 16)
    c = torch.zeros(2, 4, 16)
    losses = []
    for i in range(10):
        data, targets = text[4 * i : 4 * i + 4], text[4 * i + 1 : 4 * i + 5]
        sgd.zero_grad()
        output, hn, cn = model(data, h, c)
        loss = criterion(output, targets.reshape(-1))
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 0.25)
        sgd.step()
        h, c = hn.detach(), cn.detach()
        losses.append(loss.item())
    return losses
