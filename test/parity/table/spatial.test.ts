// See spatial.py.
import { runModule } from './runner.js';
import { testTable } from './tables.js';

testTable('spatial', runModule);
