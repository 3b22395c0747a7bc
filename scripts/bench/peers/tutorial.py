"""CIFAR-10 as PyTorch's tutorial reads it: torchvision's data set and transforms, but read from the binary files."""
import torch


def pictures(raw):
    """A data set over records of 3073 bytes (numpy, uint8)."""
    import numpy as np
    # torchvision's C++ operators load beside one version of torch only. The transforms need none of them; declared,
    # they let any torchvision be imported: pip install --no-deps torchvision pillow
    library = torch.library.Library('torchvision', 'FRAGMENT')
    for name in ('nms', 'qnms'):
        if not hasattr(torch.ops.torchvision, name):
            library.define(f'{name}(Tensor boxes, Tensor scores, float threshold) -> Tensor')
    from PIL import Image
    from torchvision import transforms

    class Pictures(torch.utils.data.Dataset):
        transform = transforms.Compose(
            [transforms.ToTensor(), transforms.Normalize((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))])

        def __init__(self):
            self.pixels = np.ascontiguousarray(raw[:, 1:].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1))
            self.labels = raw[:, 0].astype(int).tolist()

        def __len__(self):
            return len(self.labels)

        def __getitem__(self, i):
            return self.transform(Image.fromarray(self.pixels[i])), self.labels[i]

    return Pictures()
