// Guards of mathematical functions: Fourier transforms, polynomials, ranges, random and quasi-random numbers.
#include "given.h"

#include <algorithm>
#include <cmath>

namespace torch_node {

namespace {

void fourier(const Given& given, bool mayBeEmpty) {
  const at::Tensor self = given.tensor("self");
  given.strided("self");
  const Sizes dims = given.integers("dim");
  given.expect(mayBeEmpty || !dims.empty(), "dim", "at least one dimension");
  std::vector<bool> seen(self.dim());
  for (const int64_t dim : dims) {
    given.expect(dim >= 0 && dim < self.dim() && !seen[dim], "dim", "different dimensions from 0 to ", self.dim() - 1);
    seen[dim] = true;
  }
  given.within("normalization", 0, 2);
}
void fourierComplex(const Given& given) { fourier(given, true); }
void fourierHalf(const Given& given) { fourier(given, false); }

constexpr int64_t kSobolBits = 30;
constexpr int64_t kSobolDimensions = 21201;

void sobolState(const Given& given, std::string_view name) {
  given.within("dimension", 0, kSobolDimensions);
  given.type(name, at::kLong);
  given.rank(name, 2, 2);
  given.strided(name);
  const at::Tensor state = given.tensor(name);
  given.expect(state.size(0) >= std::max<int64_t>(given.integer("dimension"), 1) && state.size(1) >= kSobolBits, name,
               "the shape [", given.integer("dimension"), ", ", kSobolBits, "]");
}
void sobolInitialize(const Given& given) { sobolState(given, "self"); }
void sobolScramble(const Given& given) {
  sobolState(given, "self");
  given.type("ltm", at::kLong);
  given.rank("ltm", 3, 3);
  const at::Tensor matrix = given.tensor("ltm");
  given.expect(
      matrix.size(0) >= given.integer("dimension") && matrix.size(1) >= kSobolBits && matrix.size(2) >= kSobolBits,
      "ltm", "the shape [", given.integer("dimension"), ", ", kSobolBits, ", ", kSobolBits, "]");
}
void sobolSteps(const Given& given) {
  sobolState(given, "sobolstate");
  const std::string_view quasi = oneOf(given, {"quasi", "self"});
  given.type(quasi, at::kLong);
  given.rank(quasi, 1, 1);
  given.strided(quasi);
  given.expect(given.tensor(quasi).numel() >= given.integer("dimension"), quasi, "an element for each dimension");
  // The lowest zero bit of each number up to the last picks a column of the state.
  constexpr int64_t kLast = (int64_t{1} << kSobolBits) - 1;
  given.within("num_generated", 0, kLast - 1);
  given.within("n", 0, kLast - given.integer("num_generated"));
}

// Divides by the step as the result's type has it.
void range(const Given& given) {
  at::ScalarType type = at::kFloat;
  if (given.has("dtype")) type = given.value("dtype").toScalarType();
  if (given.has("out")) type = given.tensor("out").scalar_type();
  if (!at::isIntegralType(type, true) || !given.has("step")) return;
  const c10::Scalar step = given.value("step").toScalar();
  given.expect(step.isIntegral(true) || std::abs(step.toComplexDouble().real()) >= 1, "step",
               "1 or more, or -1 or less, as the result is of ", scalarTypeName(type));
}

// Draws until more trials have passed than were wanted, which never happens where that is no number.
void binomial(const Given& given) {
  const at::Tensor count = given.tensor("count").detach();
  if (!count.device().is_cpu() || count.layout() != at::kStrided || !at::isFloatingType(count.scalar_type())) return;
  given.expect(!count.isnan().any().item<bool>(), "count", "numbers, none of them NaN");
}

// Recurrences take n steps for each value, so that from here on they take hours, and past 2^53 years; float32 cannot
// even count the steps past 2^24.
void polynomial(const Given& given) {
  constexpr int64_t kMost = int64_t{1} << 30;
  if (const c10::IValue n = given.has("n") ? given.value("n") : c10::IValue(); n.isScalar()) {
    const double degree = n.toScalar().isComplex() ? 0 : n.toScalar().to<double>();
    given.expect(!(degree > static_cast<double>(kMost)), "n", "a degree of at most 2^30");
  } else if (n.isTensor() && n.toTensor().device().is_cpu() && n.toTensor().numel() > 0 &&
             n.toTensor().layout() == at::kStrided && !n.toTensor().is_complex()) {
    const at::Tensor degrees = n.toTensor().detach().to(at::kDouble).nan_to_num(0, 0, 0);
    const auto highest = degrees.masked_fill(degrees > 0x1p62, 0).max().item<double>();
    given.expect(highest <= static_cast<double>(kMost), "n", "degrees of at most 2^30");
  }
}

}  // namespace

GuardRows mathGuards() {
  return {
      {"aten::_fft_c2c", &run<fourierComplex>},
      {"aten::_fft_c2r", &run<fourierHalf>},
      {"aten::_fft_r2c", &run<fourierHalf>},
      {"aten::_sobol_engine_draw", &run<sobolSteps>},
      {"aten::_sobol_engine_ff_", &run<sobolSteps>},
      {"aten::_sobol_engine_initialize_state_", &run<sobolInitialize>},
      {"aten::_sobol_engine_scramble_", &run<sobolScramble>},
      {"aten::binomial", &run<binomial>},
      {"aten::range", &run<range>},
      {"aten::special_chebyshev_polynomial_t", &run<polynomial>},
      {"aten::special_chebyshev_polynomial_u", &run<polynomial>},
      {"aten::special_chebyshev_polynomial_v", &run<polynomial>},
      {"aten::special_chebyshev_polynomial_w", &run<polynomial>},
      {"aten::special_hermite_polynomial_h", &run<polynomial>},
      {"aten::special_hermite_polynomial_he", &run<polynomial>},
      {"aten::special_laguerre_polynomial_l", &run<polynomial>},
      {"aten::special_legendre_polynomial_p", &run<polynomial>},
      {"aten::special_shifted_chebyshev_polynomial_t", &run<polynomial>},
      {"aten::special_shifted_chebyshev_polynomial_u", &run<polynomial>},
      {"aten::special_shifted_chebyshev_polynomial_v", &run<polynomial>},
      {"aten::special_shifted_chebyshev_polynomial_w", &run<polynomial>},
  };
}

}  // namespace torch_node
