// What is known of an operator's results: dtype, device and shape, from those of its first argument or of a pair. Operators
// that are not listed give a plain Tensor. In-place forms need no rule. test/types/rules.test.ts holds the lists against
// libtorch.

import { camelCase } from './schemas.mjs';

const words = (text) => text.split(/\s+/).filter(Boolean);

/** Operators whose result has the shape of their first argument, by the dtype that comes out (lib/static/dtypes.ts). */
const ELEMENTWISE = {
  same: words(`
    bitwise_not ceil clone conj conj_physical contiguous detach fix flip fliplr flipud floor frac hardshrink nan_to_num neg
    negative positive relu resolve_conj resolve_neg roll round sgn sign tril triu trunc dropout alpha_dropout feature_dropout
    selu celu gelu softplus softshrink logsigmoid pin_memory`),
  FloatOf: words(`
    acos acosh arccos arccosh arcsin arcsinh arctan arctanh asin asinh atan atanh cos cosh deg2rad digamma erf erfc erfinv exp
    exp2 expm1 i0 lgamma log log10 log1p log2 logit mvlgamma rad2deg reciprocal rsqrt sigmoid sin sinc sinh sqrt tan
    tanh special_bessel_j0 special_bessel_j1 special_bessel_y0 special_bessel_y1 special_digamma special_entr special_erf
    special_erfc special_erfcx special_erfinv special_exp2 special_expit special_expm1 special_gammaln special_i0 special_i0e
    special_i1 special_i1e special_log1p special_log_ndtr special_logit special_ndtr special_ndtri special_psi special_sinc
    special_spherical_bessel_j0`),
  Chosen: words('softmax log_softmax special_softmax special_log_softmax'),
  RealOf: words('abs absolute'),
  SumOf: words('cumsum cumprod'),
  NumberOf: words('clamp clamp_min clamp_max clip'),
  bool: words('isfinitef isnan isneginf isposinf isreal logical_not signbit'),
  int64: words('argsort'),
};

/** Operators whose result has another shape, which is not followed, by the dtype that comes out. */
const RESHAPING = {
  same: words(`
    adjoint as_strided broadcast_to chunk diag diag_embed diagflat diagonal diagonal_scatter diff dsplit expand expand_as gather
    hsplit index_select kron masked_select moveaxis movedim msort narrow narrow_copy permute ravel repeat repeat_interleave
    reshape reshape_as rot90 select select_scatter slice_scatter split split_with_sizes squeeze swapaxes swapdims take
    take_along_dim tensor_split tile transpose unbind unflatten unfold unsafe_chunk unsafe_split unsafe_split_with_sizes
    unsqueeze view view_as vsplit flatten index_add index_copy index_fill index_put masked_fill masked_scatter scatter
    scatter_add t renorm
    adaptive_avg_pool1d adaptive_avg_pool2d adaptive_avg_pool3d avg_pool1d avg_pool2d avg_pool3d max_pool1d max_pool2d max_pool3d
    batch_norm channel_shuffle constant_pad_nd conv1d conv2d conv3d conv_transpose1d conv_transpose2d conv_transpose3d embedding
    glu group_norm instance_norm layer_norm linear native_channel_shuffle pixel_shuffle pixel_unshuffle prelu rms_norm
    scaled_dot_product_attention inverse cholesky det matrix_exp matrix_power pinverse linalg_inv linalg_det linalg_cholesky
    linalg_matrix_exp linalg_matrix_power linalg_pinv`),
  int64: words('argwhere nonzero count_nonzero one_hot multinomial'),
};

