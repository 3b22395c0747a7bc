// Custom autograd functions, and hooks on tensors: JavaScript that the autograd engine calls.
#include <array>
#include <unordered_set>

#include "js/callback.h"
#include "js/relay.h"
#include "bindings.h"
#include "capsule.h"

namespace torch_node {

namespace {

struct Hook final : torch::CustomClassHolder {
  static constexpr const char* kName = "hook";
  explicit Hook(std::shared_ptr<const JsCallback> function) : callback(std::move(function)) {}
  std::shared_ptr<const JsCallback> callback;  // none once it was removed
  Relay::Listener listener;
};

using torch::autograd::Node;
using torch::autograd::SavedVariable;
using torch::autograd::variable_list;
using torch::autograd::VariableInfo;
// An intrusive pointer or a shared one, by libtorch's version.
using NodePtr = std::decay_t<decltype(std::declval<const at::Tensor&>().grad_fn())>;

template <class T>
NodePtr pointerTo(T* node) {
  if constexpr (requires { node->getptr(); }) {
    return node->getptr();
  } else {
    return node->shared_from_this();
  }
}

// A custom operator in the graph.
class FunctionNode : public Node {
 public:
  FunctionNode(std::string name, std::shared_ptr<const JsCallback> backward, bool materializeGrads)
      : name_(std::move(name)), backward_(std::move(backward)), materializeGrads_(materializeGrads) {}

  [[nodiscard]] std::string name() const override { return name_; }

  // The callback gets the gradients of the outputs and the saved tensors, and gives those of the tensors among the
  // inputs.
  variable_list apply(variable_list&& gradients) override {
    c10::OptionalDeviceGuard guard;
    for (size_t i = 0; materializeGrads_ && i < gradients.size(); i++) {
      const auto& output = outputs_.at(i);
      if (!gradients[i].defined() && output) gradients[i] = output->zeros(guard);
    }
    variable_list saved;
    saved.reserve(saved_.size());
    const NodePtr self = pointerTo(this);
    for (const SavedVariable& each : saved_) saved.push_back(each.unpack(self));
    // The graph may let go of this node while the function runs.
    const auto backward = backward_;
    return backward->call(name_, std::array<variable_list, 2>{std::move(gradients), std::move(saved)});
  }

  void release_variables() override {
    for (SavedVariable& each : saved_) each.reset_data();
  }

  void describeOutputs(const std::vector<std::optional<at::Tensor>>& outputs) {
    for (const auto& output : outputs) {
      outputs_.push_back(output ? std::optional<VariableInfo>(*output) : std::nullopt);
    }
  }
  // After the outputs are wired: one that is saved must not keep this node alive, which keeps it.
  void save(const std::vector<std::optional<at::Tensor>>& tensors) {
    for (const auto& tensor : tensors) {
      const bool isOutput = tensor && tensor->grad_fn().get() == this;
      saved_.emplace_back(tensor, isOutput);
    }
  }

