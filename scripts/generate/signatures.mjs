// From schemas to TypeScript: signatures of methods, of functions and of single operators.
import { camelCase } from './schemas.mjs';

const SCALARS = {
  Tensor: 'Tensor', Scalar: 'Scalar', int: 'number', SymInt: 'number', float: 'number', SymFloat: 'number',
  bool: 'boolean', SymBool: 'boolean', str: 'string', ScalarType: 'DType', Layout: 'Layout', Device: 'Device',
  MemoryFormat: 'MemoryFormat', Generator: 'Generator', Storage: 'NativeObject', Stream: 'Stream', QScheme: 'string',
  'Dict(Tensor, Tensor)': 'ReadonlyMap<Tensor, Tensor>',
}; // prettier-ignore

/** What a type is in TypeScript, its layers aside; undefined for what has no counterpart. */
const plain = (base) => SCALARS[base] ?? (base.startsWith('__torch__.') ? 'NativeObject' : undefined);

const isList = (layer) => layer !== 'optional';

/** Whether an operator can be called from JavaScript, which those cannot that take any number of values. */
export const isCallable = ({ variadic, arguments: given, results }) =>
  !variadic && [...given, ...results].every(({ type }) => plain(type.base) !== undefined);

const RESERVED = new Set('arguments default delete eval function import in new this var with'.split(' '));

/** An identifier that may stand for the name of a parameter or a function. */
export const identifier = (name) => (RESERVED.has(name) ? `${name}_` : name);

function typeOf({ base, layers }, { given, numbers = false }) {
  let text = base === 'Tensor' && given && numbers && layers.length === 0 ? 'TensorLike' : plain(base);
  for (const layer of layers) {
    if (layer === 'optional') text += ' | null';
    else {
      const element = text.includes('|') ? `(${text})` : text;
      text = `${given ? 'readonly ' : ''}${element}[]`;
      if (given && layer.list !== undefined) text = `${element} | ${text}`;
    }
  }
  return text;
}

/** The named tuples that results come in: their aliases' text by name. */
export class NamedResults {
  #aliases = new Map();

