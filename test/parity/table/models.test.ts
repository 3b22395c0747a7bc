// See models.py.
import { run } from './models.run.js';
import { testTable } from './tables.js';

testTable('models', run);
