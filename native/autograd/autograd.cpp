// Autograd: gradients, and the modes in which none are recorded.
#include "js/relay.h"
#include "program/recorder.h"
#include "bindings.h"

namespace torch_node {

namespace {

// The gradients to begin with, one for each tensor. The engine would broadcast what Python refuses.
torch::autograd::variable_list seeds(const std::vector<at::Tensor>& tensors,
                                     const std::vector<std::optional<at::Tensor>>& gradients) {
  if (gradients.size() != tensors.size()) {
    throw TypeMismatch("expected a gradient (or null) for each of the " + std::to_string(tensors.size()) +
                       " tensors, got " + std::to_string(gradients.size()));
  }
  torch::autograd::variable_list out;
  for (size_t i = 0; i < tensors.size(); i++) {
    at::Tensor gradient = gradients[i].value_or(at::Tensor());
    if (gradient.defined() && gradient.sizes() != tensors[i].sizes()) {
      std::ostringstream message;
      message << "gradient " << i << " has the shape " << gradient.sizes() << ", its tensor " << tensors[i].sizes();
      throw std::invalid_argument(message.str());
    }
    out.push_back(std::move(gradient));
  }
  return out;
}

// backward(tensors, gradients, retainGraph, createGraph, inputs)
void backward(Environment& environment, const std::vector<at::Tensor>& tensors,
              const std::vector<std::optional<at::Tensor>>& gradients, bool retainGraph, bool createGraph,
              const std::vector<at::Tensor>& inputs) {
  const auto seeded = seeds(tensors, gradients);
  Relay::run(environment, [&] { torch::autograd::backward(tensors, seeded, retainGraph, createGraph, inputs); });
}

// grad(outputs, inputs, gradients, retainGraph, createGraph, allowUnused): a handle for each input, 0 where unused
std::vector<at::Tensor> grad(Environment& environment, const std::vector<at::Tensor>& outputs,
                             const std::vector<at::Tensor>& inputs,
                             const std::vector<std::optional<at::Tensor>>& gradients, bool retainGraph,
                             bool createGraph, bool allowUnused) {
  const auto seeded = seeds(outputs, gradients);
  std::vector<at::Tensor> out;
  Relay::run(environment,
             [&] { out = torch::autograd::grad(outputs, inputs, seeded, retainGraph, createGraph, allowUnused); });
  return out;
}

bool requiresGrad(Environment& /*environment*/, const at::Tensor& tensor) { return tensor.requires_grad(); }
void setRequiresGrad(Environment& /*environment*/, const at::Tensor& tensor, bool on) { tensor.set_requires_grad(on); }
bool isLeaf(Environment& /*environment*/, const at::Tensor& tensor) { return tensor.is_leaf(); }

std::string gradFn(Environment& /*environment*/, const at::Tensor& tensor) {
  return tensor.grad_fn() ? tensor.grad_fn()->name() : "";
}

at::Tensor getGrad(Environment& /*environment*/, const at::Tensor& tensor) {
  Recorder::readsGradient(tensor);
  return tensor.grad();
}

void setGrad(Environment& /*environment*/, const at::Tensor& tensor, const std::optional<at::Tensor>& gradient) {
  if (gradient && (gradient->sizes() != tensor.sizes() || gradient->scalar_type() != tensor.scalar_type() ||
                   gradient->device() != tensor.device())) {
    std::ostringstream message;
    message << "a gradient has the shape, dtype and device of its tensor: expected " << tensor.sizes() << " "
            << scalarTypeName(tensor.scalar_type()) << " on " << tensor.device() << ", got " << gradient->sizes() << " "
            << scalarTypeName(gradient->scalar_type()) << " on " << gradient->device();
    throw std::invalid_argument(message.str());
  }
  Recorder::replacesGradient(tensor);
  tensor.mutable_grad() = gradient.value_or(at::Tensor());
}

// Replaces what a tensor holds and keeps the tensor, so that modules and optimizers that hold it go on with it.
void setData(Environment& /*environment*/, const at::Tensor& tensor, const at::Tensor& data) {
  if (Recorder::current() != nullptr) {
    throw std::invalid_argument(
        "giving a tensor other memory cannot be recorded: copy_() into it in the step, or do it before compileStep");
  }
  tensor.set_data(data);
}

bool gradEnabled(Environment& /*environment*/) { return at::GradMode::is_enabled(); }
void setGradEnabled(Environment& /*environment*/, bool on) { at::GradMode::set_enabled(on); }

// The modes nest, and the guards restore what was there before: last in, first out.
void enterInferenceMode(Environment& environment) {
  environment.inferenceModes.push_back(std::make_unique<c10::InferenceMode>(true));
}
void leaveInferenceMode(Environment& environment) {
  if (environment.inferenceModes.empty()) throw std::runtime_error("no inference mode is open");
  environment.inferenceModes.pop_back();
}

}  // namespace

std::vector<Binding> autogradBindings() {
  return {
      bound<&backward>("backward"),
      bound<&grad>("grad"),
      bound<&requiresGrad>("requiresGrad"),
      bound<&setRequiresGrad>("setRequiresGrad"),
      bound<&isLeaf>("isLeaf"),
      bound<&gradFn>("gradFn"),
      bound<&getGrad>("getGrad"),
      bound<&setGrad>("setGrad"),
      bound<&setData>("setData"),
      bound<&gradEnabled>("gradEnabled"),
      bound<&setGradEnabled>("setGradEnabled"),
      bound<&enterInferenceMode>("enterInferenceMode"),
      bound<&leaveInferenceMode>("leaveInferenceMode"),
  };
}

}  // namespace torch_node
