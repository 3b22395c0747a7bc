// See schedules.py.
import { run } from './schedules.run.js';
import { testTable } from './tables.js';

testTable('schedules', run);
