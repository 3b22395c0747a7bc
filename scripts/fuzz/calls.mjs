// What the fuzzer calls: an overload by its schema's name, a method, a function, indexing, the makers of tensors, a layer.
import { values } from './values.mjs';

// Functions and methods that are left alone, as they change the process or hand a tensor's life to somebody else.
const UNDRAWN = new Set([
  ...[
    'constructor',
    'keep',
    'send',
    'receive',
    'openScope',
    'traceTensors',
    'setNumThreads',
    'setPrintOptions',
  ],
  ...['liveTensors', 'Tensor', 'Generator', 'Stream', 'TorchError'],
]);

// Operators whose work grows out of all proportion with a number, in PyTorch as well: combinations goes through all n^r.
const MOST = { 'aten::combinations': 4 };

/**
 * Draws one call: `{ title, run }`. Everything that it needs is drawn at once; nothing is called yet. With an expression
 * `only`, nothing but overloads whose names fit it are drawn.
 */
export function caller(torch, parseSchema, all, only) {
  const overloads = only === undefined ? all : all.filter((name) => new RegExp(only).test(name));
  const methods = names(torch.Tensor.prototype);
  const spaces = [torch, torch, torch, torch.linalg, torch.fft, torch.special, torch.nn.functional];
  const layers = names(torch.nn).filter(
    (name) => name !== 'Module' && torch.nn.isModule(torch.nn[name].prototype),
  );
  const schemas = new Map();
  const schema = (name) => {
    let found = schemas.get(name);
    if (found === undefined) schemas.set(name, (found = parseSchema(torch.ops.schema(name))));
    return found;
  };
  const aten = new Map(); // the overloads of each base name
  for (const name of overloads) {
    const base = /^aten::(\w+)/.exec(name)?.[1];
    if (base !== undefined) aten.set(base, [...(aten.get(base) ?? []), name]);
  }

  return (random) => {
    const { below, chance, pick, many } = random;
    const draw = values(torch, random);
    const argument = ({ type }, name) => {
      const value = chance(0.08) ? draw.anything() : draw.fitting(type);
      return typeof value === 'number' && name in MOST ? Math.min(value, MOST[name]) : value;
    };

    // Arguments of a public function: by position those of one of its overloads, or anything; the rest in an object.
    const publicArguments = (name, skip) => {
      const base = name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
      const found =
        aten.get(base) ??
        aten.get(`linalg_${base}`) ??
        aten.get(`special_${base}`) ??
        aten.get(`fft_${base}`);
      if (found === undefined || chance(0.15)) return many(4, () => draw.anything());
      const overload = pick(found);
      const expected = schema(overload).arguments.slice(skip);
      const positional = expected.filter(
        ({ keywordOnly, fallback }) => !keywordOnly && fallback === undefined,
      );
      const args = positional.map((each) => argument(each, overload));
      if (chance(0.08)) args.pop();
      if (chance(0.4)) {
        const options = {};
        for (const each of expected) {
          if (positional.includes(each) || !chance(0.3)) continue;
          options[each.name.replace(/_(\w)/g, (_, letter) => letter.toUpperCase())] = argument(
            each,
            overload,
          );
        }
        if (chance(0.05)) options[draw.word()] = draw.anything();
        args.push(options);
      }
      return args;
    };

    const kinds = {
      overload() {
        const name = pick(overloads);
        const args = schema(name).arguments.map((each) =>
          each.fallback !== undefined && chance(0.6) ? undefined : argument(each, name),
        );
        if (chance(0.05)) args.splice(below(args.length + 1), 1);
        if (chance(0.02)) args.push(draw.anything());
        const options = chance(0.03) ? { [draw.word()]: draw.anything() } : undefined;
        return [`ops.call('${name}')`, args, () => torch.ops.call(name, args, options)];
      },
      method() {
        const name = pick(methods);
        const self = draw.tensor();
        const args = publicArguments(name, 1);
        return [`Tensor.${name}`, [self, ...args], () => self[name](...args)];
      },
      function() {
        const space = pick(spaces);
        const name = pick(names(space));
        const args = publicArguments(name, 0);
        return [`torch.${name}`, args, () => space[name](...args)];
      },
      property() {
        const name = pick(['shape', 'strides', 'ndim', 'numel', 'dtype', 'device', 'requiresGrad', 'grad', 'isLeaf', 'gradFn', 'isContiguous']); // prettier-ignore
        const self = draw.tensor();
        const value = draw.anything();
        if (['requiresGrad', 'grad'].includes(name) && chance(0.5))
          return [`Tensor.${name} =`, [self, value], () => void (self[name] = value)];
        return [`Tensor.${name}`, [self], () => self[name]];
      },
      indexing() {
        const index = () =>
          pick([draw.integer, draw.integer, () => null, () => '...', () => ':', () => chance(0.5), draw.integers,
            () => torch.slice(...many(3, draw.integer)), () => draw.tensor(true), draw.anything])(); // prettier-ignore
        const self = draw.tensor();
        const at = many(4, index);
        if (chance(0.5)) return ['Tensor.at', [self, ...at], () => self.at(...at)];
        const value = chance(0.7) ? pick([draw.number, draw.tensor])() : draw.anything();
        return ['Tensor.set', [self, value, ...at], () => self.set(value, ...at)];
      },
      maker() {
        const name = pick([
          'tensor',
          'tensor',
          'fromBuffer',
          'fromTypedArray',
          'full',
          'arange',
          'grad',
          'noGrad',
          'scope',
          'print',
        ]);
        const data = pick([() => draw.nested(3), draw.typedArray, draw.anything])();
        const options = pick([
          () => undefined,
          () => ({ dtype: draw.word() }),
          () => ({ shape: draw.integers() }),
          () => ({ requiresGrad: true, device: draw.word() }),
          draw.anything,
        ])();
        const args = options === undefined ? [data] : [data, options];
        if (name === 'print') {
          const self = draw.tensor();
          return ['String(Tensor)', [self], () => String(self)];
        }
        return [`torch.${name}`, args, () => torch[name](...args)];
      },
      layer() {
        const name = pick(layers);
        const args = many(3, () => (chance(0.7) ? draw.integer() : draw.anything()));
        if (chance(0.5)) {
          const options = {};
          for (const key of [
            'stride',
            'padding',
            'dilation',
            'groups',
            'bias',
            'paddingMode',
            'dtype',
            'inplace',
            'ceilMode',
            'weight',
            'reduction',
            'ignoreIndex',
          ])
            // prettier-ignore
            if (chance(0.15)) options[key] = chance(0.5) ? draw.integer() : draw.anything();
          args.push(options);
        }
        const inputs = many(2, () => (chance(0.9) ? draw.tensor() : draw.anything()));
        const run = () => {
          const layer = new torch.nn[name](...args);
          String(layer);
          return layer.forward(...inputs);
        };
        return [`new nn.${name}`, [...args, ...inputs], run];
      },
    };
    const kind = only !== undefined ? 'overload' : pick(['overload', 'overload', 'overload', 'overload', 'method', 'method', 'function', 'function', 'property', 'indexing', 'maker', 'layer']); // prettier-ignore
    const [title, args, run] = kinds[kind]();
    return { title, args, run };
  };
}

const known = new Map();

function names(space) {
  let found = known.get(space);
  if (found === undefined) {
    found = Object.getOwnPropertyNames(space).filter((name) => {
      const { get, value } = Object.getOwnPropertyDescriptor(space, name);
      // A module's exports may be getters; those of a prototype are properties.
      const found = get !== undefined && !Object.hasOwn(space, 'constructor') ? space[name] : value;
      return typeof found === 'function' && !UNDRAWN.has(name);
    });
    known.set(space, found.sort());
  }
  return found;
}
