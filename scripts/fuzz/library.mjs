import { createJiti } from 'jiti';

const jiti = createJiti(import.meta.url);

/** A file of lib/, by its name in there: also what the package does not export. */
export const library = (name) => jiti.import(`../../lib/${name}.ts`);
