// What is known of an operator's results: dtype, device and shape, from those of its first argument or of a pair. Operators
// that are not listed give a plain Tensor. In-place forms need no rule. test/types/rules.test.ts holds the lists against
// libtorch.

import { camelCase } from './schemas.mjs';

const words = (text) => text.split(/\s+/).filter(Boolean);

/** Operators whose result has the shape of their first argument, by the dtype that comes out (lib/types/dtypes.ts). */
const ELEMENTWISE = {
  same: words(`
    bitwise_not ceil clone conj conj_physical contiguous detach fix flip fliplr flipud floor frac hardshrink nan_to_num neg
    negative positive relu resolve_conj resolve_neg roll round sgn sign tril triu trunc dropout alpha_dropout feature_dropout
    selu celu gelu softplus softshrink logsigmoid pin_memory
    softmax log_softmax special_softmax special_log_softmax`),
  float: words(`
    acos acosh arccos arccosh arcsin arcsinh arctan arctanh asin asinh atan atanh cos cosh deg2rad digamma erf erfc erfinv exp
    exp2 expm1 i0 lgamma log log10 log1p log2 logit mvlgamma rad2deg reciprocal rsqrt sigmoid sin sinc sinh sqrt tan
    tanh special_bessel_j0 special_bessel_j1 special_bessel_y0 special_bessel_y1 special_digamma special_entr special_erf
    special_erfc special_erfcx special_erfinv special_exp2 special_expit special_expm1 special_gammaln special_i0 special_i0e
    special_i1 special_i1e special_log1p special_log_ndtr special_logit special_ndtr special_ndtri special_psi special_sinc
    special_spherical_bessel_j0`),
  real: words('abs absolute'),
  sum: words('cumsum cumprod'),
  number: words('clamp clamp_min clamp_max clip'),
  bool: words('isfinitef isnan isneginf isposinf isreal logical_not signbit'),
  int64: words('argsort'),
};

/** Operators whose result has another shape, which is not followed, by the dtype that comes out. */
const RESHAPING = {
  same: words(`
    adjoint as_strided broadcast_to chunk diag diag_embed diagflat diagonal diagonal_scatter diff dsplit expand expand_as gather
    hsplit masked_select moveaxis movedim msort narrow narrow_copy ravel repeat repeat_interleave
    reshape_as rot90 select_scatter slice_scatter split split_with_sizes squeeze swapaxes swapdims take
    take_along_dim tensor_split tile unbind unflatten unfold unsafe_chunk unsafe_split unsafe_split_with_sizes
    view view_as vsplit index_add index_copy index_fill index_put masked_fill masked_scatter scatter
    scatter_add renorm
    adaptive_avg_pool1d adaptive_avg_pool2d adaptive_avg_pool3d avg_pool1d avg_pool2d avg_pool3d max_pool1d max_pool2d max_pool3d
    batch_norm channel_shuffle constant_pad_nd conv1d conv2d conv3d conv_transpose1d conv_transpose2d conv_transpose3d embedding
    glu group_norm instance_norm layer_norm linear native_channel_shuffle pixel_shuffle pixel_unshuffle prelu rms_norm
    scaled_dot_product_attention inverse cholesky det matrix_exp matrix_power pinverse linalg_inv linalg_det linalg_cholesky
    linalg_matrix_exp linalg_matrix_power linalg_pinv`),
  int64: words('argwhere nonzero count_nonzero one_hot multinomial'),
};

/**
 * Operators whose result's shape follows from their arguments, by the type (lib/types/shapes.ts) that tells it: the arguments
 * that decide, with their defaults, and the shape. A `spread` is what the arguments are when they come one by one.
 */
const SHAPING = {
  flatten: {
    decide: { startDim: ['Start', 'number', '0'], endDim: ['End', 'number', '-1'] },
    shape: 'Flattened<T[typeof shapeOf], NoInfer<Start>, NoInfer<End>>',
  },
  index_select: {
    decide: { dim: ['Dim', 'number'] },
    shape: 'Replace<T[typeof shapeOf], Dim, readonly [number]>',
  },
  permute: {
    decide: { dims: ['Dims', 'Shape'] },
    spread: 'Dims',
    shape: 'Permuted<T[typeof shapeOf], Dims>',
  },
  reshape: {
    decide: { shape: ['R', 'Shape'] },
    spread: 'R',
    shape: 'Reshaped<R>',
    spreadShape: "number extends T[typeof shapeOf]['length'] ? Dynamic : Reshaped<R>",
  },
  select: { decide: { dim: ['Dim', 'number'] }, shape: 'Replace<T[typeof shapeOf], Dim, readonly []>' },
  t: { decide: {}, shape: 'Turned<T[typeof shapeOf]>' },
  transpose: {
    decide: { dim0: ['A', 'number'], dim1: ['B', 'number'] },
    shape: 'Swapped<T[typeof shapeOf], A, B>',
  },
  unsqueeze: { decide: { dim: ['Dim', 'number'] }, shape: 'Inserted<T[typeof shapeOf], Dim>' },
};

