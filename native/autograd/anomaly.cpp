// Anomaly detection: functions of the graph remember the JavaScript stack that they were made on, in case their
// backward fails.
#include "js/callback.h"
#include "js/relay.h"
#include "bindings.h"

namespace torch_node {

namespace {

using torch::autograd::AnomalyMode;
using torch::autograd::Engine;

// The stack of the JavaScript that runs on this thread now; empty where there is none.
std::string currentStack() {
  Environment* environment = Environment::ofThread();
  if (!environment) return "";
  napi_env env = environment->env();
  try {
    const HandleScope scope(env);
    napi_value message = nullptr;
    check(env, napi_create_string_utf8(env, "", 0, &message));
    napi_value error = nullptr;
    check(env, napi_create_error(env, nullptr, message, &error));
    napi_value stack = nullptr;
    check(env, napi_get_named_property(env, error, "stack", &stack));
    return FromJs<std::string>::get(*environment, stack);
  } catch (const std::exception&) {
    return "";
  }
}

class StackMetadata : public torch::autograd::AnomalyMetadata {
 public:
  void store_stack() override { stack_ = currentStack(); }
  void print_stack(const std::string& name) override {
    for (const std::string& text : {name, stack_}) {
      if (Relay* relay = Relay::current()) {
        relay->report(text);
      } else {
        anomalies().push_back(text);
      }
    }
  }

 private:
  std::string stack_;
};

// libtorch's engine, but for what its functions remember.
class StackEngine : public Engine {
 public:
  static Engine& get() {
    static StackEngine engine;
    return engine;
  }
  std::unique_ptr<torch::autograd::AnomalyMetadata> make_anomaly_metadata() override {
    return std::make_unique<StackMetadata>();
  }
  torch::autograd::variable_list execute(const torch::autograd::edge_list& roots,
                                         const torch::autograd::variable_list& inputs, bool keepGraph, bool createGraph,
                                         bool accumulateGrad, const torch::autograd::edge_list& outputs) override {
    return get_base_engine().execute(roots, inputs, keepGraph, createGraph, accumulateGrad, outputs);
  }
};

// anomalyMode(): [on, checkNan]
std::vector<bool> anomalyMode(Environment& /*environment*/) {
  return {AnomalyMode::is_enabled(), AnomalyMode::should_check_nan()};
}
// For the whole process.
void setAnomalyMode(Environment& /*environment*/, bool on, bool checkNan) {
  if (on) torch::autograd::set_default_engine_stub(&StackEngine::get);
  AnomalyMode::set_enabled(on, checkNan);
}
// takeAnomalies(): name, stack, name, stack, ... of the functions whose backward failed on this thread
std::vector<std::string> takeAnomalies(Environment& /*environment*/) { return std::exchange(anomalies(), {}); }

}  // namespace

std::vector<Binding> anomalyBindings() {
  return {
      bound<&anomalyMode>("anomalyMode"),
      bound<&setAnomalyMode>("setAnomalyMode"),
      bound<&takeAnomalies>("takeAnomalies"),
  };
}

}  // namespace torch_node
