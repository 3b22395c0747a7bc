// See windows.py.
import { runModule } from './runner.js';
import { testTable } from './tables.js';

testTable('windows', runModule);
