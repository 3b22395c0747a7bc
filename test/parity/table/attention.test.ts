// See attention.py.
import { runModule } from './runner.js';
import { testTable } from './tables.js';

testTable('attention', runModule);
