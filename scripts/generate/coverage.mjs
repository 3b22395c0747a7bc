// Tries to call every overload that the linked libtorch lists, aten and the other namespaces, with arguments made by rule
// from its schema, and prints how many can be called from JavaScript. An operator that refuses the values was called; one
// whose arguments cannot be converted was not. Operators that get nonsense may end the process, so that a child makes the
// calls; when it dies, another goes on behind the operator that it died of.
//
// Those that the CPU can run are counted by themselves: operators for which the dispatcher's table has a kernel under one of
// the CPU's dispatch keys (CPU_KEYS), be it the CPU's own or a composite one (OperatorHandle's
// hasComputedKernelForDispatchKey). The others are for other devices, or have no
// kernel at all without something that is loaded besides.
//
//     node scripts/generate/coverage.mjs [--list] [--only REGEXP]
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const SECONDS = 20; // for one operator
const CPU_KEYS = [
  'CPU', 'QuantizedCPU', 'SparseCPU', 'SparseCsrCPU', 'MkldnnCPU', 'NestedTensorCPU',
]; // prettier-ignore

if (process.send) await child();
else await parent();

async function parent() {
  const only = new RegExp(process.argv[process.argv.indexOf('--only') + 1 || Infinity] ?? '');
  const outcomes = new Map();
  let names;
  for (let next = 0; names === undefined || next < names.length; next++) {
    next = await new Promise((done) => {
      const worker = fork(fileURLToPath(import.meta.url), { stdio: ['ignore', 'ignore', 'ignore', 'ipc'] });
      let at = next;
      let onCpu = false;
      const watch = () => setTimeout(() => worker.kill('SIGKILL'), SECONDS * 1000);
      let timer = watch();
      worker.on('message', (message) => {
        clearTimeout(timer);
        timer = watch();
        if (message.names) {
          names ??= message.names.filter((name) => only.test(name));
          worker.send(names.slice(next));
        } else if (message.starts) {
          at = names.indexOf(message.starts);
          onCpu = message.cpu;
        } else outcomes.set(message.name, message);
      });
      worker.on('exit', (code, signal) => {
        clearTimeout(timer);
        if (code === 0) return done(names.length);
        outcomes.set(names[at], { outcome: 'died', why: signal ?? `exit code ${code}`, cpu: onCpu });
        done(at);
      });
    });
  }
  report(names, outcomes);
}

function report(names, outcomes) {
  const of = (list, ...kinds) => list.filter((name) => kinds.includes(outcomes.get(name).outcome));
  const line = (title, list) => {
    const called = of(list, 'gave', 'refused', 'died').length;
    const part = (Math.floor((1000 * called) / list.length) / 10).toFixed(1); // 100.0 when all are
    console.log(`${title}: ${called} of ${list.length} overloads can be called (${part} %)`);
  };
  const aten = names.filter((name) => name.startsWith('aten::'));
  line('aten', aten);
  line(
    'other namespaces',
    names.filter((name) => !aten.includes(name)),
  );
  line('all', names);
  const onCpu = names.filter((name) => outcomes.get(name).cpu);
  line('with a kernel that the CPU can run', onCpu);
  console.log(`${of(names, 'gave').length} gave a result, ${of(names, 'refused').length} refused the values`);
  const died = of(names, 'died');
  console.log(
    `${died.length} ended the process: ${died.map((name) => `${name} (${outcomes.get(name).why})`).join(' ')}`,
  );
  console.log('cannot be called, by what the schema asks for:');
  for (const [why, list] of grouped(of(names, 'cannot'), outcomes)) {
    const marked = list.map((name) => (onCpu.includes(name) ? name : `${name} (no kernel for the CPU)`));
    console.log(`  ${list.length}: ${why}: ${marked.join(' ')}`);
  }
  if (process.argv.includes('--list'))
    for (const name of of(names, 'refused')) console.log(`${name}: ${outcomes.get(name).why}`);
}

function grouped(names, outcomes) {
  const out = new Map();
  for (const name of names) {
    const { why } = outcomes.get(name);
    out.set(why, [...(out.get(why) ?? []), name]);
  }
  return [...out].sort((a, b) => b[1].length - a[1].length);
}

// ---- the child ----

async function child() {
  const { createJiti } = await import('jiti');
  const torch = await createJiti(import.meta.url).import('../../lib/torch.ts');
  const { parseSchema } = await createJiti(import.meta.url).import('../../lib/operators/schema.ts');
  const { native } = await createJiti(import.meta.url).import('../../lib/native/binding.ts');
  const send = (message) => new Promise((done) => process.send(message, done));
  torch.setNumThreads(1);
  process.on('message', async (names) => {
    for (const name of names) {
      // Waited for, so that the parent knows what the process died of.
      const cpu = CPU_KEYS.some((key) => native.operatorRunsOn(...nameAndOverload(name), key));
      await send({ starts: name, cpu });
      await send({ name, cpu, ...attempt(torch, parseSchema, name) });
    }
    process.exit(0);
  });
  await send({ names: torch.ops.names() });
}