 private:
  std::string name_;
  std::shared_ptr<const JsCallback> backward_;
  bool materializeGrads_;
  std::vector<std::optional<VariableInfo>> outputs_;
  std::vector<SavedVariable> saved_;
  Relay::Listener listener_;
};

template <class T, class... A>
auto makeNode(A&&... arguments) {
  if constexpr (std::is_same_v<NodePtr, std::shared_ptr<Node>>) {
    return std::make_shared<T>(std::forward<A>(arguments)...);
  } else {
    return c10::make_intrusive<T>(std::forward<A>(arguments)...);
  }
}

std::unordered_set<at::TensorImpl*> identities(const std::vector<at::Tensor>& tensors) {
  std::unordered_set<at::TensorImpl*> out;
  for (const at::Tensor& tensor : tensors) out.insert(tensor.unsafeGetTensorImpl());
  return out;
}

// applyFunction(name, backward, inputs, outputs, saved, nonDifferentiable, dirty, materializeGrads): the outputs with
// a place in the graph. Inputs and outputs that are no tensors are null, and 0 in the result.
std::vector<at::Tensor> applyFunction(Environment& environment, const std::string& name, Raw backward,
                                      const std::vector<at::Tensor>& inputs,
                                      const std::vector<std::optional<at::Tensor>>& outputs,
                                      const std::vector<std::optional<at::Tensor>>& saved,
                                      const std::vector<at::Tensor>& nonDifferentiable,
                                      const std::vector<at::Tensor>& dirty, bool materializeGrads) {
  NodePtr node;
  FunctionNode* function = nullptr;
  if (at::GradMode::is_enabled() && torch::autograd::any_variable_requires_grad(inputs)) {
    auto made =
        makeNode<FunctionNode>(name, std::make_shared<const JsCallback>(environment, backward.value), materializeGrads);
    made->set_next_edges(torch::autograd::collect_next_edges(inputs));
    function = made.get();
    node = std::move(made);
  }
  for (const at::Tensor& tensor : dirty) torch::autograd::impl::bump_version(tensor);
  const auto jvp = [](const variable_list& /*inputs*/, const variable_list& /*tangents*/) -> variable_list {
    throw std::runtime_error("custom operators have no forward-mode derivatives");
  };
  const auto view = [](const at::Tensor& tensor) { return tensor.view_as(tensor); };
#if TORCH_VERSION_MAJOR > 2 || TORCH_VERSION_MINOR >= 14
  // Since 2.14 it tells which node the outputs hang on, whose creation is announced once it is complete.
  NodePtr attached;
  const auto wired = torch::autograd::_wrap_outputs(inputs, identities(nonDifferentiable), identities(dirty), outputs,
                                                    node, jvp, {}, view, false, attached);
#else
  const auto wired = torch::autograd::_wrap_outputs(inputs, identities(nonDifferentiable), identities(dirty), outputs,
                                                    node, jvp, {}, view, false);
#endif
  if (function) {
    function->describeOutputs(wired);
    function->save(saved);
#if TORCH_VERSION_MAJOR > 2 || TORCH_VERSION_MINOR >= 14
    if (attached) torch::autograd::fire_node_creation_hooks(attached);
#endif
  }
  std::vector<at::Tensor> out;
  out.reserve(wired.size());
  for (const auto& each : wired) out.push_back(each.value_or(at::Tensor()));
  return out;
}

// registerHook(tensor, function): the hook's number. The function gets [gradient] and gives [replacement], or [0].
uint32_t registerHook(Environment& environment, const at::Tensor& tensor, Raw function) {
  auto hook = c10::make_intrusive<Hook>(std::make_shared<const JsCallback>(environment, function.value));
  tensor.register_hook([hook](const at::Tensor& gradient) -> at::Tensor {
    const auto callback = hook->callback;
    if (!callback) return {};
    auto replaced = callback->call("Tensor.registerHook", std::array<variable_list, 1>{variable_list{gradient}});
    return replaced.empty() ? at::Tensor() : std::move(replaced[0]);
  });
  return hold(environment, std::move(hook));
}
// removeHook(hook): it is not called any more.
void removeHook(Environment& /*environment*/, const c10::intrusive_ptr<Hook>& hook) { hook->callback.reset(); }

void retainGrad(Environment& /*environment*/, const at::Tensor& tensor) { tensor.retain_grad(); }
bool retainsGrad(Environment& /*environment*/, const at::Tensor& tensor) { return tensor.retains_grad(); }

// Whether the backward pass that runs now was started by backward(), not by grad(): only then may a function inside
// it call backward().
bool backwardMayNest(Environment& environment) {
  bool out = false;
  Relay::onWaitingThread(environment,
                         [&] { out = torch::autograd::Engine::get_default_engine().is_checkpoint_valid(); });
  return out;
}

}  // namespace

std::vector<Binding> functionBindings() {
  return {
      bound<&applyFunction>("applyFunction"), bound<&registerHook>("registerHook"),
      bound<&removeHook>("removeHook"),       bound<&retainGrad>("retainGrad"),
      bound<&retainsGrad>("retainsGrad"),     bound<&backwardMayNest>("backwardMayNest"),
  };
}

}  // namespace torch_node
