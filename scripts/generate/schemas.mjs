// The schemas of the linked libtorch, parsed, by namespace-less name: "add" -> Map of "Tensor" -> { schema, text }.
import { createJiti } from 'jiti';

const jiti = createJiti(import.meta.url);
const { native } = await jiti.import('../../lib/native/binding.ts');
// Nothing here may need lib/operators/generated, which may be broken or missing.
export const { parseSchema, takesNumbersAsTensors } = await jiti.import('../../lib/operators/schema.ts');
export const { camelCase } = await jiti.import('../../lib/core/names.ts');

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
