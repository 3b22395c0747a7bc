// See sequences.py.
import { runModule } from './runner.js';
import { testTable } from './tables.js';

testTable('sequences', runModule);
