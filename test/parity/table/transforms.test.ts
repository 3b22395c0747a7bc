// See transforms.py.
import { testTable } from './tables.js';
import { run } from './transforms.run.js';

testTable('transforms', run);