/** Reductions over dimensions, by the dtype that comes out. */
const REDUCTIONS = {
  same: words('amax amin max min median nanmedian mean nanmean'),
  sum: words('sum prod nansum'),
  float: words('logsumexp special_logsumexp'),
  real: words('std var'),
  truth: words('any all'),
  int64: words('argmax argmin'),
};

/** Operators on pairs that broadcast, by the dtype that comes out. */
const PAIRS = {
  promoted: words(`
    add sub subtract mul multiply rsub remainder fmod floor_divide maximum minimum fmax fmin max min pow bitwise_and bitwise_or
    bitwise_xor gcd lcm`),
  divided: words('div divide true_divide atan2 arctan2 xlogy special_xlogy special_xlog1py'),
  bool: words(`
    eq ne lt le gt ge not_equal less less_equal greater greater_equal logical_and logical_or logical_xor`),
};

/** Functions that join a list of tensors. */
const JOINING = words('cat concat concatenate stack hstack vstack dstack column_stack row_stack');

const PRODUCTS = words('matmul mm bmm mv dot linalg_matmul');

/** Functions that make tensors, by the dtype when none is given. */
const FACTORIES = {
  float32: words(`
    bartlett_window blackman_window empty eye fft_fftfreq fft_rfftfreq hamming_window hann_window kaiser_window linspace logspace
    ones rand randn zeros`),
  int64: words('randint randperm tril_indices triu_indices'),
};
const LIKE = words('zeros_like ones_like empty_like rand_like randn_like randint_like full_like');
const NEW = words('new_empty new_full new_ones new_zeros');

const find = (lists, base) => Object.entries(lists).find(([, list]) => list.includes(base))?.[0];
const SHAPE = 'readonly number[]';

/** A form (signatures.mjs) with what the rules tell of its result. */
export function ruled(form, base) {
  if (form.kind === 'operator') return form;
  if (form.result === 'this') return { ...withFirst(form), result: 'T' };
  const names = form.parameters.map((p) => p.name);
  if (['ValuesIndices', 'MinMax'].includes(form.result))
    return { ...withFirst(form), result: `${form.result}<T[typeof dtypeOf], T[typeof deviceOf]>` };
  if (form.result === 'Tensor[]')
    return find(RESHAPING, base) === 'same' ? { ...withFirst(form), result: 'Part<T>[]' } : form;
  if (form.result !== 'Tensor') return form;
  if (form.factory) {
    const made = find(FACTORIES, base);
    if (made !== undefined) return factory(form, `'${made}'`);
    if (LIKE.includes(base))
      return factory(withFirst(form), 'T[typeof dtypeOf]', 'T[typeof deviceOf]', 'T[typeof shapeOf]');
    return NEW.includes(base) ? factory(withFirst(form), 'T[typeof dtypeOf]', 'T[typeof deviceOf]') : form;
  }
  if (PRODUCTS.includes(base)) return product(form, base);
  if (JOINING.includes(base)) return joining(form);
  const paired = find(PAIRS, base);
  if (paired !== undefined && ['other', 'exponent'].some((name) => names.includes(name)))
    return pair(form, base, paired);
  if (form.kind === 'function' && form.parameters[0]?.type !== 'Tensor') return form;
  const [reducing, like, part] = [REDUCTIONS, ELEMENTWISE, RESHAPING].map((lists) => find(lists, base));
  if (reducing !== undefined) return reduction(form, reducing);
  if (base in SHAPING) return shaping(form, SHAPING[base]);
  if (like !== undefined) return unary(form, like, 'Like');
  return part === undefined ? form : unary(form, part, 'Part');
}

const replaced = (form, name, type) => ({
  ...form,
  parameters: form.parameters.map((p) => (p.name === name ? { ...p, type } : p)),
});
const withGeneric = (form, generic) => ({ ...form, generics: [...(form.generics ?? []), generic] });

/** With a name for the type of the first argument, which of a method is the object. */
function withFirst(form, constraint = 'Tensor') {
  const given = withGeneric(form, { name: 'T', constraint });
  return form.kind === 'method' ? { ...given, self: 'T' } : replaced(given, form.parameters[0].name, 'T');
}

