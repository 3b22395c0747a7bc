import torch
from torch import nn, optim
from torch.nn import functional as F

WORDS, WIDTH, LENGTH, BATCH = 15, 12, 5, 4


class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(WORDS, WIDTH)
        self.gru = nn.GRU(WIDTH, WIDTH, batch_first=True)
        self.dropout = nn.Dropout(0.1)

    def forward(self, input):
        return self.gru(self.dropout(self.embedding(input)))


class BahdanauAttention(nn.Module):
    def __init__(self):
        super().__init__()
        self.Wa = nn.Linear(WIDTH, WIDTH)
        self.Ua = nn.Linear(WIDTH, WIDTH)
        self.Va = nn.Linear(WIDTH, 1)

    def forward(self, query, keys):
        scores = self.Va(torch.tanh(self.Wa(query) + self.Ua(keys)))
        weights = F.softmax(scores.squeeze(2).unsqueeze(1), -1)
        return torch.bmm(weights, keys)


class Decoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(WORDS, WIDTH)
        self.attention = BahdanauAttention()
        self.gru = nn.GRU(2 * WIDTH, WIDTH, batch_first=True)
        self.out = nn.Linear(WIDTH, WORDS)
        self.dropout = nn.Dropout(0.1)

    def forward(self, encoded, hidden, target):
        input = torch.zeros(BATCH, 1, dtype=torch.int64)
        outputs = []
        for i in range(LENGTH):
            embedded = self.dropout(self.embedding(input))
            context = self.attention(hidden.permute(1, 0, 2), encoded)
            output, hidden = self.gru(torch.cat([embedded, context], 2), hidden)
            outputs.append(self.out(output))
            input = target[:, i].unsqueeze(1)
        return F.log_softmax(torch.cat(outputs, 1), -1)


def losses():
    sources = torch.randint(0, WORDS, (10, BATCH, LENGTH))
    targets = sources.flip([2])
    encoder = Encoder()
    decoder = Decoder()
    encoder_optimizer = optim.Adam(encoder.parameters(), lr=1e-2)
    decoder_optimizer = optim.Adam(decoder.parameters(), lr=1e-2)
    criterion = nn.NLLLoss()
    losses = []
    for source, target in zip(sources, targets):
        encoder_optimizer.zero_grad()
        decoder_optimizer.zero_grad()
        encoded, hidden = encoder(source)
        output = decoder(encoded, hidden, target)
        loss = criterion(output.view(-1, WORDS), target.view(-1))
        loss.backward()
        encoder_optimizer.step()
        decoder_optimizer.step()
        losses.append(loss.item())
    return losses