  /** The type of several results that all have names. */
  alias(results) {
    const names = results.map(({ name }) => camelCase(name));
    const types = results.map(({ type }) => typeOf(type, { given: false }));
    // Of these the dtypes are known.
    const key = names.join();
    if (key === 'values,indices') types.splice(0, 2, 'Tensor<D, V>', "Tensor<'int64', V>");
    if (key === 'min,max') types.splice(0, 2, 'Tensor<D, V>', 'Tensor<D, V>');
    const fields = names.map((name, i) => `${name}: ${types[i]}`);
    // An array has a method values(), which the result of that name hides.
    const hidden = names.filter((name) => name in []).map((name) => `'${name}'`);
    const tuple = `[${fields.join(', ')}]`;
    const array = hidden.length === 0 ? tuple : `Omit<${tuple}, ${hidden.join(' | ')}>`;
    const body = `${array} & { ${fields.map((field) => `readonly ${field}`).join('; ')} }`;
    const base = names.map((name) => name[0].toUpperCase() + name.slice(1)).join('');
    let name = base;
    for (let i = 2; (this.#aliases.get(name) ?? body) !== body; i++) name = `${base}${i}`;
    this.#aliases.set(name, body);
    return name;
  }

  get names() {
    return [...this.#aliases.keys()].sort();
  }
  get lines() {
    const declared = (text) =>
      text.includes('<D, V>') ? '<D extends DType = DType, V extends Device = Device>' : '';
    return [...this.#aliases]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, text]) => `export type ${name}${declared(text)} = ${text};`);
  }
}

const FACTORY = ['dtype', 'layout', 'device', 'pin_memory'];

/**
 * How one operator is called. `kind` is 'method' (its first argument is the object), 'function' or 'operator' (of
 * torch.ops.aten, which gives plain arrays); `out` is the schema of the out= form, if there is one.
 */
export function form(schema, { kind, numbers = false, out, results }) {
  const parameters = schema.arguments.map((argument) => ({
    // PyTorch's functions call `self` input.
    name: kind === 'function' && argument.name === 'self' ? 'input' : camelCase(argument.name),
    type: typeOf(argument.type, { given: true, numbers }),
    required: argument.fallback === undefined,
    keywordOnly: argument.keywordOnly,
    original: argument.name,
    integers: /int/i.test(argument.type.base) && argument.type.layers.some(isList),
  }));
  if (kind === 'method') parameters.shift();
  return {
    kind,
    docs: [schema.text.replace(/\((?:[a-z]|\*)(?:\|[a-z])*!?(?: ?-> ?[^)]*)?\)/g, '')],
    parameters,
    // What the options of a function that makes tensors are called, if it is one.
    factory:
      kind !== 'operator' &&
      FACTORY.every((name) => parameters.some((p) => p.original === name && p.keywordOnly)) &&
      'FactoryOptions',
    out: out && outType(out),
    result: resultType(schema, kind, results),
    spread: kind !== 'operator' && spreads(parameters),
  };
}

function spreads(parameters) {
  return parameters.filter((p) => !p.keywordOnly).length === 1 && parameters[0].integers;
}

function outType(schema) {
  const outs = schema.arguments.filter(({ type, keywordOnly }) => type.written && keywordOnly);
  const types = outs.map(({ type }) => typeOf(type, { given: true }));
  return types.length === 1 ? types[0] : `readonly [${types.join(', ')}]`;
}

function resultType(schema, kind, results) {
  const types = schema.results.map(({ type }) => typeOf(type, { given: false }));
  const [first] = schema.results;
  if (types.length === 0) return 'void';
  if (types.length === 1)
    return kind === 'method' && first.type.written && schema.arguments[0].type.written ? 'this' : types[0];
  return kind !== 'operator' && schema.results.every(({ name }) => name !== undefined)
    ? results.alias(schema.results)
    : `[${types.join(', ')}]`;
}

/**
 * Joins forms that differ in one parameter, a Tensor here and a Scalar there: one signature then takes a value that may
 * be either. Forms that look the same in TypeScript are joined too.
 */
export function joined(forms) {
  const out = [];
  for (const next of forms) {
    const at = out.findIndex((earlier) => join(earlier, next) !== undefined);
    if (at < 0) out.push(next);
    else out[at] = join(out[at], next);
  }
  return out;
}

function join(a, b) {
  const same =
    a.parameters.length === b.parameters.length &&
    a.out === b.out &&
    a.result === b.result &&
    a.parameters.every((p, i) => {
      const q = b.parameters[i];
      return p.name === q.name && p.required === q.required && p.keywordOnly === q.keywordOnly;
    });
  if (!same) return undefined;
  const differing = a.parameters.filter((p, i) => p.type !== b.parameters[i].type);
  const docs = [...a.docs, ...b.docs];
  if (differing.length === 0) return { ...a, docs };
  if (differing.length > 1) return undefined;
  const at = a.parameters.indexOf(differing[0]);
  const pair = [a.parameters[at].type, b.parameters[at].type].sort().join();
  if (pair !== 'Scalar,Tensor') return undefined;
  const parameters = a.parameters.map((p, i) => (i === at ? { ...p, type: 'TensorLike' } : p));
  return { ...a, docs, parameters };
}

/**
 * The signatures of a form: all arguments by position, "(dim?: number, keepdim?: boolean, options?: { ... }): Tensor", and
 * for each number of them by position the others by name, "(options: { dim?: number; ... }): Tensor". In torch.ops.aten what
 * is required goes by position, and what is optional either way.
 */
export function signatures(form) {
  if (form.kind === 'operator') return operatorSignatures(form);
  const { parameters } = form;
  const positional = parameters.filter((p) => !p.keywordOnly);
  const named = parameters.filter((p) => p.keywordOnly);
  const required = named.some((p) => p.required)
    ? positional.length
    : positional.findLastIndex((p) => p.required) + 1;
  const all = positional.map((p, i) => argument(p, i < required ? '' : '?'));
  const out = [withGenerics(form, joinedList([...all, optionsType(form, named)]))];
  if (form.spread) out.push(spreadSignature(form));
  for (let count = positional.length - 1; count >= 0; count--) {
    const options = optionsType(form, [...positional.slice(count), ...named], ':');
    const head = positional.slice(0, count).map((p) => argument(p));
    out.push(withGenerics(form, joinedList([...head, options])));
  }
  return out;
}

const argument = (p, mark = '') => `${identifier(p.name)}${mark}: ${p.type}`;
const joinedList = (list) => list.filter(Boolean).join(', ');

/** "(...size: number[]): Tensor" */
function spreadSignature(form) {
  const [{ name, spread = 'number[]' }] = form.parameters;
  return withGenerics(
    { ...form, result: form.spreadResult ?? form.result },
    `...${identifier(name)}: ${spread}`,
    true,
  );
}

function operatorSignatures(form) {
  const { parameters } = form;
  const required = parameters.filter((p) => p.required && !p.keywordOnly);
  const rest = parameters.filter((p) => !required.includes(p));
  const optional = rest.filter((p) => !p.keywordOnly);
  const write = (list) => withGenerics(form, joinedList(list));
  const out = [write([...required.map((p) => argument(p)), optionsType(form, rest)])];
  if (optional.length > 0 && rest.every((p) => !p.required)) {
    const [first, ...more] = optional;
    const options = optionsType(
      form,
      rest.filter((p) => !optional.includes(p)),
    );
    const head = [...required, first].map((p) => argument(p));
    out.push(write([...head, ...more.map((p) => argument(p, '?')), options]));
  }
  return out;
}

// Last arguments of a result's type that say what it is without them: in this order, each uncovers the next.
const LAST = [
  [/, never>/, '>'],
  [/, 'cpu'>/, '>'],
  [/, 'float32'>/, '>'],
  [/^(Made.*), readonly number\[\]>/, '$1>'],
  [/^((?:Like|Part)<T), 'same'>/, '$1>'],
];

/**
 * A signature whose type parameters are those that its arguments decide; in the result others are what they stand for when
 * nothing decides. A `spread` of dimensions does not tell how many there are.
 */
function withGenerics({ generics = [], self, result }, list, spread = false) {
  const names = (text, name) => new RegExp(`\\b${name}\\b(?!')`).test(text);
  let given = list;
  let gives = result;
  const decided = generics.filter(({ name, fallback }) => {
    if (names(given, name) || fallback === undefined) return true;
    const text = spread && name === 'Dim' ? 'number' : fallback;
    gives = gives.replace(new RegExp(`\\b${name}\\b`, 'g'), () => text);
    return false;
  });
  for (const [written, short] of LAST) gives = gives.replace(written, short);
  const needed = decided.filter(({ name }) => names(`${given} ${gives}`, name));
  if (self !== undefined && names(gives, self)) given = [`this: ${self}`, given].filter(Boolean).join(', ');
  needed.sort((a, b) => Number(a.fallback !== undefined) - Number(b.fallback !== undefined));
  const declared = needed.map(
    ({ name, constraint, fallback, literal }) =>
      `${literal && spread ? 'const ' : ''}${name} extends ${constraint}${fallback === undefined ? '' : ` = ${fallback}`}`,
  );
  return `${declared.length > 0 ? `<${declared.join(', ')}>` : ''}(${given}): ${gives}`;
}

function optionsType({ factory, out }, parameters, mark = parameters.some((p) => p.required) ? ':' : '?:') {
  const own = parameters.filter((p) => !(factory && FACTORY.includes(p.original)));
  const fields = own.map((p) => `${p.name}${p.required ? '' : '?'}: ${p.type}`);
  if (out !== undefined) fields.push(`out?: ${out}`);
  const parts = [factory, fields.length > 0 && `{ ${fields.join('; ')} }`].filter(Boolean);
  if (parts.length === 0) return undefined;
  const type = parts.join(' & ');
  return `options${mark} ${type === '{ out: Tensor }' ? 'Out' : type}`;
}

/** A doc comment with the schemas, which tell the defaults, behind what else is to be said. */
export function docs(form, indent, said = []) {
  const schemas = said.length === 0 ? form.docs : ['', ...form.docs.map((schema) => `\`${schema}\``)];
  const lines = [...said, ...schemas];
  return lines.length === 1
    ? [`${indent}/** ${lines[0]} */`]
    : [`${indent}/**`, ...lines.map((line) => `${indent} * ${line}`.trimEnd()), `${indent} */`];
}
