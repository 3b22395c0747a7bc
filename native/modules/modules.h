// Conv2d, Linear and MaxPool2d: modules of torch::nn whose options JavaScript reads and writes by name.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "capsule.h"
#include "js/bind.h"

namespace torch_node {

// What the bindings need of a module, whichever class of torch::nn it is.
class AnyModule {
 public:
  virtual ~AnyModule() = default;
  AnyModule& operator=(const AnyModule&) = delete;

  [[nodiscard]] virtual napi_value option(Environment& environment, const std::string& name) = 0;
  virtual void setOption(Environment& environment, const std::string& name, napi_value value) = 0;
  // New parameters, not yet drawn: weight and bias, an undefined tensor for none.
  [[nodiscard]] virtual std::vector<at::Tensor> parameters(const at::TensorOptions& place) const = 0;
  // Computes with the parameters that the JavaScript object holds.
  virtual napi_value forward(Environment& environment, const at::Tensor& input, const at::Tensor& weight,
                             const at::Tensor& bias) = 0;
  // A module of the same options.
  [[nodiscard]] virtual std::unique_ptr<AnyModule> copy() const = 0;

 protected:
  AnyModule() = default;
  AnyModule(const AnyModule&) = default;
};

// A module as JavaScript holds it.
struct LeafModule final : torch::CustomClassHolder {
  static constexpr const char* kName = "module";
  explicit LeafModule(std::unique_ptr<AnyModule> made) : module(std::move(made)) {}
  std::unique_ptr<AnyModule> module;
};

}  // namespace torch_node
