// libtorch's warnings become Node's, so that a program hears of them where it hears of all others. Each text comes
// once, as in Python, and not at every call.
#include "rooms.h"

namespace torch_node {

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
  static Messenger messenger;
  c10::WarningUtils::set_warning_handler(&messenger);
}

}  // namespace

std::vector<Binding> warningBindings() { return {bound<&onWarning>("onWarning")}; }

}  // namespace torch_node
