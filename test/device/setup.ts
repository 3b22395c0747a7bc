// Before each file of tests: puts the simulated accelerator in CUDA's place.
import { simulated } from './simulated.js';

simulated();
