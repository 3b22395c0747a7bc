"""The networks of lib/models beside the same in Python. Run by models.run.ts.

The classes are torchvision's (and nanoGPT's) as far as they have parameters; where torchvision is installed, that is checked.
"""
import hashlib, math
import torch
from torch import nn
from torch.nn import functional as F


class LeNet(nn.Module):
    def __init__(self, in_channels=1, num_classes=10):
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, 6, 5)
        self.conv2 = nn.Conv2d(6, 16, 5)
        self.fc1 = nn.Linear(16 * 5 * 5, 120)
        self.fc2 = nn.Linear(120, 84)
        self.fc3 = nn.Linear(84, num_classes)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)
        x = torch.flatten(F.max_pool2d(F.relu(self.conv2(x)), 2), 1)
        return self.fc3(F.relu(self.fc2(F.relu(self.fc1(x)))))


# ---- ResNet ----

class Residual(nn.Module):
    def __init__(self, expansion, inplanes, planes, stride=1, downsample=None):
        super().__init__()
        def conv(i, o, size, s=1):
            return nn.Conv2d(i, o, size, stride=s, padding=size // 2, bias=False)
        if expansion == 1:
            shapes = [(inplanes, planes, 3, stride), (planes, planes, 3)]
        else:
            shapes = [(inplanes, planes, 1), (planes, planes, 3, stride), (planes, planes * expansion, 1)]
        for i, shape in enumerate(shapes, 1):
            setattr(self, f'conv{i}', conv(*shape))
            setattr(self, f'bn{i}', nn.BatchNorm2d(shape[1]))
        self.last = len(shapes)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = downsample

    def forward(self, x):
        out = x
        for i in range(1, self.last + 1):
            out = getattr(self, f'bn{i}')(getattr(self, f'conv{i}')(out))
            if i < self.last:
                out = self.relu(out)
        out += x if self.downsample is None else self.downsample(x)
        return self.relu(out)


class ResNet(nn.Module):
    def __init__(self, expansion, layers, num_classes=1000, zero_init_residual=False):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)
        inplanes = 64
        for i, count in enumerate(layers):
            planes, stride = 64 * 2**i, 1 if i == 0 else 2
            downsample = None
            if stride != 1 or inplanes != planes * expansion:
                downsample = nn.Sequential(nn.Conv2d(inplanes, planes * expansion, 1, stride=stride, bias=False), nn.BatchNorm2d(planes * expansion))
            blocks = [Residual(expansion, inplanes, planes, stride, downsample)]
            inplanes = planes * expansion
            blocks += [Residual(expansion, inplanes, planes) for _ in range(1, count)]
            setattr(self, f'layer{i + 1}', nn.Sequential(*blocks))
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.fc = nn.Linear(512 * expansion, num_classes)
        for m in self.modules():
            if isinstance(m, nn.Conv2d):
                nn.init.kaiming_normal_(m.weight, mode='fan_out', nonlinearity='relu')
        for m in self.modules():
            if zero_init_residual and isinstance(m, Residual):
                nn.init.constant_(getattr(m, f'bn{m.last}').weight, 0)

    def forward(self, x):
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        for layer in (self.layer1, self.layer2, self.layer3, self.layer4):
            x = layer(x)
        return self.fc(torch.flatten(self.avgpool(x), 1))


def resnet18(**options):
    return ResNet(1, [2, 2, 2, 2], **options)


def resnet34(**options):
    return ResNet(1, [3, 4, 6, 3], **options)


def resnet50(**options):
    return ResNet(4, [3, 4, 6, 3], **options)


# ---- VGG ----

VGGS = {11: '64 M 128 M 256 256 M 512 512 M 512 512 M', 13: '64 64 M 128 128 M 256 256 M 512 512 M 512 512 M',
        16: '64 64 M 128 128 M 256 256 256 M 512 512 512 M 512 512 512 M',
        19: '64 64 M 128 128 M 256 256 256 256 M 512 512 512 512 M 512 512 512 512 M'}


