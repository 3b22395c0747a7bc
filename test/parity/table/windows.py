"""The windows' table: each function of torch.signal.windows, symmetric and periodic, of lengths odd and even."""
MORE = dict(
    bartlett=[{}], blackman=[{}], cosine=[{}], hamming=[{}], hann=[{}], nuttall=[{}],
    exponential=[{}, dict(tau=3.5), dict(tau=0.7, center=2.5, sym=False)],
    gaussian=[{}, dict(std=2.5)],
    general_cosine=[dict(a=[0.46, 0.23, 0.31]), dict(a=[1])],
    general_hamming=[{}, dict(alpha=0.61)],
    kaiser=[{}, dict(beta=0.0), dict(beta=3.3)],
)  # fmt: skip


def cases():
    for name, changes in MORE.items():
        for change in changes:
            for length in (0, 1, 2, 5, 8, 33):
                for options in ({}, dict(sym=False), dict(dtype='float64'), dict(sym=False, dtype='float64')):
                    if 'center' in change and options.get('sym', True):
                        continue
                    yield dict(function=f'signal.windows.{name}', args=[length], options={**change, **options}, inputs=[])
