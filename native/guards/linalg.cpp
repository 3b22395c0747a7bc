// Guards of linear algebra and of distances between rows.
#include "given.h"

#include <algorithm>

namespace torch_node {

namespace {

// LAPACK is given matrices of one batch.
void choleskySolve(const Given& given) {
  for (const char* name : {"self", "A"}) {
    given.strided(name);
    given.rank(name, 2);
  }
  const at::Tensor b = given.tensor("self");
  const at::Tensor factor = given.tensor("A");
  given.expect(factor.size(-1) == factor.size(-2), "A", "square matrices");
  given.expect(factor.size(-1) == b.size(-2), "A", "matrices of the ", b.size(-2), " rows of 'self'");
  given.expect(factor.sizes().slice(0, factor.dim() - 2) == b.sizes().slice(0, b.dim() - 2), "A",
               "the batch of 'self', ", b.sizes().slice(0, b.dim() - 2));
  given.sameType("A", "self");
}

// Row exchanges count from 1. LAPACK and ATen follow them unchecked.
void pivots(const Given& given, std::string_view name, std::string_view factor) {
  given.rank(factor, 2);
  const at::Tensor matrix = given.tensor(factor);
  if (!at::isIntegralType(given.tensor(name).scalar_type(), false)) return;  // libtorch says what it wants
  given.values(name, 1, std::max<int64_t>(matrix.size(-2), 1));
}

void luUnpack(const Given& given) {
  if (!given.flag("unpack_pivots")) return;
  pivots(given, "LU_pivots", "LU_data");
  const at::IntArrayRef sizes = given.tensor("LU_data").sizes();
  Sizes shape = sizes.slice(0, sizes.size() - 1).vec();
  shape.back() = std::min(sizes[sizes.size() - 2], sizes.back());
  given.shape("LU_pivots", shape);
}
void linalgLuSolve(const Given& given) { pivots(given, "pivots", "LU"); }
void luSolve(const Given& given) { pivots(given, "LU_pivots", "LU_data"); }

// MKL's geev stops on the way with a NaN, and libtorch goes on with what is not there.
void eigenvalues(const Given& given) {
  const at::Tensor self = given.tensor("self").detach();
  if (!self.device().is_cpu() || self.layout() != at::kStrided || at::isIntegralType(self.scalar_type(), true)) return;
  given.expect(!self.isnan().any().item<bool>(), "self", "matrices without NaN");
}

void pairwise(const Given& given) {
  given.rank("self", 2, 2);
  given.strided("self");
}

void pairwiseBackward(const Given& given) {
  given.rank("self", 2, 2);
  given.expect(given.tensor("self").size(0) > 0, "self", "at least one row");
  const int64_t rows = given.tensor("self").size(0);
  for (const char* name : {"grad", "pdist"}) {
    given.strided(name);
    given.elements(name, rows * (rows - 1) / 2);
  }
}

void distancesBackward(const Given& given) {
  for (const char* name : {"x1", "x2"}) given.rank(name, 2);
  for (const char* name : {"grad", "x1", "x2", "cdist"}) given.strided(name);
  const at::Tensor x1 = given.tensor("x1");
  const at::Tensor x2 = given.tensor("x2");
  given.expect(x1.size(-1) == x2.size(-1), "x2", "rows as long as those of 'x1'");
  Sizes shape = at::infer_size(x1.sizes().slice(0, x1.dim() - 2), x2.sizes().slice(0, x2.dim() - 2));
  shape.push_back(x1.size(-2));
  shape.push_back(x2.size(-2));
  given.shape("grad", shape);
  given.shape("cdist", shape);
}

void linearCombination(const Given& given) {
  for (const char* name : {"input", "coefficients"}) given.strided(name);
  given.rank("input", 1);
  given.rank("coefficients", 2, 2);
  given.expect(given.tensor("coefficients").size(1) == given.tensor("input").size(0), "coefficients",
               "a column for each of the ", given.tensor("input").size(0), " terms of 'input'");
  given.sameType("coefficients", "input");
}

}  // namespace

GuardRows linalgGuards() {
  return {
      {"aten::_cdist_backward", &run<distancesBackward>},
      {"aten::_cholesky_solve_helper", &run<choleskySolve>},
      {"aten::_compute_linear_combination", &run<linearCombination>},
      {"aten::_linalg_eigvals", &run<eigenvalues>},
      {"aten::_pdist_backward", &run<pairwiseBackward>},
      {"aten::_pdist_forward", &run<pairwise>},
      {"aten::linalg_eigvals", &run<eigenvalues>},
      {"aten::linalg_lu_solve", &run<linalgLuSolve>},
      {"aten::lu_solve", &run<luSolve>},
      {"aten::lu_unpack", &run<luUnpack>},
  };
}

}  // namespace torch_node
