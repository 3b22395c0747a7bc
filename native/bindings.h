// The table of bindings: the functions that the addon exports, from the file that implements them. addon.cpp puts them
// into exports.
#pragma once

#include <vector>

#include "js/bind.h"

namespace torch_node {

std::vector<Binding> anomalyBindings();    // autograd/anomaly.cpp
std::vector<Binding> autocastBindings();   // autograd/autocast.cpp
std::vector<Binding> autogradBindings();   // autograd/autograd.cpp
std::vector<Binding> deviceBindings();     // devices.cpp
std::vector<Binding> dlpackBindings();     // tensors/dlpack.cpp
std::vector<Binding> functionBindings();   // autograd/functions.cpp
std::vector<Binding> inductorBindings();   // jit/inductor.cpp
std::vector<Binding> mappingBindings();    // tensors/mapping.cpp
std::vector<Binding> memoryBindings();     // tensors/memory.cpp
std::vector<Binding> moduleBindings();     // modules/modules.cpp
std::vector<Binding> objectBindings();     // operators/objects.cpp
std::vector<Binding> operatorBindings();   // operators/operators.cpp
std::vector<Binding> optimizerBindings();  // optim/optimizers.cpp
std::vector<Binding> programBindings();    // program/bindings.cpp
std::vector<Binding> runtimeBindings();    // runtime.cpp
std::vector<Binding> scriptBindings();     // jit/script.cpp
std::vector<Binding> tensorBindings();     // tensors/tensors.cpp
std::vector<Binding> transferBindings();   // tensors/transfer.cpp
std::vector<Binding> warningBindings();    // js/warnings.cpp

// ---- done once a process, before the first call ----

// Registers the kernels that replace ATen's (kernels/kernels.cpp), and turns NNPACK off where it cannot run.
void registerKernels();

// Makes kernels/allocator.cpp libtorch's allocator on the CPU.
void keepSmallBlocks();

}  // namespace torch_node
