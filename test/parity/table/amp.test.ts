// See amp.py.
import { run } from './amp.run.js';
import { testTable } from './tables.js';

testTable('amp', run);
