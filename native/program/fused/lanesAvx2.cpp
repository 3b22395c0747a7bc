// The fused engine's vector code for AVX2 and FMA, which CMakeLists.txt turns on for this file alone.
#if defined(__AVX2__) && defined(__FMA__) && defined(__GNUC__)
#define FUSED_LANES 8
#define FUSED_REGISTERS 16
#define FUSED_NAME "avx2"
#define FUSED_KERNELS kernelsAvx2
#include "kernels.inc"
#else
#include "kernels.h"
namespace torch_node::fused {
const Kernels* kernelsAvx2() { return nullptr; }
}  // namespace torch_node::fused
#endif
