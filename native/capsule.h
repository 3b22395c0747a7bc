// What JavaScript holds by a handle beside tensors: c10::IValues in one slab, Environment::objects. Objects of
// libtorch's are in it as they are, the addon's own classes in capsules:
//
//     struct Sgd final : torch::CustomClassHolder { static constexpr const char* kName = "optimizer"; ... };
//     uint32_t handle = hold<Sgd>(environment, arguments...);         // makes one
//     c10::intrusive_ptr<Sgd> sgd = held<Sgd>(environment, handle);   // throws where it was released
//
// A binding takes `const c10::intrusive_ptr<Sgd>&` where JavaScript gives the handle. JavaScript ties the handle to an
// object's life by native.adopt(object, handle), or ends it by native.release(handle).
#pragma once

#include <concepts>
#include <string>
#include <typeinfo>

#include "js/values.h"

namespace torch_node {

// A class of the addon's that handles stand for: final, so that one comparison tells it from all others.
template <class T>
concept Capsule = std::derived_from<T, torch::CustomClassHolder> && std::is_final_v<T> && requires { T::kName; };

// A new handle for a T that is there.
template <Capsule T>
uint32_t hold(Environment& environment, c10::intrusive_ptr<T> object) {
  return environment.objects.insert(c10::IValue::make_capsule(std::move(object)));
}

// A new handle for a new T.
template <Capsule T, class... A>
uint32_t hold(Environment& environment, A&&... arguments) {
  return hold(environment, c10::make_intrusive<T>(std::forward<A>(arguments)...));
}

// What a handle stands for; throws where it was released.
template <Capsule T>
c10::intrusive_ptr<T> held(Environment& environment, uint32_t handle) {
  const c10::IValue* found = environment.objects.find(handle);
  if (found && found->isCapsule()) {
    auto capsule = found->toCapsule();
    if (const auto& object = *capsule; typeid(object) == typeid(T)) {
      return c10::static_intrusive_pointer_cast<T>(std::move(capsule));
    }
  }
  throw std::invalid_argument(std::string("this ") + T::kName + " was released: it was disposed of");
}

template <Capsule T>
struct FromJs<c10::intrusive_ptr<T>> {
  static c10::intrusive_ptr<T> get(Environment& environment, napi_value value) {
    return held<T>(environment, FromJs<uint32_t>::get(environment, value));
  }
};

}  // namespace torch_node
