// Background calls: work on a thread of libuv's pool while JavaScript goes on, and the promise of its result. The one
// way to leave JavaScript's thread.
#pragma once

#include <functional>

#include "values.h"

namespace torch_node {

// `execute` runs on the other thread; it must hold whatever it needs and touch nothing of JavaScript's. `settle` runs
// on the environment's own thread afterwards and makes the promise's value; it is not called where execute threw, or
// where the environment has ended. What either of them throws rejects the promise with the error that a synchronous
// call would have thrown. Both are destroyed on the environment's thread. The calling thread's modes (autograd's and
// others) are in force on the other thread too.
Raw inBackground(Environment& environment, std::function<void()> execute, std::function<napi_value()> settle);

}  // namespace torch_node
