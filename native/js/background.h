// Work that is done on a thread of libuv's pool while JavaScript goes on, and the promise of what comes of it.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "values.h"

namespace torch_node {

// `execute` runs on the other thread and may throw; it must hold whatever it needs and touch nothing of JavaScript's.
// `settle` runs on the environment's own thread afterwards and makes the value that the promise resolves to; it is not
// called where execute threw, or where the environment has ended. Both are destroyed on the environment's thread.
// Autograd's modes, and others of the calling thread, are in force on the other one too.
Raw inBackground(Environment& environment, std::function<void()> execute, std::function<napi_value()> settle);

}  // namespace torch_node
