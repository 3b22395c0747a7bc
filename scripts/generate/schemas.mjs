// The schemas of the linked libtorch, parsed, by namespace-less name: "add" -> Map of "Tensor" -> { schema, text }.
import { createJiti } from 'jiti';

const jiti = createJiti(import.meta.url);
const { native } = await jiti.import('../../lib/native/binding.ts');
export const { parseSchema, camelCase } = await jiti.import('../../lib/tensor/schema.ts');
export const { acceptance, isSupported } = await jiti.import('../../lib/tensor/acceptance.ts');

/** As "2.13.0", without the build. */
export const version = native.libtorchVersion();

/** All operators of aten, in order of their names. */
export function atenSchemas() {
  const all = new Map();
  for (const name of native.operatorNames()) {
    const [, base, overload = ''] = /^aten::([^.]+)(?:\.(.*))?$/.exec(name) ?? [];
    if (base === undefined) continue;
    const text = native.findOperator(`aten::${base}`, overload).schema;
    const schema = { ...parseSchema(text), text: text.replace(/^aten::/, '') };
    if (!all.has(base)) all.set(base, new Map());
    all.get(base).set(overload || 'default', schema);
  }
  return all;
}

/** Whether the operator can be called from JavaScript: there are no dimension names, streams, or objects of classes. */
export function isCallable(schema) {
  return (
    !schema.variadic &&
    [...schema.arguments, ...schema.results].every(({ type }) => isSupported(type)) &&
    schema.arguments.every(({ name }) => name !== '')
  );
}
