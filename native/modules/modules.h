// Leaf modules: torch::nn modules made from a table, and called through one function.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "js/bind.h"

namespace torch_node {

// A torch::nn module with what is needed of it: its parameters live in `module`, its forward in `forward`.
struct LeafModule {
  std::shared_ptr<torch::nn::Module> module;
  std::function<at::Tensor(const std::vector<at::Tensor>&)> forward;
};

std::vector<Binding> moduleBindings();

}  // namespace torch_node
