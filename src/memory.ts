// Imported first by `emdc`: tells V8 to keep the heap small rather than to put off collecting it. The collector makes
// little garbage that lives long, and a gateway has little memory. What starts the process needs no flags for it.

import { setFlagsFromString } from 'node:v8';

// The old generation grows in small steps; threads get a young generation of at most 1 MB per half.
setFlagsFromString('--optimize-for-size');
// The main thread's young generation, which was laid out before this line, keeps its first size (1 MB per half).
setFlagsFromString('--semi-space-growth-factor=1');