class VGG(nn.Module):
    def __init__(self, depth, batch_norm, num_classes=1000, dropout=0.5, classifier_features=4096):
        super().__init__()
        layers, channels = [], 3
        for word in VGGS[depth].split():
            if word == 'M':
                layers.append(nn.MaxPool2d(2, stride=2))
                continue
            layers += [nn.Conv2d(channels, int(word), 3, padding=1), *([nn.BatchNorm2d(int(word))] if batch_norm else []), nn.ReLU(inplace=True)]
            channels = int(word)
        self.features = nn.Sequential(*layers)
        self.avgpool = nn.AdaptiveAvgPool2d((7, 7))
        n = classifier_features
        self.classifier = nn.Sequential(nn.Linear(512 * 7 * 7, n), nn.ReLU(True), nn.Dropout(dropout), nn.Linear(n, n), nn.ReLU(True),
                                        nn.Dropout(dropout), nn.Linear(n, num_classes))
        for m in self.modules():
            if isinstance(m, nn.Conv2d):
                nn.init.kaiming_normal_(m.weight, mode='fan_out', nonlinearity='relu')
                nn.init.constant_(m.bias, 0)
            elif isinstance(m, nn.Linear):
                nn.init.normal_(m.weight, 0, 0.01)
                nn.init.constant_(m.bias, 0)

    def forward(self, x):
        return self.classifier(torch.flatten(self.avgpool(self.features(x)), 1))


def vgg(depth, batch_norm):
    return lambda **options: VGG(depth, batch_norm, **options)


vgg11, vgg13_bn, vgg19_bn = vgg(11, False), vgg(13, True), vgg(19, True)


# ---- ViT ----

class EncoderBlock(nn.Module):
    def __init__(self, heads, hidden, mlp, dropout, attention_dropout):
        super().__init__()
        self.ln_1 = nn.LayerNorm(hidden, eps=1e-6)
        self.self_attention = nn.MultiheadAttention(hidden, heads, dropout=attention_dropout, batch_first=True)
        self.dropout = nn.Dropout(dropout)
        self.ln_2 = nn.LayerNorm(hidden, eps=1e-6)
        self.mlp = nn.Sequential(nn.Linear(hidden, mlp), nn.GELU(), nn.Dropout(dropout), nn.Linear(mlp, hidden), nn.Dropout(dropout))
        for m in self.mlp.modules():
            if isinstance(m, nn.Linear):
                nn.init.xavier_uniform_(m.weight)
                nn.init.normal_(m.bias, std=1e-6)

    def forward(self, input):
        x = self.ln_1(input)
        x, _ = self.self_attention(x, x, x, need_weights=False)
        x = self.dropout(x) + input
        return x + self.mlp(self.ln_2(x))


class Encoder(nn.Module):
    def __init__(self, length, layers, heads, hidden, mlp, dropout, attention_dropout):
        super().__init__()
        self.pos_embedding = nn.Parameter(torch.empty(1, length, hidden).normal_(std=0.02))
        self.dropout = nn.Dropout(dropout)
        self.layers = nn.Sequential()
        for i in range(layers):
            self.layers.add_module(f'encoder_layer_{i}', EncoderBlock(heads, hidden, mlp, dropout, attention_dropout))
        self.ln = nn.LayerNorm(hidden, eps=1e-6)

    def forward(self, x):
        return self.ln(self.layers(self.dropout(x + self.pos_embedding)))


