// See optim.py.
import { run } from './optim.run.js';
import { testTable } from './tables.js';

testTable('optim', run);
