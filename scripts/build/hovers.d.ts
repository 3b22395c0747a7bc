// What editors show of `torch`, `nn` and their kin. An alias has no comment of its own, but the module that it stands for may have
// one. scripts/build/ts.mjs puts this at the end of dist/index.d.ts: in the sources typedoc would take each for a module.

/** Tensors and what is computed with them, as [torch](https://docs.pytorch.org/docs/stable/torch.html) in Python. */
declare module './torch.js' {}
/** Mixed precision: [torch.amp](https://docs.pytorch.org/docs/stable/amp.html). */
declare module './amp/index.js' {}
/** Gradients: [torch.autograd](https://docs.pytorch.org/docs/stable/autograd.html). */
declare module './autograd/index.js' {}
/** Data sets and loaders: [torch.utils.data](https://docs.pytorch.org/docs/stable/data.html). */
declare module './data/index.js' {}
/** Layers, losses and what they are built of: [torch.nn](https://docs.pytorch.org/docs/stable/nn.html). */
declare module './nn/index.js' {}
/** Optimizers and schedules of learning rates: [torch.optim](https://docs.pytorch.org/docs/stable/optim.html). */
declare module './optim/index.js' {}