class VisionTransformer(nn.Module):
    def __init__(self, image_size, patch_size, num_layers, num_heads, hidden_dim, mlp_dim, dropout=0.0, attention_dropout=0.0, num_classes=1000):
        super().__init__()
        self.conv_proj = nn.Conv2d(3, hidden_dim, patch_size, stride=patch_size)
        self.class_token = nn.Parameter(torch.zeros(1, 1, hidden_dim))
        self.encoder = Encoder((image_size // patch_size) ** 2 + 1, num_layers, num_heads, hidden_dim, mlp_dim, dropout, attention_dropout)
        self.heads = nn.Sequential()
        self.heads.add_module('head', nn.Linear(hidden_dim, num_classes))
        nn.init.trunc_normal_(self.conv_proj.weight, std=math.sqrt(1 / (3 * patch_size * patch_size)))
        for zero in (self.conv_proj.bias, self.heads.head.weight, self.heads.head.bias):
            nn.init.zeros_(zero)

    def forward(self, x):
        x = self.conv_proj(x)
        x = x.reshape(x.shape[0], x.shape[1], -1).permute(0, 2, 1)
        x = torch.cat([self.class_token.expand(x.shape[0], -1, -1), x], dim=1)
        return self.heads(self.encoder(x)[:, 0])


# ---- GPT ----

class CausalSelfAttention(nn.Module):
    def __init__(self, embed, heads, dropout, bias):
        super().__init__()
        self.c_attn = nn.Linear(embed, 3 * embed, bias=bias)
        self.c_proj = nn.Linear(embed, embed, bias=bias)
        self.resid_dropout = nn.Dropout(dropout)
        self.heads, self.dropout = heads, dropout

    def forward(self, x):
        B, T, C = x.size()
        q, k, v = (y.view(B, T, self.heads, C // self.heads).transpose(1, 2) for y in self.c_attn(x).split(C, dim=2))
        y = F.scaled_dot_product_attention(q, k, v, attn_mask=None, dropout_p=self.dropout if self.training else 0, is_causal=True)
        return self.resid_dropout(self.c_proj(y.transpose(1, 2).contiguous().view(B, T, C)))


class MLP(nn.Module):
    def __init__(self, embed, dropout, bias):
        super().__init__()
        self.c_fc = nn.Linear(embed, 4 * embed, bias=bias)
        self.gelu = nn.GELU()
        self.c_proj = nn.Linear(4 * embed, embed, bias=bias)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x):
        return self.dropout(self.c_proj(self.gelu(self.c_fc(x))))


class Block(nn.Module):
    def __init__(self, embed, heads, dropout, bias):
        super().__init__()
        self.ln_1 = nn.LayerNorm(embed, bias=bias)
        self.attn = CausalSelfAttention(embed, heads, dropout, bias)
        self.ln_2 = nn.LayerNorm(embed, bias=bias)
        self.mlp = MLP(embed, dropout, bias)

    def forward(self, x):
        x = x + self.attn(self.ln_1(x))
        return x + self.mlp(self.ln_2(x))


class GPT(nn.Module):
    def __init__(self, block_size, vocab_size, num_layers, num_heads, embed_dim, dropout=0.0, bias=True):
        super().__init__()
        self.transformer = nn.ModuleDict(dict(
            wte=nn.Embedding(vocab_size, embed_dim), wpe=nn.Embedding(block_size, embed_dim), drop=nn.Dropout(dropout),
            h=nn.ModuleList([Block(embed_dim, num_heads, dropout, bias) for _ in range(num_layers)]), ln_f=nn.LayerNorm(embed_dim, bias=bias)))
        self.lm_head = nn.Linear(embed_dim, vocab_size, bias=False)
        self.transformer.wte.weight = self.lm_head.weight
        self.apply(self.first_values)
        for name, p in self.named_parameters():
            if name.endswith('c_proj.weight'):
                torch.nn.init.normal_(p, mean=0.0, std=0.02 / math.sqrt(2 * num_layers))

    def first_values(self, module):
        if isinstance(module, (nn.Linear, nn.Embedding)):
            torch.nn.init.normal_(module.weight, mean=0.0, std=0.02)
            if getattr(module, 'bias', None) is not None:
                torch.nn.init.zeros_(module.bias)

    def forward(self, idx):
        x = self.transformer.drop(self.transformer.wte(idx) + self.transformer.wpe(torch.arange(idx.size(1))))
        for block in self.transformer.h:
            x = block(x)
        return self.lm_head(self.transformer.ln_f(x))


# ---- cases ----

def calls():
    picture = dict(shape=[2, 3, 32, 32])
    yield 'LeNet', {}, dict(shape=[2, 1, 32, 32]), {}
    yield 'LeNet', dict(in_channels=3, num_classes=4), picture, {}
    # Large enough for the last batch normalisation not to divide by nearly nothing.
    yield 'resnet18', dict(num_classes=10), dict(shape=[3, 3, 64, 64]), {}
    yield 'resnet18', dict(zero_init_residual=True), None, dict(seed=2)
    yield 'resnet34', {}, None, {}
    yield 'resnet50', dict(num_classes=10), picture, dict(train=False, grad=False)
    yield 'vgg11', dict(num_classes=10, classifier_features=8), picture, {}
    for name in ('vgg13_bn', 'vgg19_bn'):
        yield name, dict(classifier_features=1, num_classes=1), None, {}
    vit = dict(image_size=16, patch_size=4, num_layers=2, num_heads=2, hidden_dim=16, mlp_dim=24, num_classes=5)
    small = dict(shape=[2, 3, 16, 16])
    # The head begins as zero.
    head = dict(parameters={'heads.head.weight': dict(shape=[5, 16], seed=4)})
    yield 'VisionTransformer', vit, small, head
    yield 'VisionTransformer', dict(vit, dropout=0.25, attention_dropout=0.5), small, head
    yield 'VisionTransformer', vit, small, dict(head, train=False, grad=False)
    gpt = dict(block_size=8, vocab_size=20, num_layers=2, num_heads=2, embed_dim=8)
    tokens = dict(shape=[2, 6], kind='classes', classes=20)
    yield 'GPT', gpt, tokens, {}
    yield 'GPT', dict(gpt, bias=False, dropout=0.25), tokens, {}
    yield 'GPT', gpt, tokens, dict(train=False, grad=False)


def check_against_torchvision(name, options, net):
    try:
        from torchvision import models
    except (ImportError, RuntimeError):  # not there, or not for this torch
        return
    if name in ('LeNet', 'GPT'):
        return
    rest = {k: v for k, v in options.items() if k != 'classifier_features'}
    made = models.VisionTransformer(**rest) if name == 'VisionTransformer' else None
    if made is None:
        if 'classifier_features' in options:
            with torch.device('meta'):
                made = getattr(models, name)(**rest, init_weights=False)
        else:
            made = getattr(models, name)(**rest)
    ours, theirs = net.state_dict(), made.state_dict()
    assert list(ours) == list(theirs), name
    for key, value in theirs.items():
        if value.is_meta:
            assert key.startswith('classifier') or ours[key].shape == value.shape, (name, key)
        else:
            assert torch.equal(ours[key], value), (name, key)


def joined(tensors):
    return torch.cat([t.detach().float().reshape(-1) for t in tensors])


def norms(tensors):
    return torch.stack([torch.linalg.vector_norm(t.detach().float()) for t in tensors])


def record():
    from __main__ import encode, tensor
    for name, options, spec, about in calls():
        seed, train, grad = about.get('seed', 0), about.get('train', True), about.get('grad', True)
        torch.manual_seed(seed)
        net = globals()[name](**options)
        torch.manual_seed(seed)
        check_against_torchvision(name, options, net)
        state = net.state_dict()
        words = ', '.join([*(f'{k}={v}' for k, v in options.items()), *([] if train else ['in evaluation mode']), *([] if spec else ['its keys'])])
        out = {'class': f'models.{name}', 'name': f'{name}({words})', 'model': name, 'options': options, 'input': spec, 'seed': seed, 'train': train, 'grad': grad,
               'parameters': about.get('parameters', {}), 'keys': hashlib.sha256('\n'.join(f'{k} {list(v.shape)}' for k, v in state.items()).encode()).hexdigest(),
               'initial': encode(joined(net.parameters())), 'initialNorms': encode(norms(net.parameters()))}
        if spec is not None:
            with torch.no_grad():
                for key, value in out['parameters'].items():
                    state[key].copy_(tensor(value))
            net.train(train)
            x = tensor(spec)
            if x.is_floating_point():
                x.requires_grad_()
            torch.manual_seed(seed + 1)
            with torch.set_grad_enabled(grad):
                y = net(x)
            out['output'] = encode(y)
            if grad:
                y.backward(tensor(dict(shape=list(y.shape), seed=99)))
                grads = [p.grad for p in net.parameters()]
                out.update(inputGradient=None if x.grad is None else encode(x.grad), gradients=encode(joined(grads)), gradientNorms=encode(norms(grads)))
            buffers = list(net.buffers())
            out['buffers'] = encode(joined(buffers)) if buffers else None
        yield out
