// The fused engine's vector code for AVX-512, which CMakeLists.txt turns on for this file alone.
#if defined(__AVX512F__) && defined(__AVX512DQ__) && defined(__GNUC__)
#define FUSED_LANES 16
#define FUSED_REGISTERS 32
#define FUSED_NAME "avx512"
#define FUSED_KERNELS kernelsAvx512
#include "kernels.inc"
#else
#include "kernels.h"
namespace torch_node::fused {
const Kernels* kernelsAvx512() { return nullptr; }
}  // namespace torch_node::fused
#endif
