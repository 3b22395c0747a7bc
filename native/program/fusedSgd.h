// Finds the updates of SGD with momentum among a program's instructions, three for each parameter, and makes one call
// of libtorch's fused kernel of them.
#pragma once

#include "fusion.h"

namespace torch_node {

// Adds to a fusion what it finds: none where the updates are of another form.
void fuseSgd(const Recorded& recorded, Fusion& fusion);

}  // namespace torch_node