const nameAndOverload = (name) => [name.split('.')[0], name.split('.')[1] ?? ''];

function attempt(torch, parseSchema, name) {
  let why;
  try {
    return torch.scope(() => {
      const schema = parseSchema(torch.ops.schema(name));
      if (schema.variadic) return { outcome: 'cannot', why: 'any number of values' };
      const args = schema.arguments.map(({ type, fallback }) =>
        fallback === undefined || isRare(type) ? sample(torch, type, type.layers) : undefined,
      );
      torch.ops.call(name, args);
      return { outcome: 'gave' };
    });
  } catch (error) {
    why = error;
  }
  const [first] = String(why.message).split('\n');
  return why.code === 'ERR_INVALID_ARG_TYPE' || why.code === UNMAKABLE
    ? { outcome: 'cannot', why: reason(first) }
    : { outcome: 'refused', why: first };
}

// Of "aten::f: argument 'x' (Stream): expected a value, got null" the type, so that the like come together.
const reason = (text) => /argument '\w+' \((.*)\): /.exec(text)?.[1] ?? text.replace(/^\S+: /, '');

/** Of objects that no operator here makes. */
const UNMAKABLE = 'unmakable';

const ordinary = {
  Tensor: (torch) => torch.ones([2, 2]),
  Scalar: () => 1, int: () => 1, SymInt: () => 1, float: () => 0.5, SymFloat: () => 0.5,
  bool: () => false, SymBool: () => false, str: () => 'none', ScalarType: () => 'float32', Layout: () => 'strided',
  Device: () => 'cpu', MemoryFormat: () => 'contiguous', Generator: (torch) => new torch.Generator(),
}; // prettier-ignore

/** Types whose values are made even where they need not be given, to see that they can be. */
const isRare = ({ base }) => !(base in ordinary);

/** A value of a type; small, and the same for every operator. */
function sample(torch, type, layers) {
  const last = layers.at(-1);
  if (last === 'optional' && !isRare(type)) return null;
  if (last === 'optional') return sample(torch, type, layers.slice(0, -1));
  if (last !== undefined) return Array(last.list ?? 2).fill(sample(torch, type, layers.slice(0, -1)));
  const make =
    ordinary[type.base] ?? rare[type.base] ?? rare[type.base.replace('__torch__.torch.classes.', '')];
  if (make === undefined) throw Object.assign(new Error(type.base), { code: UNMAKABLE });
  return make(torch);
}

const call = (torch, name, ...args) => torch.ops.call(name, args);
const quantized = (torch, dtype, ...shape) => torch.quantizePerTensor(torch.ones(shape), 0.1, 0, dtype);

/** Packed parameters come from the operators that pack them, the rest from constructors. */
const rare = {
  Storage: (torch) => torch.ones([2, 2]).untypedStorage(),
  Stream: (torch) => new torch.Stream('cpu'),
  Any: () => 'none',
  'quantized.LinearPackedParamsBase': (torch) =>
    call(torch, 'quantized::linear_prepack', quantized(torch, 'qint8', 2, 2), torch.ones([2])),
  'quantized.Conv2dPackedParamsBase': (torch) =>
    call(torch, 'quantized::conv2d_prepack', quantized(torch, 'qint8', 2, 2, 1, 1), null, [1, 1], [0, 0], [1, 1], 1),
  'quantized.Conv3dPackedParamsBase': (torch) =>
    call(torch, 'quantized::conv3d_prepack', quantized(torch, 'qint8', 2, 2, 1, 1, 1), null, [1, 1, 1], [0, 0, 0], [1, 1, 1], 1),
  'quantized.EmbeddingPackedParamsBase': (torch) =>
    call(torch, 'quantized::embedding_bag_prepack',
      call(torch, 'aten::quantize_per_channel', torch.ones([2, 4]), torch.ones([2]), torch.zeros([2]), 0, 'quint8')),
  'rnn.CellParamsBase': (torch) => {
    const packed = rare['quantized.LinearPackedParamsBase'](torch);
    return call(torch, 'quantized::make_quantized_cell_params_dynamic', packed, packed, torch.ones([2]), torch.ones([2]), false);
  },
  'sparse.LinearPackedParamsBase': (torch) =>
    call(torch, 'sparse::qlinear_prepack', quantized(torch, 'qint8', 2, 4), torch.ones([2]), 1, 4),
  'mkldnn.ConvOpContext': (torch) =>
    call(torch, 'mkldnn_prepacked::conv2d_prepack', torch.ones([2, 2, 1, 1]), null, [1, 1], [0, 0], [1, 1], 1, [1, 2, 2, 2], 'none'),
  'profiler._RecordFunction': (torch) => call(torch, 'profiler::_record_function_enter_new', 'coverage', null),
  'c10d.ProcessGroup': (torch) => torch.classes('c10d.ProcessGroup', 0, 1),
  'c10d.ReduceOp': (torch) => torch.classes('c10d.ReduceOp'),
  'c10d.Work': (torch) => torch.classes('c10d.Work'),
}; // prettier-ignore
