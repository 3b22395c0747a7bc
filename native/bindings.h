// The rooms of the addon that have no types to share: each gives its part of the binding table.
#pragma once

#include <vector>

#include "js/bind.h"

namespace torch_node {

std::vector<Binding> tensorBindings();
std::vector<Binding> memoryBindings();
std::vector<Binding> mappingBindings();
std::vector<Binding> dlpackBindings();
std::vector<Binding> transferBindings();
std::vector<Binding> autogradBindings();
std::vector<Binding> autocastBindings();
std::vector<Binding> functionBindings();
std::vector<Binding> anomalyBindings();
std::vector<Binding> programBindings();
std::vector<Binding> runtimeBindings();
std::vector<Binding> objectBindings();
std::vector<Binding> scriptBindings();
std::vector<Binding> inductorBindings();
std::vector<Binding> warningBindings();

// Puts the kernels of kernels.cpp in their places, and NNPACK out of the way where it cannot run; once a process.
void registerKernels();

// Has libtorch get its memory on the CPU from allocator.cpp, from now on.
void keepSmallBlocks();

}  // namespace torch_node
