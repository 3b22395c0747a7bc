// See basics.py.
import { runModule } from './runner.js';
import { testTable } from './tables.js';

testTable('basics', runModule);
