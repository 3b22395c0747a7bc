// The fused engine's vector code for what every machine of the target has: SSE2, NEON.
#if defined(__GNUC__) && (defined(__x86_64__) || defined(__aarch64__))
#define FUSED_LANES 4
#ifdef __aarch64__
#define FUSED_REGISTERS 32
#else
#define FUSED_REGISTERS 16
#endif
#define FUSED_NAME "baseline"
#define FUSED_KERNELS kernelsBaseline
#include "kernels.inc"
#else
#include "kernels.h"
namespace torch_node::fused {
const Kernels* kernelsBaseline() { return nullptr; }
}  // namespace torch_node::fused
#endif
