// The files by which a run is known in its folder. Apart from what writes them, which loads libtorch.

/** From which a run that is not finished is gone on with. */
export const CHECKPOINT = 'checkpoint.safetensors';
/** The settings of a comparison of networks. */
export const COMPARISON = 'comparison.json';
/** What was measured. */
export const METRICS = 'metrics.json';
