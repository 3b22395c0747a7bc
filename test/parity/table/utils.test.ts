// See utils.py.
import { runModule } from './runner.js';
import { testTable } from './tables.js';

testTable('utils', runModule);
