// How many floating-point operations a second one core can do: fused multiply-adds on registers alone. Prints a line of
// JSON, { "gflops": the best of some slices }.
//
// Compiled for the machine at hand (-march=native): the vectors below are then as wide as its registers, or two of them.
#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>

namespace {

#if defined(__AVX512F__)
constexpr int BYTES = 64;
#elif defined(__AVX__)
constexpr int BYTES = 32;
#else
constexpr int BYTES = 16;
#endif
using Vector = float __attribute__((vector_size(BYTES)));
constexpr int LANES = BYTES / 4;
// Two units with a latency of four or five cycles want ten independent sums; more than sixteen would not fit AVX2's registers.
constexpr int SUMS = 12;

// Gives the sums, so that no compiler can leave the work out.
float multiplyAdds(long count, float factor) {
  std::array<Vector, SUMS> sums{};
  for (auto& sum : sums) sum = sum + 1.0F;
  const Vector a = Vector{} + factor;
  const Vector b = Vector{} + 1e-9F;
  for (long i = 0; i < count; i++) {
#pragma GCC unroll 12
    for (auto& sum : sums) sum = sum * a + b;
  }
  float total = 0;
  for (const auto& sum : sums) total += sum[0];
  return total;
}

}  // namespace

int main() {
  constexpr long COUNT = 2'000'000;
  double best = 0;
  float kept = 0;
  for (int slice = 0; slice < 60; slice++) {
    const auto start = std::chrono::steady_clock::now();
    kept += multiplyAdds(COUNT, 0.999F);
    const std::chrono::duration<double> spent = std::chrono::steady_clock::now() - start;
    best = std::max(best, 2.0 * LANES * SUMS * COUNT / spent.count() / 1e9);
  }
  std::printf("{\"gflops\": %.1f, \"lanes\": %d, \"kept\": %g}\n", best, LANES, static_cast<double>(kept));
}
