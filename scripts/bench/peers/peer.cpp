// What the benchmark measures on the side of C++: a loop over libtorch's own functions, without Node.
//
//     peer operators '<count>'    prints a line of JSON, as ours.mjs and peer.py do
#include <ATen/ATen.h>
#include <ATen/Context.h>
#include <ATen/Parallel.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace {

// The median of 21 slices.
template <class F>
void time(const char* name, bool grad, long count, const F& call, bool last = false) {
  std::array<double, 21> slices{};
  for (size_t slice = 0; slice < slices.size() + 3; slice++) {
    const auto start = std::chrono::steady_clock::now();
    for (long i = 0; i < count / 21; i++) call();
    const std::chrono::duration<double, std::nano> spent = std::chrono::steady_clock::now() - start;
    if (slice >= 3) slices[slice - 3] = spent.count() / static_cast<double>(count / 21);
  }
  std::ranges::sort(slices);
  std::printf("\"%s%s\": %.1f%s", name, grad ? " grad" : "", slices[10], last ? "" : ", ");
}

void operators(long count) {
  at::set_num_threads(1);
  // Otherwise a convolution's time is that of a warning written to stderr (native/kernels/kernels.cpp says why).
  if (!at::_nnpack_available()) at::globalContext().setUserEnabledNNPACK(false);
  std::printf("{\"ns\": {");
  for (const bool grad : {false, true}) {
    const auto leaf = [&](at::IntArrayRef shape) { return at::rand(shape).set_requires_grad(grad); };
    const at::Tensor a = leaf({8});
    const at::Tensor b = leaf({8});
    const at::Tensor m = leaf({32, 84});
    const at::Tensor n = leaf({84, 10});
    const at::Tensor x = leaf({1, 3, 8, 8});
    const at::Tensor w = leaf({4, 3, 3, 3});
    const at::Tensor c = leaf({4});
    time("add", grad, count, [&] { return a.add(b); });
    time("mul", grad, count, [&] { return a.mul(b); });
    time("matmul", grad, count / 2, [&] { return m.matmul(n); });
    time("view", grad, count, [&] { return m.view({84, 32}); });
    time("sum", grad, count, [&] { return a.sum(); });
    time("conv2d", grad, count / 2, [&] { return at::conv2d(x, w, c); }, grad);
  }
  std::printf("}}\n");
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3 || std::strcmp(argv[1], "operators") != 0) {
    std::fprintf(stderr, "usage: peer operators COUNT\n");
    return 2;
  }
  operators(std::strtol(argv[2], nullptr, 10));
}
