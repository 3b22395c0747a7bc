// See clipping.py.
import { run } from './clipping.run.js';
import { testTable } from './tables.js';

testTable('clipping', run);