/** Reductions over dimensions, by the dtype that comes out. */
const REDUCTIONS = {
  same: words('amax amin max min median nanmedian'),
  SumOf: words('sum prod nansum'),
  Chosen: words('mean nanmean'),
  FloatOf: words('logsumexp special_logsumexp'),
  RealOf: words('std var'),
  TruthOf: words('any all'),
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
const dtypeOf = (rule, given) =>
  rule === 'same' || rule === 'Chosen' ? given : /^[A-Z]/.test(rule) ? `${rule}<${given}>` : `'${rule}'`;

const FIRST = { name: 'T', constraint: 'Tensor' };
const SHAPE = 'readonly number[]';

/** A form (signatures.mjs) with what the rules tell of its result. */
export function ruled(form, base) {
  if (form.result === 'this' || form.kind === 'operator') return form;
  const names = form.parameters.map((p) => p.name);
  if (['ValuesIndices', 'MinMax'].includes(form.result)) return named(form);
  if (form.result === 'Tensor[]') return find(RESHAPING, base) === 'same' ? parts(form) : form;
  if (form.result !== 'Tensor') return form;
  if (form.factory && find(FACTORIES, base) !== undefined)
    return factory(form, `'${find(FACTORIES, base)}'`, "'cpu'");
  if (form.factory && LIKE.includes(base))
    return factory(withFirst(form), "T['dtype']", "T['device']", "T['shape']");
  if (form.factory && NEW.includes(base)) return factory(form, 'D', 'V');
  if (PRODUCTS.includes(base)) return product(form, base);
  const paired = find(PAIRS, base);
  if (paired !== undefined && ['other', 'exponent'].some((name) => names.includes(name)))
    return pair(form, base, paired);
  if (form.factory) return form;
  if (form.kind === 'function' && form.parameters[0]?.type !== 'Tensor') return form;
  if (find(REDUCTIONS, base) !== undefined) return reduction(form, find(REDUCTIONS, base));
  if (find(ELEMENTWISE, base) !== undefined)
    return unary(form, find(ELEMENTWISE, base), "T['shape']", 'V, S');
  if (find(RESHAPING, base) !== undefined) return unary(form, find(RESHAPING, base), undefined, 'V');
  return form;
}

const replaced = (form, name, type) => ({
  ...form,
  parameters: form.parameters.map((p) => (p.name === name ? { ...p, type } : p)),
});

/** With a name for the type of the first argument, which of a method is the object. */
function withFirst(form, constraint = 'Tensor') {
  const generics = [...(form.generics ?? []), { ...FIRST, constraint }];
  return form.kind === 'method'
    ? { ...form, generics, self: 'T' }
    : { ...replaced(form, form.parameters[0].name, 'T'), generics };
}

/** With E for the dtype that a dtype or out among the arguments decides on; `fallback` otherwise. */
function withDtype(form, fallback) {
  const chosen = form.parameters.find((p) => p.original === 'dtype' && p.type === 'DType | null');
  const out = form.out === 'Tensor' ? 'Tensor<E>' : form.out;
  const changed = { ...(chosen ? replaced(form, 'dtype', 'E | null') : form), out };
  return {
    ...changed,
    generics: [...(form.generics ?? []), { name: 'E', constraint: 'DType', fallback }],
  };
}

function unary(form, rule, shape, places) {
  // Bounds that are tensors take part in promotion and are broadcast.
  const others = form.parameters.slice(form.kind === 'method' ? 0 : 1);
  if (rule === 'NumberOf' && others.some((p) => p.type.includes('Tensor'))) return form;
  const decided = form.out !== undefined || form.parameters.some((p) => p.original === 'dtype');
  if (form.kind === 'method' && !decided && !/^[A-Z]/.test(rule))
    return { ...form, result: `Tensor<${rule === 'same' ? 'D' : `'${rule}'`}, ${places}>` };
  const given = withDtype(withFirst(form), dtypeOf(rule, "T['dtype']"));
  return { ...given, result: `Like<T, NoInfer<E>, ${shape ?? SHAPE}>` };
}

function reduction(form, rule) {
  let given = withDtype(withFirst(form), dtypeOf(rule, "T['dtype']"));
  const dim = form.parameters.find((p) => p.name === 'dim');
  const keepdim = form.parameters.some((p) => p.name === 'keepdim');
  if (dim) {
    given = replaced(given, 'dim', 'Dim');
    // Left out it stands for all dimensions.
    const none = dim.type.includes('null') ? 'null' : 'undefined';
    const generic = dim.required
      ? { constraint: dim.type }
      : { constraint: dim.type.includes('null') ? dim.type : `${dim.type} | undefined`, fallback: none };
    given.generics.push({ name: 'Dim', ...generic });
  }
  if (keepdim) {
    given = replaced(given, 'keepdim', 'Keep');
    given.generics.push({ name: 'Keep', constraint: 'boolean', fallback: 'false' });
  }
  const shape = `Reduced<T['shape'], ${dim ? 'Dim' : 'null'}, ${keepdim ? 'Keep' : 'false'}>`;
  return { ...given, result: `Like<T, NoInfer<E>, ${shape}>` };
}

function parts(form) {
  return form.kind === 'method'
    ? { ...form, result: 'Tensor<D, V>[]' }
    : { ...withFirst(form), result: `Like<T, T['dtype'], ${SHAPE}>[]` };
}

function named(form) {
  return form.kind === 'method'
    ? { ...form, result: `${form.result}<D, V>` }
    : { ...withFirst(form), result: `${form.result}<T['dtype'], T['device']>` };
}

function pair(form, base, rule) {
  const of = {
    promoted: 'Promoted<T, U>',
    divided: form.parameters.some((p) => p.name === 'roundingMode')
      ? 'Promoted<T, U> | DividedOf<T, U>'
      : 'DividedOf<T, U>',
    bool: "'bool'",
  }[rule];
  const other = form.parameters.find((p) => p.name === 'other' || p.name === 'exponent');
  const first = form.kind === 'method' ? 'Tensor' : form.parameters[0].type;
  const given = withFirst(form, first);
  given.generics.push({ name: 'U', constraint: other.type });
  const decided = withDtype(replaced(given, other.name, `Beside<'${camelCase(base)}', T, U>`), of);
  return { ...decided, result: `Paired<T, U, NoInfer<E>>` };
}

function product(form, base) {
  const other = form.parameters.at(form.kind === 'method' ? 0 : 1);
  if (form.parameters.some((p) => p.original === 'out_dtype')) return form;
  const given = withFirst(form);
  given.generics.push({ name: 'U', constraint: 'Tensor' });
  return {
    ...replaced(given, other.name, `Multiplicable<'${camelCase(base.replace(/^linalg_/, ''))}', T, U>`),
    result: 'Multiplied<T, U>',
  };
}

function factory(form, dtype, device, shape) {
  const size = form.parameters.some((p) => p.name === 'size' && p.type === SHAPE);
  const generics = [
    ...(form.generics ?? []),
    { name: 'E', constraint: 'DType', fallback: dtype },
    { name: 'W', constraint: 'Device', fallback: device },
    ...(size ? [{ name: 'R', constraint: SHAPE, fallback: SHAPE }] : []),
  ];
  return {
    ...(size ? replaced(form, 'size', 'R') : form),
    generics,
    out: form.out === 'Tensor' ? 'Tensor<E>' : form.out,
    factory: 'FactoryOptions<E, W>',
    result: `Tensor<NoInfer<E>, On<NoInfer<W>>, ${shape ?? (size ? 'Known<R>' : SHAPE)}>`,
  };
}

/** For the test: which rule an operator of one argument has. */
export const unaryRules = ELEMENTWISE;
export const reductionRules = REDUCTIONS;
export const pairRules = PAIRS;
