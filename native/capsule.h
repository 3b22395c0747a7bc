// The addon's own things among the objects that JavaScript holds, in capsules of libtorch's.
#pragma once

#include <string>

#include "js/bind.h"

namespace torch_node {

// A new handle in environment.objects for a T, which is a torch::CustomClassHolder.
template <class T, class... A>
uint32_t hold(Environment& environment, A&&... arguments) {
  return environment.objects.insert(c10::IValue::make_capsule(c10::make_intrusive<T>(std::forward<A>(arguments)...)));
}

// What is held under a handle; throws where it was released.
template <class T>
c10::intrusive_ptr<T> held(Environment& environment, uint32_t handle) {
  const c10::IValue* found = environment.objects.find(handle);
  auto out = found && found->isCapsule() ? c10::dynamic_intrusive_pointer_cast<T>(found->toCapsule()) : nullptr;
  if (!out) throw std::invalid_argument(std::string("this ") + T::kName + " was released: it was disposed of");
  return out;
}

}  // namespace torch_node
