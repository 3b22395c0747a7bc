// libtorch's warnings, which become Node's. Each text comes once, as in Python, and not at every call.
#include <memory>
#include <stdexcept>
#include <utility>

#include "callback.h"
#include "bindings.h"

namespace torch_node {

void Environment::warn(const std::string& text) {
  // Texts that name what they were given could be different for ever.
  constexpr size_t kMost = 1000;
  if (warned_.size() < kMost && warned_.insert(text).second) warnings_.push_back(text);
}

void Environment::tellWarningsTo(napi_value function) {
  if (listener_ != nullptr) napi_delete_reference(env_, listener_);
  listener_ = nullptr;
  if (napi_create_reference(env_, function, 1, &listener_) != napi_ok) {
    throw std::runtime_error("the function cannot be referred to");
  }
}

// What the listener throws is dropped: the call that happens to be the next one has nothing to do with it.
void Environment::tellWarnings() {
  const std::vector<std::string> texts = std::exchange(warnings_, {});
  const HandleScope scope(env_);
  napi_value function = nullptr;
  napi_value self = nullptr;
  check(env_, napi_get_undefined(env_, &self));
  if (napi_get_reference_value(env_, listener_, &function) != napi_ok) return;
  for (const std::string& text : texts) {
    napi_value argument = nullptr;
    check(env_, napi_create_string_utf8(env_, text.data(), text.size(), &argument));
    if (napi_call_function(env_, self, function, 1, &argument, nullptr) == napi_pending_exception) {
      napi_value thrown = nullptr;
      napi_get_and_clear_last_exception(env_, &thrown);
    }
  }
}

namespace {

class Messenger : public c10::WarningHandler {
  void process(const c10::Warning& warning) override {
    Environment* environment = Environment::ofThread();
    if (environment == nullptr || !environment->isCurrent()) {
      c10::WarningHandler::process(warning);  // a thread without JavaScript: to stderr
      return;
    }
    environment->warn(warning.msg());
  }
};

// onWarning(tell): has a function called with the text of each warning.
void onWarning(Environment& environment, Raw tell) {
  napi_valuetype type = napi_undefined;
  check(environment.env(), napi_typeof(environment.env(), tell.value, &type));
  if (type != napi_function) {
    throw TypeMismatch("expected a function, got " + describe(environment.env(), tell.value));
  }
  environment.tellWarningsTo(tell.value);
  // Never destroyed: libtorch may warn until the process's last instruction.
  static c10::WarningHandler* const kMessenger = std::make_unique<Messenger>().release();
  c10::WarningUtils::set_warning_handler(kMessenger);
}

}  // namespace

std::vector<Binding> warningBindings() { return {bound<&onWarning>("onWarning")}; }

}  // namespace torch_node
