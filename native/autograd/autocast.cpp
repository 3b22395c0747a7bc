// Autocast: the mode in which operators choose their dtype, and how many times it is nested.
#include <ATen/autocast_mode.h>

#include "bindings.h"

namespace torch_node {

namespace {

at::DeviceType deviceType(const std::string& name) {
  const at::DeviceType type = at::Device(name).type();
  if (!at::autocast::is_autocast_available(type)) throw TypeMismatch("there is no autocast for '" + name + "'");
  return type;
}

bool autocastEnabled(Environment& /*environment*/, const std::string& device) {
  return at::autocast::is_autocast_enabled(deviceType(device));
}

std::string autocastDtype(Environment& /*environment*/, const std::string& device) {
  return scalarTypeName(at::autocast::get_autocast_dtype(deviceType(device)));
}

// setAutocast(device, enabled, dtype): for this thread
void setAutocast(Environment& /*environment*/, const std::string& device, bool enabled, at::ScalarType dtype) {
  const at::DeviceType type = deviceType(device);
  at::autocast::set_autocast_enabled(type, enabled);
  at::autocast::set_autocast_dtype(type, dtype);
}

bool autocastCacheEnabled(Environment& /*environment*/) { return at::autocast::is_autocast_cache_enabled(); }
void setAutocastCache(Environment& /*environment*/, bool on) { at::autocast::set_autocast_cache_enabled(on); }

void enterAutocast(Environment& /*environment*/) { at::autocast::increment_nesting(); }
// The outermost mode's end drops the copies of parameters in lower precision.
void leaveAutocast(Environment& /*environment*/) {
  if (at::autocast::decrement_nesting() == 0) at::autocast::clear_cache();
}
void clearAutocastCache(Environment& /*environment*/) { at::autocast::clear_cache(); }

}  // namespace

std::vector<Binding> autocastBindings() {
  return {
      bound<&autocastEnabled>("autocastEnabled"),   bound<&autocastDtype>("autocastDtype"),
      bound<&setAutocast>("setAutocast"),           bound<&autocastCacheEnabled>("autocastCacheEnabled"),
      bound<&setAutocastCache>("setAutocastCache"), bound<&enterAutocast>("enterAutocast"),
      bound<&leaveAutocast>("leaveAutocast"),       bound<&clearAutocastCache>("clearAutocastCache"),
  };
}

}  // namespace torch_node
