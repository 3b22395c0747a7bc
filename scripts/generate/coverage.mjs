// Tries to call every overload that the linked libtorch lists, aten and the other namespaces, with arguments made by rule
// from its schema, and prints how many can be called from JavaScript. An operator that refuses the values was called; one
// whose arguments cannot be converted was not. Operators that get nonsense may end the process, so that a child makes the
// calls; when it dies, another goes on behind the operator that it died of.
//
//     node scripts/generate/coverage.mjs [--list] [--only REGEXP]
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const SECONDS = 20; // for one operator

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
      const watch = () => setTimeout(() => worker.kill('SIGKILL'), SECONDS * 1000);
      let timer = watch();
      worker.on('message', (message) => {
        clearTimeout(timer);
        timer = watch();
        if (message.names) {
          names ??= message.names.filter((name) => only.test(name));
          worker.send(names.slice(next));
        } else if (message.starts) at = names.indexOf(message.starts);
        else outcomes.set(message.name, message);
      });
      worker.on('exit', (code, signal) => {
        clearTimeout(timer);
        if (code === 0) return done(names.length);
        outcomes.set(names[at], { outcome: 'died', why: signal ?? `exit code ${code}` });
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
    const part = ((100 * called) / list.length).toFixed(1);
    console.log(`${title}: ${called} of ${list.length} overloads can be called (${part} %)`);
  };
  const aten = names.filter((name) => name.startsWith('aten::'));
  line('aten', aten);
  line(
    'other namespaces',
    names.filter((name) => !aten.includes(name)),
  );
  line('all', names);
  console.log(`${of(names, 'gave').length} gave a result, ${of(names, 'refused').length} refused the values`);
  const died = of(names, 'died');
  console.log(
    `${died.length} ended the process: ${died.map((name) => `${name} (${outcomes.get(name).why})`).join(' ')}`,
  );
  console.log('cannot be called, by what the schema asks for:');
  for (const [why, list] of grouped(of(names, 'cannot'), outcomes))
    console.log(`  ${list.length}: ${why}: ${list.join(' ')}`);
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
  const { parseSchema } = await createJiti(import.meta.url).import('../../lib/tensor/schema.ts');
  const send = (message) => new Promise((done) => process.send(message, done));
  torch.setNumThreads(1);
  process.on('message', async (names) => {
    for (const name of names) {
      // Waited for, so that the parent knows what the process died of.
      await send({ starts: name });
      await send({ name, ...attempt(torch, parseSchema, name) });
    }
    process.exit(0);
  });
  await send({ names: torch.ops.names() });
}

function attempt(torch, parseSchema, name) {
  let why;
  try {
    return torch.scope(() => {
      const schema = parseSchema(torch.ops.schema(name));
      const args = schema.arguments.map(({ type, fallback }) =>
        fallback === undefined ? sample(torch, type, type.layers) : undefined,
      );
      torch.ops.call(name, args);
      return { outcome: 'gave' };
    });
  } catch (error) {
    why = error;
  }
  const [first] = String(why.message).split('\n');
  return why.code === 'ERR_INVALID_ARG_TYPE' || /has no JavaScript counterpart/.test(first)
    ? { outcome: 'cannot', why: reason(first) }
    : { outcome: 'refused', why: first };
}

// Of "aten::f: argument 'x' (Stream): expected a value, got null" the type, so that the like come together.
const reason = (text) => /argument '\w+' \((.*)\): /.exec(text)?.[1] ?? text.replace(/^\S+: /, '');

/** A value of a type; small, and the same for every operator. */
function sample(torch, type, layers) {
  const last = layers.at(-1);
  if (last === 'optional') return null;
  if (last !== undefined) return Array(last.list ?? 2).fill(sample(torch, type, layers.slice(0, -1)));
  return {
    Tensor: () => torch.ones([2, 2]),
    Scalar: () => 1, int: () => 1, SymInt: () => 1, float: () => 0.5, SymFloat: () => 0.5,
    bool: () => false, SymBool: () => false, str: () => 'none', ScalarType: () => 'float32', Layout: () => 'strided',
    Device: () => 'cpu', MemoryFormat: () => 'contiguous', Generator: () => new torch.Generator(),
  }[type.base]?.() ?? null; // prettier-ignore
}