/** With E for the dtype that a dtype or out among the arguments decides on. */
function withDtype(form) {
  const chosen = form.parameters.some((p) => p.original === 'dtype' && p.type === 'DType | null');
  const given = withGeneric(chosen ? replaced(form, 'dtype', 'E | null') : form, {
    name: 'E',
    constraint: 'DType',
    fallback: 'never',
  });
  return { ...given, out: form.out === 'Tensor' ? 'Tensor<E>' : form.out };
}

function unary(form, rule, like) {
  // Bounds that are tensors take part in promotion and are broadcast.
  const others = form.parameters.slice(form.kind === 'method' ? 0 : 1);
  if (rule === 'number' && others.some((p) => p.type.includes('Tensor'))) return form;
  return { ...withDtype(withFirst(form)), result: `${like}<T, '${rule}', E>` };
}

function shaping(form, { decide, spread, shape, spreadShape = shape }) {
  let given = withFirst(form);
  for (const [name, [generic, constraint, fallback]] of Object.entries(decide)) {
    given = withGeneric(replaced(given, name, generic), {
      name: generic,
      constraint,
      fallback,
      literal: spread,
    });
    given = { ...given, parameters: given.parameters.map((p) => (p.name === name ? { ...p, spread } : p)) };
  }
  return { ...given, result: `Shaped<T, ${shape}>`, spreadResult: `Shaped<T, ${spreadShape}>` };
}

function reduction(form, rule) {
  let given = withDtype(withFirst(form));
  const dim = form.parameters.find((p) => p.name === 'dim');
  const keepdim = form.parameters.some((p) => p.name === 'keepdim');
  if (dim) {
    // Left out it stands for all dimensions.
    const none = dim.type.includes('null') ? 'null' : 'undefined';
    const constraint = dim.required || none === 'null' ? dim.type : `${dim.type} | undefined`;
    const generic = { name: 'Dim', constraint, ...(dim.required ? {} : { fallback: none }) };
    given = withGeneric(replaced(given, 'dim', 'Dim'), generic);
  }
  if (keepdim)
    given = withGeneric(replaced(given, 'keepdim', 'Keep'), {
      name: 'Keep',
      constraint: 'boolean',
      fallback: 'false',
    });
  const over = `${dim ? 'Dim' : 'null'}, ${keepdim ? 'Keep' : 'false'}`;
  return { ...given, result: `Reduction<T, '${rule}', ${over}, E>` };
}

function pair(form, base, rule) {
  const rounding = form.parameters.some((p) => p.name === 'roundingMode');
  const other = form.parameters.find((p) => p.name === 'other' || p.name === 'exponent');
  const first = form.kind === 'method' ? 'Tensor' : form.parameters[0].type;
  const given = withGeneric(withFirst(form, first), { name: 'U', constraint: other.type });
  return {
    ...withDtype(replaced(given, other.name, `BroadcastWith<'${camelCase(base)}', T, U>`)),
    result: `BroadcastResult<T, U, '${rounding ? 'either' : rule}', E>`,
  };
}

function product(form, base) {
  const other = form.parameters.at(form.kind === 'method' ? 0 : 1);
  if (form.parameters.some((p) => p.original === 'out_dtype')) return form;
  const given = withGeneric(withFirst(form), { name: 'U', constraint: 'Tensor' });
  return {
    ...replaced(given, other.name, `MatmulWith<'${camelCase(base.replace(/^linalg_/, ''))}', T, U>`),
    result: 'MatmulResult<T, U>',
  };
}

function joining(form) {
  const given = withGeneric(replaced(form, form.parameters[0].name, 'readonly T[]'), {
    name: 'T',
    constraint: 'Tensor',
  });
  return { ...withDtype(given), result: "Part<T, 'joined', E>" };
}

function factory(form, dtype, device = "'cpu'", shape = undefined) {
  const size = form.parameters.some((p) => p.name === 'size' && p.type === SHAPE);
  let given = withDtype(form);
  given = withGeneric(given, { name: 'W', constraint: 'Device', fallback: 'never' });
  if (size)
    given = withGeneric(replaced(given, 'size', 'R'), { name: 'R', constraint: SHAPE, fallback: 'Dynamic' });
  return {
    ...given,
    factory: 'FactoryOptions<E, W>',
    result: `Made<E, W, ${shape ?? (size ? 'R' : 'Dynamic')}, ${dtype}, ${device}>`,
  };
}

/** For the tests: the operators of each rule. */
export { ELEMENTWISE as elementwise, PAIRS as pairs, REDUCTIONS as reductions, RESHAPING as reshaping };
