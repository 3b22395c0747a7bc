// The guards, by family. Each writes down what the kernels of ATen (libtorch 2.13) take for granted; whatever works in
// PyTorch passes. Arguments are looked up by the schema's names, so that one guard serves an operator's overloads.
#include "guards.h"

#include <ATen/native/quantized/PackedParams.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "js/values.h"

namespace torch_node {

namespace {

using Sizes = std::vector<int64_t>;

// An argument in words.
std::string inWords(const c10::IValue& value) {
  if (value.isNone()) return "not given";
  if (value.isTensor()) {
    const at::Tensor& tensor = value.toTensor();
    if (!tensor.defined()) return "not given";
    return c10::str(scalarTypeName(tensor.scalar_type()), " ", tensor.is_nested() ? "nested" : c10::str(tensor.sizes()),
                    tensor.layout() == at::kStrided ? "" : c10::str(", ", tensor.layout()));
  }
  if (value.isTensorList()) return c10::str("a list of ", value.toListRef().size(), " tensors");
  std::ostringstream out;
  out << value;
  return out.str();
}

// The arguments of one call, and what may be asked of them.
class Given {
 public:
  Given(const c10::FunctionSchema& schema, c10::ArrayRef<c10::IValue> values) : schema_(&schema), values_(values) {}

  // Whether the schema has the argument and a value was given for it.
  [[nodiscard]] bool has(std::string_view name) const {
    const c10::IValue* value = find(name);
    return value != nullptr && !value->isNone() && (!value->isTensor() || value->toTensor().defined());
  }
  [[nodiscard]] at::Tensor tensor(std::string_view name) const {
    expect(has(name), name, "a tensor");
    return at(name).toTensor();
  }
  [[nodiscard]] std::vector<at::Tensor> tensors(std::string_view name) const { return at(name).toTensorVector(); }
  [[nodiscard]] int64_t integer(std::string_view name) const { return at(name).toInt(); }
  [[nodiscard]] bool flag(std::string_view name) const { return at(name).toBool(); }
  [[nodiscard]] const c10::IValue& value(std::string_view name) const { return at(name); }
  [[nodiscard]] Sizes integers(std::string_view name) const {
    const c10::IValue& value = at(name);
    if (!value.isTensor()) return value.toIntVector();
    const at::Tensor list = value.toTensor().detach().to(at::kCPU, at::kLong).contiguous();
    return {list.const_data_ptr<int64_t>(), list.const_data_ptr<int64_t>() + list.numel()};
  }
  [[nodiscard]] std::vector<bool> flags(std::string_view name) const {
    std::vector<bool> out;
    for (const c10::IValue& each : at(name).toListRef()) out.push_back(each.toBool());
    return out;
  }

  // Throws unless something holds that is expected of an argument.
  template <class... Words>
  void expect(bool holds, std::string_view name, const Words&... expected) const {
    if (holds) return;
    const c10::IValue* value = find(name);
    throw std::runtime_error(
        c10::str("argument '", name, "' is ", value ? inWords(*value) : "not given", "; expected ", expected...));
  }

  void rank(std::string_view name, int64_t lowest, int64_t highest = std::numeric_limits<int64_t>::max()) const {
    const int64_t dimensions = tensor(name).dim();
    if (lowest == highest) {
      expect(dimensions == lowest, name, lowest, " dimensions");
      return;
    }
    expect(dimensions >= lowest && dimensions <= highest, name, lowest,
           highest == std::numeric_limits<int64_t>::max() ? std::string(" or more") : c10::str(" to ", highest),
           " dimensions");
  }
  void shape(std::string_view name, at::IntArrayRef sizes) const {
    expect(tensor(name).sizes() == sizes, name, "the shape ", sizes);
  }
  void sameShape(std::string_view name, std::string_view other) const {
    const at::Tensor model = tensor(other);
    expect(tensor(name).sizes() == model.sizes(), name, "the shape of '", other, "', ", model.sizes());
  }
  void elements(std::string_view name, int64_t count) const {
    expect(tensor(name).numel() == count, name, count, " elements");
  }
  void type(std::string_view name, at::ScalarType expected) const {
    expect(tensor(name).scalar_type() == expected, name, "a tensor of ", scalarTypeName(expected));
  }
  void sameType(std::string_view name, std::string_view other) const { type(name, tensor(other).scalar_type()); }
  // Kernels that go through numel() elements from data_ptr() on need them side by side, in whatever order.
  void dense(std::string_view name) const {
    const at::Tensor given = tensor(name);
    expect(given.layout() == at::kStrided && given.is_non_overlapping_and_dense(), name,
           "a strided tensor without gaps or repeats (see contiguous())");
  }
  void strided(std::string_view name) const { expect(tensor(name).layout() == at::kStrided, name, "a strided tensor"); }
  void length(std::string_view name, size_t expected) const {
    const c10::IValue& value = at(name);
    const size_t given = value.isTensor() ? value.toTensor().numel() : value.toListRef().size();
    expect(given == expected, name, expected, value.isTensorList() ? " tensors" : " integers");
  }
  void within(std::string_view name, int64_t lowest, int64_t highest) const {
    const int64_t given = integer(name);
    expect(given >= lowest && given <= highest, name, "an integer from ", lowest, " to ", highest);
  }
  void atLeast(std::string_view name, int64_t lowest) const {
    expect(integer(name) >= lowest, name, lowest, " or more");
  }
  void allAtLeast(std::string_view name, int64_t lowest) const {
    const Sizes list = integers(name);
    expect(std::ranges::all_of(list, [&](int64_t each) { return each >= lowest; }), name, "integers of ", lowest,
           " or more");
  }
  // The values of an integer tensor in the CPU's memory; elsewhere kernels check for themselves, or nothing can be read
  // without a wait.
  void values(std::string_view name, int64_t lowest, int64_t highest) const {
    const at::Tensor given = tensor(name).detach();
    expect(at::isIntegralType(given.scalar_type(), true), name, "a tensor of integers");
    if (!given.device().is_cpu() || given.numel() == 0) return;
    strided(name);
    const auto [low, high] = at::aminmax(given.scalar_type() == at::kBool ? given.to(at::kByte) : given);
    expect(low.item<int64_t>() >= lowest && high.item<int64_t>() <= highest, name, "values from ", lowest, " to ",
           highest);
  }

 private:
  [[nodiscard]] const c10::IValue* find(std::string_view name) const {
    for (size_t i = 0; i < values_.size(); i++) {
      if (schema_->arguments()[i].name() == name) return &values_[i];
    }
    return nullptr;
  }
  [[nodiscard]] const c10::IValue& at(std::string_view name) const {
    const c10::IValue* value = find(name);
    if (!value || value->isNone()) throw std::runtime_error(c10::str("argument '", name, "' is missing"));
    return *value;
  }

  const c10::FunctionSchema* schema_;
  c10::ArrayRef<c10::IValue> values_;
};

// Which of some names the schema has.
std::string_view oneOf(const Given& given, std::initializer_list<std::string_view> names) {
  for (const std::string_view name : names) {
    if (given.has(name)) return name;
  }
  return *names.begin();
}

// ---- normalization ----

void perChannel(const Given& given, std::string_view name, int64_t channels) {
  if (!given.has(name)) return;
  given.strided(name);
  given.elements(name, channels);
}

void statistics(const Given& given, std::initializer_list<std::string_view> names, int64_t channels, bool used) {
  for (const std::string_view name : names) {
    if (!used) continue;
    given.expect(given.has(name), name, "a tensor with a value for each of the ", channels, " channels");
    perChannel(given, name, channels);
  }
}

// The forward forms: statistics are kept when training, used otherwise.
void batchNorm(const Given& given, bool training) {
  given.rank("input", 2);
  given.strided("input");
  const at::Tensor input = given.tensor("input");
  const int64_t channels = input.size(1);
  given.expect(!training || channels > 0, "input", "at least one channel");
  for (const char* name : {"weight", "bias", "running_mean", "running_var"}) perChannel(given, name, channels);
  if (!training) statistics(given, {"running_mean", "running_var"}, channels, true);
}

void batchNormByFlag(const Given& given) { batchNorm(given, given.flag(oneOf(given, {"training", "train"}))); }
void batchNormTraining(const Given& given) { batchNorm(given, true); }
void batchNormEvaluation(const Given& given) { batchNorm(given, false); }

void batchNormBackward(const Given& given) {
  const std::string_view gradient = oneOf(given, {"grad_out", "grad_output"});
  given.rank("input", 2);
  given.strided("input");
  given.strided(gradient);
  given.sameShape(gradient, "input");
  const int64_t channels = given.tensor("input").size(1);
  const bool training = given.flag(oneOf(given, {"train", "update"}));
  given.expect(channels > 0, "input", "at least one channel");
  perChannel(given, "weight", channels);
  statistics(given, {"save_mean", oneOf(given, {"save_invstd", "save_var", "save_var_transform"})}, channels, training);
  statistics(given, {"running_mean", "running_var"}, channels, !training);
  if (training) {
    for (const char* name : {"running_mean", "running_var"}) perChannel(given, name, channels);
  }
  const std::vector<bool> mask = given.flags("output_mask");
  given.expect(mask.size() == 3, "output_mask", "3 booleans");
  given.expect(!mask[1] || given.has("weight"), "weight", "a tensor, as output_mask asks for its gradient");
}

void weightNormOver(const Given& given, std::string_view v, std::string_view g) {
  given.rank(v, 1);
  const at::Tensor weight = given.tensor(v);
  const int64_t dim = given.integer("dim");
  given.expect(dim == 0 || dim == weight.dim() - 1, "dim", "0 or the last dimension, ", weight.dim() - 1);
  given.expect(weight.numel() > 0, v, "at least one element");
  given.elements(g, weight.size(dim));
  given.strided(v);
  given.dense(g);
}

void weightNormInterface(const Given& given) {
  weightNormOver(given, "v", "g");
  given.dense("v");
}

// The composite takes the kernel for the first and the last dimension only.
void weightNorm(const Given& given) {
  const at::Tensor v = given.tensor("v");
  const int64_t dim = given.integer("dim");
  if (dim != 0 && dim != v.dim() - 1) return;
  given.rank("v", 1);
  given.expect(v.numel() > 0, "v", "at least one element");
  given.elements("g", v.size(dim));
}

void weightNormBackward(const Given& given) {
  weightNormOver(given, "saved_v", "saved_g");
  given.sameShape("grad_w", "saved_v");
  given.elements("saved_norms", given.tensor("saved_g").numel());
  given.strided("grad_w");
  given.dense("saved_norms");
}

// N * C * HxW elements, in groups of channels.
void groups(const Given& given) {
  given.strided("input");
  const int64_t samples = given.integer("N");
  const int64_t channels = given.integer("C");
  const int64_t pixels = given.integer("HxW");
  const int64_t count = given.tensor("input").numel();
  for (const char* name : {"N", "C", "HxW"}) given.atLeast(name, 0);
  // Divisions, as a product may overflow.
  const bool empty = samples == 0 || channels == 0 || pixels == 0;
  const bool fits =
      empty ? count == 0
            : count % samples == 0 && count / samples % channels == 0 && count / samples / channels == pixels;
  given.expect(fits, "input", "N * C * HxW = ", samples, " * ", channels, " * ", pixels, " elements");
  given.atLeast("group", 1);
  given.expect(channels % given.integer("group") == 0, "group", "a divisor of C, ", channels);
  perChannel(given, "weight", channels);
  perChannel(given, "bias", channels);
}

void groupNormBackward(const Given& given) {
  groups(given);
  given.strided("grad_out");
  given.elements("grad_out", given.tensor("input").numel());
  for (const char* name : {"mean", "rstd"}) {
    given.dense(name);
    given.elements(name, given.integer("N") * given.integer("group"));
  }
}

// M rows of N values, the shape of which the last dimensions have.
void layerNormBackward(const Given& given) {
  for (const char* name : {"input", "grad_out"}) given.strided(name);
  const at::Tensor input = given.tensor("input");
  const Sizes shape = given.integers("normalized_shape");
  const auto count = static_cast<int64_t>(shape.size());
  given.expect(count > 0 && count <= input.dim() && input.sizes().slice(input.dim() - count) == shape,
               "normalized_shape", "the last sizes of 'input', ", input.sizes());
  given.sameShape("grad_out", "input");
  given.sameType("grad_out", "input");
  const int64_t rows = c10::multiply_integers(input.sizes().slice(0, input.dim() - count));
  for (const char* name : {"mean", "rstd"}) {
    given.dense(name);
    given.elements(name, rows);
  }
  for (const char* name : {"weight", "bias"}) perChannel(given, name, c10::multiply_integers(shape));
}

void likeOutput(const Given& given) {
  for (const char* name : {"grad_output", "output"}) given.strided(name);
  given.sameShape("grad_output", "output");
}

// ---- linear algebra ----

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

// Row exchanges count from 1. LAPACK and ATen follow them without a look.
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

// ---- recurrent networks ----

void gates(const Given& given, int64_t count) {
  for (const char* name : {"input_gates", "hidden_gates"}) {
    given.rank(name, 2);
    given.expect(given.tensor(name).size(1) % count == 0, name, "rows of ", count, " gates of one size");
  }
  given.sameShape("hidden_gates", "input_gates");
  // Added to the gates, which are cut up afterwards.
  for (const char* name : {"input_bias", "hidden_bias"}) {
    if (given.has(name)) given.shape(name, {given.tensor("input_gates").size(1)});
  }
}
void lstmCellBackward(const Given& given) { gates(given, 4); }
void gruCellBackward(const Given& given) { gates(given, 3); }

void twoHiddenStates(const Given& given) { given.length("hx", 2); }

// Cells with packed weights cut the products into as many parts as there are gates. The packed weights tell their size
// only by unpacking them.
template <int64_t Gates>
void packedCell(const Given& given) {
  const bool several = given.value("hx").isList();
  if (several) twoHiddenStates(given);
  const at::Tensor hidden = several ? given.tensors("hx")[0] : given.tensor("hx");
  given.expect(hidden.dim() == 2, "hx", "matrices");
  for (const char* name : {"w_ih", "w_hh"}) {
    const auto weight = std::get<0>(given.value(name).toCustomClass<LinearPackedParamsBase>()->unpack());
    given.expect(weight.size(0) == Gates * hidden.size(1), name, "packed weights with ", Gates * hidden.size(1),
                 " rows");
  }
}

// Weights come by layer and direction: w_ih, w_hh, then biases, then a projection. Gives how many belong together.
size_t weightsOfLayer(const Given& given, int64_t gates, bool projects) {
  const size_t each = 2 + (given.flag("has_biases") ? 2 : 0) + (projects ? 1 : 0);
  const std::vector<at::Tensor> params = given.tensors("params");
  given.atLeast("num_layers", 1);
  const auto layers = static_cast<size_t>(given.integer("num_layers"));
  const size_t count = params.size() / each;
  given.expect(
      params.size() % each == 0 && count / layers == (given.flag("bidirectional") ? 2 : 1) && count % layers == 0,
      "params", each, " for each layer and direction");
  for (size_t i = 0; i < params.size(); i++) {
    if (i % each > 1) continue;
    given.expect(params[i].dim() == 2 && params[i].size(0) % gates == 0, "params", "matrices with ", gates,
                 " gates of one size in their rows");
  }
  if (given.has("batch_sizes")) {
    given.type("batch_sizes", at::kLong);
    given.rank("batch_sizes", 1, 1);
    given.dense("batch_sizes");
    given.expect(given.tensor("batch_sizes").numel() > 0, "batch_sizes", "at least one size");
    given.rank("data", 2, 2);
  } else {
    given.rank("input", 3, 3);
  }
  return each;
}

void lstm(const Given& given) {
  twoHiddenStates(given);
  const std::vector<at::Tensor> states = given.tensors("hx");
  given.expect(states[0].dim() == 3 && states[1].dim() == 3 && states[0].size(0) == states[1].size(0) &&
                   states[0].size(1) == states[1].size(1),
               "hx", "two tensors [layers, samples, values]");
  const int64_t hidden = states[1].size(2);
  const int64_t given_back = states[0].size(2);
  const size_t each = weightsOfLayer(given, 4, hidden != given_back);
  const std::vector<at::Tensor> params = given.tensors("params");
  const int64_t directions = given.flag("bidirectional") ? 2 : 1;
  // oneDNN takes the weights' memory as it is.
  for (size_t i = 0; i < params.size(); i += each) {
    const bool first = i / each < static_cast<size_t>(directions);
    const int64_t features = first ? given.tensor(oneOf(given, {"input", "data"})).size(-1) : given_back * directions;
    const Sizes ih{4 * hidden, features};
    const Sizes hh{4 * hidden, given_back};
    given.expect(params[i].sizes() == ih && params[i + 1].sizes() == hh, "params", "weights ", ih, " and ", hh, " at ",
                 i, ", but there are ", params[i].sizes(), " and ", params[i + 1].sizes());
    for (size_t j = i + 2; given.flag("has_biases") && j < i + 4; j++) {
      given.expect(params[j].numel() == 4 * hidden, "params", 4 * hidden, " values in the biases");
    }
  }
}

void padPackedSequence(const Given& given) {
  given.rank("data", 1);
  given.rank("batch_sizes", 1, 1);
  given.type("batch_sizes", at::kLong);
  const Sizes sizes = given.integers("batch_sizes");
  const int64_t rows = given.tensor("data").size(0);
  int64_t left = rows;
  for (size_t i = 0; i < sizes.size(); i++) {
    given.expect(sizes[i] > 0 && (i == 0 || sizes[i] <= sizes[i - 1]) && sizes[i] <= left, "batch_sizes",
                 "positive sizes that do not grow, ", rows, " in all");
    left -= sizes[i];
  }
  given.expect(!sizes.empty() && left == 0, "batch_sizes", "positive sizes that do not grow, ", rows, " in all");
}
void gru(const Given& given) { (void)weightsOfLayer(given, 3, false); }
void rnn(const Given& given) { (void)weightsOfLayer(given, 1, false); }

// weight_ih [4 * hidden, features] and weight_hh [4 * hidden, hidden], whose memory oneDNN takes as it is.
void lstmWeights(const Given& given, std::string_view ih, std::string_view hh) {
  given.atLeast("hidden_size", 1);
  const int64_t hidden = given.integer("hidden_size");
  given.rank(ih, 2, 2);
  given.rank(hh, 2, 2);
  const int64_t features = given.tensor(ih).size(1);
  given.expect(features > 0, ih, "at least one column");
  given.within("hidden_size", 1, given.tensor(ih).size(0));
  given.shape(ih, {4 * hidden, features});
  given.shape(hh, {4 * hidden, hidden});
  given.dense(ih);
  given.dense(hh);
}

void reorderLstmWeights(const Given& given) {
  lstmWeights(given, "weight0", "weight1");
  if (!given.has("input_size")) return;
  const Sizes size = given.integers("input_size");
  given.expect(size.size() >= 2, "input_size", "the sizes of an input: steps, samples and features");
  given.allAtLeast("input_size", 1);
}

// One layer in one direction, as at::lstm takes a network apart.
void lstmLayer(const Given& given, std::initializer_list<std::string_view> weights, std::string_view cx) {
  const std::vector<std::string_view> names(weights);
  constexpr int64_t kLstm = 2;
  given.within("mode", kLstm, kLstm);
  given.rank("input", 3, 3);
  lstmWeights(given, names[0], names[1]);
  const at::Tensor input = given.tensor("input");
  const int64_t hidden = given.integer("hidden_size");
  given.expect(input.numel() > 0, "input", "at least one element");
  given.shape(names[0], {4 * hidden, input.size(2)});
  if (given.flag("has_biases")) {
    for (size_t i = 2; i < 4; i++) {
      given.elements(names[i], 4 * hidden);
      given.dense(names[i]);
    }
  }
  for (const std::string_view state : {std::string_view("hx_"), cx}) {
    given.elements(state, input.size(1) * hidden);
    given.strided(state);
  }
  for (const std::string_view name : {names[0], names[1], names[2], names[3], std::string_view("hx_"), cx}) {
    given.sameType(name, "input");
  }
}

void mkldnnLstm(const Given& given) { lstmLayer(given, {"weight0", "weight1", "weight2", "weight3"}, "cx_"); }

void mkldnnLstmBackward(const Given& given) {
  const std::initializer_list<std::string_view> weights = {"weight1", "weight2", "weight3", "weight4"};
  lstmLayer(given, weights, "cx_tmp");
  const at::Tensor input = given.tensor("input");
  const int64_t hidden = given.integer("hidden_size");
  for (const char* name : {"output", "grad_output"}) {
    if (!given.has(name)) continue;
    given.shape(name, {input.size(0), input.size(1), hidden});
    given.sameType(name, "input");
    given.strided(name);
  }
  for (const char* name : {"hy_", "cy_", "grad_hy", "grad_cy"}) {
    if (!given.has(name)) continue;
    given.elements(name, input.size(1) * hidden);
    given.sameType(name, "input");
    given.strided(name);
  }
  // How large the workspace of the forward layer is only oneDNN knows; it reads it without a look.
  const at::NoGradGuard noGrad;
  const at::Tensor state = given.tensor("hx_").detach();
  const auto forward = at::mkldnn_rnn_layer(
      input.detach(), given.tensor("weight1").detach(), given.tensor("weight2").detach(),
      given.tensor("weight3").detach(), given.tensor("weight4").detach(), state, given.tensor("cx_tmp").detach(),
      given.flag("reverse"), given.integers("batch_sizes"), given.integer("mode"), hidden, given.integer("num_layers"),
      given.flag("has_biases"), given.flag("bidirectional"), given.flag("batch_first"), true);
  const at::Tensor workspace = std::get<3>(forward);
  given.type("workspace", workspace.scalar_type());
  given.elements("workspace", workspace.numel());
  given.dense("workspace");
}

// ---- oneDNN ----

void reorderConvolution(const Given& given) {
  given.rank("self", 4, 5);
  const at::Tensor weight = given.tensor("self");
  given.expect(weight.numel() > 0, "self", "at least one element");
  for (const char* name : {"stride", "dilation", "groups"}) {
    if (given.value(name).isInt()) {
      given.atLeast(name, 1);
    } else {
      given.allAtLeast(name, 1);
    }
  }
  given.allAtLeast("padding", 0);
  given.expect(weight.size(0) % given.integer("groups") == 0, "groups", "a divisor of the ", weight.size(0),
               " planes of 'self'");
  if (given.has("input_size")) {
    given.length("input_size", weight.dim());
    given.allAtLeast("input_size", 1);
  }
}

void packedByOneDnn(const Given& given) {
  const at::Tensor weight = given.tensor("qw");
  given.expect(weight.is_mkldnn(), "qw", "a weight packed by onednn::qlinear_prepack or qconv_prepack");
}

void matrix(const Given& given) {
  const std::string_view name = oneOf(given, {"weight", "X"});
  given.rank(name, 2, 2);
  given.strided(name);
}

// The packed weight is taken where there are as many rows as it was packed for, else the one that was not packed.
void packedProduct(const Given& given) {
  const at::Tensor x = given.tensor("X");
  given.rank("X", 1);
  const bool packed = x.size(-1) > 0 && x.numel() / x.size(-1) == given.value("batch_size").toInt();
  given.expect(!packed || given.tensor("MKL_W").is_mkldnn(), "MKL_W",
               "a weight packed by mkl::_mkl_reorder_linear_weight");
}

// Reads a matrix whatever the weight is, and a row's extremes for each of its rows.
void embeddingInBits(const Given& given) {
  matrix(given);
  if (!given.has("rowwise_min_max")) return;
  const at::Tensor extremes = given.tensor("rowwise_min_max");
  given.expect(extremes.dim() == 2 && extremes.size(0) == given.tensor("weight").size(0) && extremes.size(1) == 2,
               "rowwise_min_max", "a row of two for each of weight's");
}

void contiguousInput(const Given& given) {
  const std::string_view input = oneOf(given, {"input", "tensor"});
  given.strided(input);
  given.expect(given.tensor(input).is_contiguous(), input, "a contiguous tensor (see contiguous())");
}

void matrixOfFloats(const Given& given) {
  const std::string_view weight = oneOf(given, {"weight", "input", "W"});
  given.type(weight, at::kFloat);
  given.rank(weight, 2, 2);
  given.strided(weight);
}

void someFloats(const Given& given) {
  given.type("input", at::kFloat);
  given.expect(given.tensor("input").numel() > 0, "input", "at least one element");
}

void quantizedCell(const Given& given) {
  for (const auto& [weight, bias] : {std::pair{"w_ih", "b_ih"}, std::pair{"w_hh", "b_hh"}}) {
    given.rank(weight, 2, 2);
    given.type(weight, at::kFloat);
    given.expect(given.tensor(weight).numel() > 0, weight, "at least one element");
    given.type(bias, at::kFloat);
    given.elements(bias, given.tensor(weight).size(0));
  }
}

// Reads as many values as the two sizes say, which the other form is given.
void matrixOfBytes(const Given& given) {
  given.rank("input", 2, 2);
  given.strided("input");
  if (!given.has("K")) return;
  given.atLeast("K", 0);
  given.atLeast("N", 0);
  const int64_t rows = given.integer("K");
  given.expect(rows == 0 || given.integer("N") <= given.tensor("input").numel() / rows, "input",
               "a matrix of K * N values");
}

// ---- windows: convolution, pooling, padding ----

void slowConv2dBackward(const Given& given) {
  for (const char* name : {"kernel_size", "stride"}) {
    given.length(name, 2);
    given.allAtLeast(name, 1);
  }
  given.length("padding", 2);
  given.allAtLeast("padding", 0);
  given.rank("self", 4, 4);
  given.rank("grad_output", 4, 4);
  given.rank("weight", 2, 4);
  for (const char* name : {"self", "grad_output", "weight"}) given.strided(name);
  const at::Tensor input = given.tensor("self");
  const at::Tensor weight = given.tensor("weight");
  const Sizes kernel = given.integers("kernel_size");
  const Sizes stride = given.integers("stride");
  const Sizes padding = given.integers("padding");
  Sizes output{input.size(0), weight.size(0)};
  for (size_t i = 0; i < 2; i++) {
    const int64_t size = input.size(static_cast<int64_t>(i) + 2);
    // Far below what overflows.
    given.expect(padding[i] <= std::numeric_limits<int32_t>::max(), "padding", "less than 2^31");
    given.expect(kernel[i] <= size + (2 * padding[i]), "kernel_size", "no more than the padded input");
    output.push_back(((size + (2 * padding[i]) - kernel[i]) / stride[i]) + 1);
  }
  given.shape("grad_output", output);
  const Sizes flat{weight.size(0), input.size(1) * kernel[0] * kernel[1]};
  const Sizes whole{weight.size(0), input.size(1), kernel[0], kernel[1]};
  given.expect(weight.sizes() == flat || weight.sizes() == whole, "weight", "the shape ", whole);
}

// Goes through the window place by place, however far it reaches beyond the input.
void maxPool1d(const Given& given) {
  constexpr int64_t kMost = std::numeric_limits<int32_t>::max();
  given.allAtLeast("kernel_size", 1);
  const Sizes kernel = given.integers("kernel_size");
  given.expect(std::ranges::all_of(kernel, [](int64_t size) { return size <= kMost; }), "kernel_size", "no more than ",
               kMost);
}

// The products go by the window's size as it was given, whatever the weight has.
template <int64_t Spatial>
void windowOfWeight(const Given& given) {
  given.rank("self", Spatial + 1, Spatial + 2);
  given.rank("weight", 2, Spatial + 2);
  const at::Tensor weight = given.tensor("weight");
  const Sizes window = given.integers("kernel_size");
  if (weight.dim() == Spatial + 2) {
    given.expect(weight.sizes().slice(2) == window, "weight", "windows of the size ", at::IntArrayRef(window));
    return;
  }
  // Flat, as some of the kernels take it too: a row of channels and windows for each channel of the other side.
  int64_t places = given.tensor("self").size(-Spatial - 1);
  for (const int64_t size : window) {
    given.expect(size > 0 && size <= std::numeric_limits<int32_t>::max(), "kernel_size", "sizes from 1 on");
    places = size <= weight.numel() ? places * size : 0;
  }
  given.expect(weight.dim() == 2 && places > 0 && weight.size(1) == places, "weight", "the shape of ", Spatial + 2,
               " dimensions");
}

void nnpack(const Given& given) {
  given.rank("input", 4, 4);
  given.rank("weight", 4, 4);
  given.type("input", at::kFloat);
  given.type("weight", at::kFloat);
  for (const char* name : {"input", "weight"}) given.strided(name);
  for (const char* name : {"padding", "stride"}) given.length(name, 2);
  given.allAtLeast("padding", 0);
  given.allAtLeast("stride", 1);
  const at::Tensor input = given.tensor("input");
  const at::Tensor weight = given.tensor("weight");
  given.expect(input.numel() > 0, "input", "at least one element");
  given.expect(weight.numel() > 0, "weight", "at least one element");
  given.expect(weight.size(1) == input.size(1), "weight", "the ", input.size(1), " channels of 'input'");
  const Sizes padding = given.integers("padding");
  for (int64_t i = 0; i < 2; i++) {
    given.expect(padding[i] < weight.size(i + 2), "padding", "less than the size of the window");
    given.expect(weight.size(i + 2) <= input.size(i + 2) + (2 * padding[i]), "weight",
                 "windows no larger than the padded input");
  }
  if (given.has("bias")) {
    given.type("bias", at::kFloat);
    given.elements("bias", weight.size(0));
    given.dense("bias");
  }
}

// Gradients of pooling over the last `spatial` dimensions: each goes to a place in its input plane.
void poolingBackward(const Given& given, int64_t spatial, bool allowsNone) {
  for (const char* name : {"self", "grad_output", "indices"}) {
    given.rank(name, spatial + 1, spatial + 2);
    given.strided(name);
  }
  given.type("indices", at::kLong);
  given.sameShape("indices", "grad_output");
  const at::Tensor input = given.tensor("self");
  const at::Tensor gradient = given.tensor("grad_output");
  const at::IntArrayRef planes = input.sizes().slice(0, input.dim() - spatial);
  given.expect(gradient.dim() == input.dim() && gradient.sizes().slice(0, planes.size()) == planes, "grad_output",
               "the batch and channels of 'self', ", planes);
  int64_t plane = 1;
  for (int64_t i = input.dim() - spatial; i < input.dim(); i++) plane *= input.size(i);
  given.values("indices", allowsNone ? -1 : 0, plane - 1);
}
template <int64_t Spatial>
void fractionalPoolBackward(const Given& given) {
  given.length("output_size", Spatial);
  given.length("kernel_size", Spatial);
  poolingBackward(given, Spatial, false);
}
template <int64_t Spatial>
void maxPoolBackward(const Given& given) {
  poolingBackward(given, Spatial, true);
}

template <int64_t Spatial>
void averagePoolBackward(const Given& given) {
  for (const char* name : {"self", "grad_output"}) given.rank(name, Spatial + 1, Spatial + 2);
  const at::Tensor input = given.tensor("self");
  const at::Tensor gradient = given.tensor("grad_output");
  const at::IntArrayRef planes = input.sizes().slice(0, input.dim() - Spatial);
  given.expect(gradient.dim() == input.dim() && gradient.sizes().slice(0, planes.size()) == planes, "grad_output",
               "the batch and channels of 'self', ", planes);
  given.expect((gradient.numel() == 0) == (input.numel() == 0), "grad_output", "elements where 'self' has any");
}

// The kernels count the places of the result one dimension inside the other, also where it has none.
void adaptivePool(const Given& given) {
  const Sizes sizes = given.integers("output_size");
  const auto most = static_cast<int64_t>(std::numeric_limits<int32_t>::max());
  given.expect(std::ranges::all_of(sizes, [&](int64_t size) { return size <= most; }), "output_size", "no more than ",
               most, " in each dimension");
}

void gridSamplerBackward(const Given& given) {
  const at::Tensor input = given.tensor("input");
  const at::Tensor grid = given.tensor("grid");
  given.rank("input", 4, 5);
  given.rank("grid", input.dim(), input.dim());
  given.expect(grid.size(0) == input.size(0), "grid", "the batch of 'input', ", input.size(0));
  Sizes shape{input.size(0), input.size(1)};
  for (int64_t i = 1; i < grid.dim() - 1; i++) shape.push_back(grid.size(i));
  given.shape("grad_output", shape);
}

// Reflection must stay inside the input; both forms need a gradient of the padded shape.
template <int64_t Spatial, bool Reflects>
void paddingBackward(const Given& given) {
  given.length("padding", 2 * Spatial);
  given.rank("self", Spatial + 1, Spatial + 2);
  for (const char* name : {"self", "grad_output"}) given.strided(name);
  const at::Tensor input = given.tensor("self");
  const Sizes padding = given.integers("padding");
  Sizes padded = input.sizes().vec();
  for (int64_t i = 0; i < Spatial; i++) {
    const int64_t before = padding[2 * i];
    const int64_t after = padding[(2 * i) + 1];
    int64_t& size = padded[input.dim() - 1 - i];
    const int64_t largest = Reflects ? size - 1 : std::numeric_limits<int32_t>::max();
    given.expect(before <= largest && after <= largest && before >= -size && after >= -size, "padding",
                 "less on each side than the ", size, " values there");
    size += before + after;
  }
  given.shape("grad_output", padded);
}

// ---- Fourier transforms ----

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

// ---- losses ----

// The kernels look up alpha [N, T, 2 * longest target + 1] and probabilities by these lengths and targets.
void ctc(const Given& given, bool backward) {
  given.rank("log_probs", 3, 3);
  given.rank("targets", 1, 2);
  for (const char* name : {"log_probs", "targets"}) given.strided(name);
  const at::Tensor probabilities = given.tensor("log_probs");
  const at::Tensor targets = given.tensor("targets");
  const int64_t batch = probabilities.size(1);
  const int64_t classes = probabilities.size(2);
  if (!probabilities.device().is_cpu()) return;
  given.expect(at::isIntegralType(targets.scalar_type(), false), "targets", "integers");
  given.within("blank", 0, classes - 1);
  for (const char* name : {"input_lengths", "target_lengths"}) {
    given.length(name, batch);
    given.allAtLeast(name, 0);
  }
  const Sizes inputs = given.integers("input_lengths");
  const Sizes lengths = given.integers("target_lengths");
  int64_t longest = 0;
  int64_t total = 0;
  for (int64_t i = 0; i < batch; i++) {
    given.expect(inputs[i] <= probabilities.size(0), "input_lengths", "lengths of at most ", probabilities.size(0));
    given.expect(lengths[i] <= targets.numel(), "target_lengths", "lengths of the targets that are there");
    longest = std::max(longest, lengths[i]);
    total += lengths[i];
  }
  const bool rows = targets.dim() == 2;
  given.expect(rows ? targets.size(0) == batch && targets.size(1) >= longest : targets.numel() >= total, "targets",
               "as many targets as target_lengths says");
  const at::Tensor labels = targets.detach().to(at::kLong).contiguous();
  const auto* label = labels.const_data_ptr<int64_t>();
  for (int64_t i = 0, first = 0; i < batch; i++) {
    for (int64_t j = 0; j < lengths[i]; j++) {
      const int64_t each = label[first + j];
      given.expect(each >= 0 && each < classes, "targets", "labels from 0 to ", classes - 1);
    }
    first += rows ? targets.size(1) : lengths[i];
  }
  if (!backward) return;
  for (const char* name : {"grad", "neg_log_likelihood"}) {
    given.elements(name, batch);
    given.strided(name);
  }
  given.rank("grad", 1, 1);
  given.rank("neg_log_likelihood", 1, 1);
  given.rank("log_alpha", 3, 3);
  given.strided("log_alpha");
  const at::Tensor alpha = given.tensor("log_alpha");
  given.expect(alpha.size(0) == batch && alpha.size(1) == probabilities.size(0) && alpha.size(2) >= (2 * longest) + 1,
               "log_alpha", "the shape [", batch, ", ", probabilities.size(0), ", ", (2 * longest) + 1, "]");
}
// Without a batch the composite has two dimensions, which it adds one to.
void ctcForward(const Given& given) {
  if (given.tensor("log_probs").dim() == 3) ctc(given, false);
}
void ctcBackward(const Given& given) { ctc(given, true); }

// ---- quantization while training ----

void movingAverages(const Given& given) {
  if (!given.tensor("self").device().is_cpu()) return;
  given.type("self", at::kFloat);
  given.strided("self");
  int64_t channels = 1;
  const bool each = given.flag("per_row_fake_quant");
  if (each) {
    const int64_t dim = given.integer("ch_axis");
    given.within("ch_axis", 0, given.tensor("self").dim() - 1);
    channels = given.tensor("self").size(dim);
  }
  for (const char* name : {"observer_on", "fake_quant_on"}) {
    given.expect(given.tensor(name).numel() > 0, name, "at least one element");
  }
  for (const char* name : {"running_min", "running_max", "scale", "zero_point"}) {
    given.dense(name);
    if (given.tensor(name).scalar_type() != at::kInt) given.type(name, at::kFloat);
    // Where there are none yet, one for each channel is made.
    if (!each || given.tensor(name).numel() > 0) given.elements(name, channels);
  }
}

// ---- lists of tensors ----

void stack(const Given& given) {
  const std::vector<at::Tensor> list = given.tensors("tensors");
  given.expect(!list.empty(), "tensors", "at least one tensor");
  for (const at::Tensor& each : list) {
    given.expect(each.sizes() == list[0].sizes(), "tensors", "tensors of one shape, but there are ", list[0].sizes(),
                 " and ", each.sizes());
    given.expect(each.layout() != at::kStrided || each.is_contiguous(), "tensors",
                 "contiguous tensors (see contiguous())");
  }
  given.within("dim", -list[0].dim() - 1, list[0].dim());
}

void foreachCopy(const Given& given) {
  const size_t count = given.tensors("self").size();
  given.expect(count > 0, "self", "at least one tensor");
  given.length("src", count);
  if (given.has("out")) given.length("out", count);
}

// Sums in the type that it is told, whatever the result has room for.
void powerSum(const Given& given) {
  if (!given.has("dtype")) return;
  const at::ScalarType type = given.value("dtype").toScalarType();
  const std::vector<at::Tensor> list =
      given.value("self").isTensorList() ? given.tensors("self") : std::vector<at::Tensor>{given.tensor("self")};
  for (const at::Tensor& each : list) {
    given.expect(at::promoteTypes(each.scalar_type(), type) == type, "dtype", "one that holds ",
                 scalarTypeName(each.scalar_type()));
  }
}

// Stacks the tensors' first dimensions in chunks.
void chunkCat(const Given& given) {
  for (const at::Tensor& each : given.tensors("tensors")) {
    given.expect(each.dim() > 0 && each.layout() == at::kStrided, "tensors",
                 "strided tensors of at least one dimension");
  }
}

// Not all forms of a list of numbers have its length checked.
void foreachNumbers(const Given& given) {
  for (const char* name : {"scalars", "scalar", "exponent", "weight"}) {
    if (!given.has(name)) continue;
    const c10::IValue& value = given.value(name);
    if (!value.isList() || value.isTensorList()) continue;
    const size_t count = given.tensors("self").size();
    given.expect(value.toListRef().size() == count, name, count, " numbers, one for each tensor");
  }
}

// The fused optimizers walk all lists at once, and the tensors of a place by the first one's number of elements.
void fusedOptimizer(const Given& given) {
  const std::vector<at::Tensor> params = given.tensors("self");
  for (const char* name : {"grads", "momentum_buffer_list", "exp_avgs", "exp_avg_sqs", "max_exp_avg_sqs", "state_sums",
                           "state_steps", "out"}) {
    if (!given.has(name)) continue;
    const std::vector<at::Tensor> list = given.tensors(name);
    const bool optional =
        std::string_view(name) == "momentum_buffer_list" || std::string_view(name) == "max_exp_avg_sqs";
    if (list.empty() && optional) continue;
    given.length(name, params.size());
    if (std::string_view(name) == "state_steps") continue;
    for (size_t i = 0; i < params.size(); i++) {
      given.expect(list[i].sizes() == params[i].sizes(), name, "the shapes of 'self', but at ", i, " there are ",
                   list[i].sizes(), " and ", params[i].sizes());
    }
  }
  // Without a buffer where the options ask for one there is nothing to read.
  if (given.has("momentum")) {
    given.expect(given.value("momentum").toDouble() == 0 || !given.tensors("momentum_buffer_list").empty(),
                 "momentum_buffer_list", "a tensor for each of 'self', as there is momentum");
  }
  if (given.has("amsgrad")) {
    given.expect(!given.flag("amsgrad") || given.tensors("max_exp_avg_sqs").size() == params.size(), "max_exp_avg_sqs",
                 "a tensor for each of 'self', as amsgrad asks for them");
  }
}

// ---- lookups and segments ----

void embeddingBackward(const Given& given) {
  if (given.flag("scale_grad_by_freq")) given.values("indices", 0, given.integer("num_weights") - 1);
}

// Dense gradients are the other operator's.
void embeddingBackwardEither(const Given& given) {
  if (!given.flag("sparse")) embeddingBackward(given);
}

// Looked at by libtorch beside indices of one dimension only.
void bagOffsets(const Given& given) { given.rank("offsets", 1, 1); }

// Writes each position as often as it is to be repeated; the sum alone is checked.
void repeats(const Given& given) {
  if (given.has("output_size")) given.values("repeats", 0, std::numeric_limits<int64_t>::max());
}

void bagBackward(const Given& given, int64_t rows) {
  given.rank("grad", 2, 2);
  for (const char* name : {"grad", "indices", "offset2bag"}) given.strided(name);
  given.values("indices", 0, rows - 1);
  // Worked out from the offsets where it is empty.
  const int64_t bags = given.tensor("grad").size(0);
  if (given.tensor("offset2bag").numel() > 0) {
    given.elements("offset2bag", given.tensor("indices").numel());
    given.values("offset2bag", 0, bags - 1);
  }
}

void embeddingBagBackward(const Given& given) {
  constexpr int64_t kMean = 1;
  bagBackward(given, given.integer("num_weights"));
  if (given.integer("mode") == kMean) {
    given.expect(given.tensor("bag_size").numel() >= given.tensor("grad").size(0), "bag_size", "a size for each bag");
  }
  if (given.has("per_sample_weights")) given.elements("per_sample_weights", given.tensor("indices").numel());
}

void perSampleBackward(const Given& given) {
  given.rank("weight", 2, 2);
  bagBackward(given, given.tensor("weight").size(0));
  given.expect(given.tensor("grad").size(1) == given.tensor("weight").size(1), "grad",
               "rows as long as those of 'weight'");
}

// Lengths or offsets cut dimension `axis` into segments that have to stay inside it.
int64_t segments(const Given& given) {
  const at::Tensor data = given.tensor("data");
  given.strided("data");
  const std::string_view name = given.has("lengths") ? "lengths" : "offsets";
  given.strided(name);
  given.rank(name, 1);
  const at::Tensor cuts = given.tensor(name).detach();
  const int64_t axis = given.integer("axis");
  given.within("axis", 0, data.dim() - 1);
  given.expect(cuts.dim() == axis + 1 && cuts.sizes().slice(0, axis) == data.sizes().slice(0, axis), name,
               "the sizes of 'data' before 'axis', then one of its own");
  const int64_t size = data.size(axis);
  given.values(name, 0, size);
  if (!cuts.device().is_cpu()) return cuts.size(-1);
  if (name == "lengths") {
    given.expect(cuts.sum(-1).le(size).all().item<bool>(), name, "lengths whose sum is at most ", size);
    return cuts.size(-1);
  }
  given.expect(cuts.size(-1) > 0, name, "at least one offset");
  given.expect(cuts.size(-1) < 2 || cuts.diff().ge(0).all().item<bool>(), name, "offsets that do not fall");
  return cuts.size(-1) - 1;
}

void segmentReduce(const Given& given) {
  if (given.has("lengths") || given.has("offsets")) segments(given);
}

void segmentReduceBackward(const Given& given) {
  if (!given.has("lengths") && !given.has("offsets")) return;
  Sizes shape = given.tensor("data").sizes().vec();
  const int64_t count = segments(given);
  shape[given.integer("axis")] = count;
  given.shape("grad", shape);
  given.shape("output", shape);
}

// Writes values of self's type wherever the result is to go.
void outOfSameType(const Given& given) {
  if (given.has("out")) given.sameType("out", "self");
}

void runningExtreme(const Given& given) {
  for (const char* name : {"values", "indices"}) {
    given.sameShape(name, "self");
    given.strided(name);
  }
  given.strided("self");
  given.sameType("values", "self");
  given.type("indices", at::kLong);
  given.expect(given.tensor("self").numel() > 0, "self", "at least one element");
}

void unfoldBackward(const Given& given) {
  Sizes shape = given.integers("input_sizes");
  if (shape.empty()) return;
  const auto count = static_cast<int64_t>(shape.size());
  given.within("dim", -count, count - 1);
  int64_t& cut = shape[(given.integer("dim") + count) % count];
  given.within("size", 0, cut);
  given.atLeast("step", 1);
  cut = ((cut - given.integer("size")) / given.integer("step")) + 1;
  shape.push_back(given.integer("size"));
  given.shape("grad_in", shape);
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

// ---- attention ----

void attention(const Given& given) {
  for (const char* name : {"query", "key", "value"}) {
    given.rank(name, 4, 4);
    given.strided(name);
  }
  const at::Tensor query = given.tensor("query");
  const at::Tensor key = given.tensor("key");
  given.sameShape("value", "key");
  given.expect(key.size(0) == query.size(0) && key.size(3) == query.size(3), "key",
               "the batch and the width of 'query', ", query.sizes());
  given.expect(key.size(1) == query.size(1) || (key.size(1) > 0 && query.size(1) % key.size(1) == 0), "key",
               "as many heads as 'query' or a divisor of them");
}

void attentionBackward(const Given& given) {
  attention(given);
  const at::Tensor query = given.tensor("query");
  for (const char* name : {"out", "grad_out"}) {
    given.sameShape(name, "query");
    given.strided(name);
  }
  given.strided("logsumexp");
  given.shape("logsumexp", {query.size(0), query.size(1), query.size(2)});
}

// Heads of the keys and values are repeated until there are as many as of the queries.
void groupedAttention(const Given& given) {
  if (!given.flag("enable_gqa")) return;
  for (const char* name : {"key", "value"}) {
    given.rank(name, 3);
    given.expect(given.tensor(name).size(-3) > 0, name, "at least one head");
  }
}

// ---- sparse and nested tensors ----

void csrToCoo(const Given& given) {
  given.rank("crow_indices", 1, 2);
  for (const char* name : {"crow_indices", "col_indices"}) given.strided(name);
  given.rank("col_indices", given.tensor("crow_indices").dim(), given.tensor("crow_indices").dim());
  given.sameType("col_indices", "crow_indices");
  const at::Tensor rows = given.tensor("crow_indices").detach();
  const at::Tensor columns = given.tensor("col_indices");
  given.expect(rows.size(-1) > 0, "crow_indices", "at least one offset");
  given.expect(rows.dim() == 1 || rows.size(0) == columns.size(0), "col_indices", "the batch of 'crow_indices'");
  given.values("crow_indices", 0, columns.size(-1));
  if (!rows.device().is_cpu() || rows.size(-1) < 2) return;
  given.expect(rows.diff().ge(0).all().item<bool>(), "crow_indices", "offsets that do not fall");
}

void cooToCsr(const Given& given) {
  given.atLeast("size", 0);
  given.rank("self", 1, 1);
  given.dense("self");
  given.values("self", 0, given.integer("size") - 1);
}

// One size of `self` is read, and one of the result written, for each index.
void maskedIndex(const Given& given) {
  given.rank("self", static_cast<int64_t>(given.value("indices").toListRef().size()));
}

void nestedSizes(const Given& given) {
  given.rank("nested_size", 2, 2);
  given.type("nested_size", at::kLong);
  given.dense("nested_size");
  given.expect(given.tensor("nested_size").size(0) > 0, "nested_size", "the sizes of one tensor at least");
}

void newZerosWithSameFeature(const Given& given) {
  given.within("self_num_batch_dims", 0, given.tensor("self").dim());
  for (const char* name : {"self", "other"}) given.strided(name);
}

// A view of `held` elements of a tensor's own memory. as_strided() metas whether it fits, others do not.
void viewOf(const Given& given, int64_t held) {
  const Sizes size = given.integers("size");
  const Sizes stride = given.integers("stride");
  given.length("stride", size.size());
  given.allAtLeast("size", 0);
  given.allAtLeast("stride", 0);
  if (std::ranges::find(size, 0) != size.end()) return;
  given.expect(held > 0, "self", "at least one element");
  int64_t last = 0;
  for (size_t i = 0; i < size.size(); i++) {
    const bool inside = size[i] == 1 || stride[i] == 0 || (size[i] - 1) <= (held - 1 - last) / stride[i];
    given.expect(inside, "size", "a shape that, with these strides, stays in the ", held, " elements of the memory");
    if (size[i] > 1) last += (size[i] - 1) * stride[i];
  }
}

int64_t bytesOf(const Given& given) {
  given.strided("self");
  const at::Tensor self = given.tensor("self");
  given.expect(self.has_storage(), "self", "a tensor with memory of its own");
  return static_cast<int64_t>(self.storage().nbytes());
}

void reshapeAlias(const Given& given) {
  const int64_t held = bytesOf(given) / static_cast<int64_t>(given.tensor("self").itemsize());
  viewOf(given, held - given.tensor("self").storage_offset());
}

void reinterpret(const Given& given) {
  const int64_t held = bytesOf(given) / static_cast<int64_t>(given.tensor("self").itemsize());
  const int64_t offset = given.tensor("self").storage_offset();
  given.within("offset_increment", -offset, held);
  viewOf(given, held - offset - given.integer("offset_increment"));
}

void fromPool(const Given& given) {
  const int64_t held = bytesOf(given);
  const auto size = static_cast<int64_t>(c10::elementSize(given.value("dtype").toScalarType()));
  given.within("offset_bytes", 0, held);
  given.expect(given.integer("offset_bytes") % size == 0, "offset_bytes", "a multiple of ", size);
  viewOf(given, (held - given.integer("offset_bytes")) / size);
}

// Tensors over a storage that has been made smaller read past it.
void resizeStorage(const Given& given) {
  given.strided("variable");
  const at::Tensor variable = given.tensor("variable");
  given.expect(variable.has_storage(), "variable", "a tensor with memory of its own");
  given.atLeast("new_size", static_cast<int64_t>(variable.storage().nbytes()));
}

// Row i of the example has the sizes of the i-th tensor, which is a corner of padded[i].
void nestedFromPadded(const Given& given) {
  constexpr const char* kExample = "cpu_nested_shape_example";
  given.rank("padded", 1);
  given.strided("padded");
  const at::Tensor padded = given.tensor("padded");
  given.type(kExample, at::kLong);
  given.shape(kExample, {padded.size(0), padded.dim() - 1});
  for (int64_t dim = 1; dim < padded.dim(); dim++) {
    const at::Tensor sizes = given.tensor(kExample).detach().select(1, dim - 1);
    given.expect(
        sizes.numel() == 0 || (sizes.min().item<int64_t>() >= 0 && sizes.max().item<int64_t>() <= padded.size(dim)),
        kExample, "sizes from 0 to those of 'padded', ", padded.sizes());
  }
}

// ---- quasi-random numbers ----

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

// ---- ranges, medians and random numbers ----

// Goes along the dimension as if its elements lay one after another.
void medianAlong(const Given& given) {
  if (!given.has("dim") || !given.value("dim").isInt()) return;
  const at::Tensor self = given.tensor("self");
  if (!self.device().is_cpu() || self.layout() != at::kStrided || self.dim() == 0) return;
  const int64_t dim = given.integer("dim") < 0 ? given.integer("dim") + self.dim() : given.integer("dim");
  if (dim < 0 || dim >= self.dim()) return;
  given.expect(self.size(dim) < 2 || self.stride(dim) != 0, "self", "a tensor that is not expanded along dimension ",
               dim, " (see contiguous())");
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

// ---- other kernels ----

void biasAndHeads(const Given& given) {
  given.atLeast("num_heads", 1);
  const at::Tensor qkv = given.tensor("qkv");
  given.rank("qkv_bias", 1, 1);
  const int64_t width = given.tensor("qkv_bias").numel();
  given.expect(width > 0 && width % 3 == 0, "qkv_bias", "3 * D values");
  given.expect(width / 3 % given.integer("num_heads") == 0, "num_heads", "a divisor of D, ", width / 3);
  given.strided("qkv_bias");
  given.dense("qkv_bias");
  if (qkv.is_nested()) return;
  given.strided("qkv");
  given.rank("qkv", 3, 3);
  given.expect(qkv.size(2) == width, "qkv", "rows of the ", width, " values of 'qkv_bias'");
  given.sameType("qkv_bias", "qkv");
}

void linearCombination(const Given& given) {
  for (const char* name : {"input", "coefficients"}) given.strided(name);
  given.rank("input", 1);
  given.rank("coefficients", 2, 2);
  given.expect(given.tensor("coefficients").size(1) == given.tensor("input").size(0), "coefficients",
               "a column for each of the ", given.tensor("input").size(0), " terms of 'input'");
  given.sameType("coefficients", "input");
}

// Weights packed by _dyn_quant_pack_4bit_weight: two to a float's place, then the scales of the blocks.
void fourBitWeights(const Given& given) {
  for (const char* name : {"block_size", "in_features", "out_features"}) {
    given.within(name, 1, std::numeric_limits<int32_t>::max());
  }
  const int64_t in = given.integer("in_features");
  const int64_t out = given.integer("out_features");
  const int64_t block = given.integer("block_size");
  given.expect(in % block == 0, "block_size", "a divisor of in_features, ", in);
  given.strided("weights");
  given.strided("scales_zeros");
  given.elements("weights", out * (in / 2));
  given.elements("scales_zeros", out * (in / block));
  if (given.has("bias")) given.elements("bias", out);
}

void fourBitProduct(const Given& given) {
  given.rank("inp", 2, 2);
  given.dense("inp");
  given.rank("packed_weights", 1, 1);
  given.dense("packed_weights");
  for (const char* name : {"block_size", "in_features", "out_features"}) {
    given.within(name, 1, std::numeric_limits<int32_t>::max());
  }
  const int64_t in = given.integer("in_features");
  const int64_t out = given.integer("out_features");
  const int64_t block = given.integer("block_size");
  given.expect(given.tensor("inp").size(1) == in, "inp", "rows of in_features = ", in, " values");
  given.expect(in % block == 0, "block_size", "a divisor of in_features, ", in);
  given.expect(in % 2 == 0, "in_features", "an even number");
  const at::ScalarType type = given.tensor("inp").scalar_type();
  given.expect(type == at::kFloat || type == at::kBFloat16, "inp", "float32 or bfloat16");
  given.expect(given.tensor("packed_weights").numel() >= (out * in / 2) + (out * (in / block)), "packed_weights",
               "at least ", (out * in / 2) + (out * (in / block)), " elements");
}

// The search walks in steps of a bin from both ends of the values, for ever where a step is less than their precision.
void quantizationSearch(const Given& given) {
  given.type("input", at::kFloat);
  given.dense("input");
  const at::Tensor input = given.tensor("input").detach();
  given.within("numel", 1, input.numel());
  given.within("n_bins", 1, std::numeric_limits<int32_t>::max());
  given.within("bit_width", 1, 31);
  const double ratio = given.value("ratio").toDouble();
  given.expect(ratio >= 0 && ratio <= 1, "ratio", "a number from 0 to 1");
  const auto* first = input.const_data_ptr<float>();
  const auto [low, high] = std::minmax_element(first, first + given.integer("numel"));
  const float step = (*high - *low) / static_cast<float>(given.integer("n_bins"));
  given.expect(*high == *low || (*low + step > *low && *high - step < *high), "n_bins",
               "bins that the values' precision tells apart");
}

// Integers are divided by beta as an integer.
void smoothL1Backward(const Given& given) {
  size_t bytes = sizeof(int64_t);
  for (const char* name : {"grad_output", "self", "target"}) {
    const at::ScalarType type = given.tensor(name).scalar_type();
    if (!at::isIntegralType(type, true)) return;
    bytes = std::min(bytes, c10::elementSize(type));
  }
  // Of the narrowest, whose zero it must not become.
  const double most = std::ldexp(1.0, static_cast<int>(8 * bytes) - 1) - 1;
  const double beta = std::abs(given.value("beta").toDouble());
  given.expect(beta >= 1 && beta <= most, "beta", "1 to ", most, ", as all tensors hold integers");
}

void removeBatchDim(const Given& given) { given.within("out_dim", 0, given.tensor("self").dim()); }

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

template <void (*Check)(const Given&)>
void run(const c10::FunctionSchema& schema, c10::ArrayRef<c10::IValue> arguments) {
  Check(Given(schema, arguments));
}

}  // namespace

Guard guardOf(const c10::OperatorName& name) {
  static const std::unordered_map<std::string_view, Guard> kGuards{
      {"_quantized::wrapped_fbgemm_pack_gemm_matrix_fp16", &run<matrixOfFloats>},
      {"aten::_adaptive_avg_pool2d_backward", &run<averagePoolBackward<2>>},
      {"aten::_adaptive_avg_pool3d_backward", &run<averagePoolBackward<3>>},
      {"aten::_batch_norm_impl_index_backward", &run<batchNormBackward>},
      {"aten::_batch_norm_no_update", &run<batchNormEvaluation>},
      {"aten::_batch_norm_with_update", &run<batchNormTraining>},
      {"aten::_batch_norm_with_update_functional", &run<batchNormTraining>},
      {"aten::_cdist_backward", &run<distancesBackward>},
      {"aten::_cholesky_solve_helper", &run<choleskySolve>},
      {"aten::_chunk_cat", &run<chunkCat>},
      {"aten::_compute_linear_combination", &run<linearCombination>},
      {"aten::_convert_indices_from_coo_to_csr", &run<cooToCsr>},
      {"aten::_convert_indices_from_csr_to_coo", &run<csrToCoo>},
      {"aten::_ctc_loss", &run<ctcForward>},
      {"aten::_ctc_loss_backward", &run<ctcBackward>},
      {"aten::_cummax_helper", &run<runningExtreme>},
      {"aten::_cummin_helper", &run<runningExtreme>},
      {"aten::_dyn_quant_matmul_4bit", &run<fourBitProduct>},
      {"aten::_dyn_quant_pack_4bit_weight", &run<fourBitWeights>},
      {"aten::_embedding_bag", &run<bagOffsets>},
      {"aten::_embedding_bag_backward", &run<embeddingBagBackward>},
      {"aten::_embedding_bag_dense_backward", &run<embeddingBagBackward>},
      {"aten::_embedding_bag_forward_only", &run<bagOffsets>},
      {"aten::_embedding_bag_per_sample_weights_backward", &run<perSampleBackward>},
      {"aten::_fft_c2c", &run<fourierComplex>},
      {"aten::_fft_c2r", &run<fourierHalf>},
      {"aten::_fft_r2c", &run<fourierHalf>},
      {"aten::_foreach_copy", &run<foreachCopy>},
      {"aten::_foreach_copy_", &run<foreachCopy>},
      {"aten::_foreach_powsum", &run<powerSum>},
      {"aten::_fused_adagrad", &run<fusedOptimizer>},
      {"aten::_fused_adagrad_", &run<fusedOptimizer>},
      {"aten::_fused_adam", &run<fusedOptimizer>},
      {"aten::_fused_adam_", &run<fusedOptimizer>},
      {"aten::_fused_adamw", &run<fusedOptimizer>},
      {"aten::_fused_adamw_", &run<fusedOptimizer>},
      {"aten::_fused_moving_avg_obs_fq_helper", &run<movingAverages>},
      {"aten::_fused_moving_avg_obs_fq_helper_functional", &run<movingAverages>},
      {"aten::_fused_sgd", &run<fusedOptimizer>},
      {"aten::_fused_sgd_", &run<fusedOptimizer>},
      {"aten::_grid_sampler_2d_cpu_fallback_backward", &run<gridSamplerBackward>},
      {"aten::_linalg_eigvals", &run<eigenvalues>},
      {"aten::_log_softmax_backward_data", &run<likeOutput>},
      {"aten::_logcumsumexp", &run<outOfSameType>},
      {"aten::_native_batch_norm_legit", &run<batchNormByFlag>},
      {"aten::_native_batch_norm_legit_functional", &run<batchNormByFlag>},
      {"aten::_native_batch_norm_legit_no_training", &run<batchNormEvaluation>},
      {"aten::_nested_compute_contiguous_strides_offsets", &run<nestedSizes>},
      {"aten::_nested_from_padded", &run<nestedFromPadded>},
      {"aten::_new_zeros_with_same_feature_meta", &run<newZerosWithSameFeature>},
      {"aten::_nnpack_spatial_convolution", &run<nnpack>},
      {"aten::_pad_packed_sequence", &run<padPackedSequence>},
      {"aten::_pdist_backward", &run<pairwiseBackward>},
      {"aten::_pdist_forward", &run<pairwise>},
      {"aten::_remove_batch_dim", &run<removeBatchDim>},
      {"aten::_reshape_alias", &run<reshapeAlias>},
      {"aten::_reshape_alias_copy", &run<reshapeAlias>},
      {"aten::_saturate_weight_to_fp16", &run<matrixOfFloats>},
      {"aten::_scaled_dot_product_attention_math", &run<groupedAttention>},
      {"aten::_scaled_dot_product_flash_attention_for_cpu", &run<attention>},
      {"aten::_scaled_dot_product_flash_attention_for_cpu_backward", &run<attentionBackward>},
      {"aten::_segment_reduce_backward", &run<segmentReduceBackward>},
      {"aten::_slow_conv2d_backward", &run<slowConv2dBackward>},
      {"aten::_sobol_engine_draw", &run<sobolSteps>},
      {"aten::_sobol_engine_ff_", &run<sobolSteps>},
      {"aten::_sobol_engine_initialize_state_", &run<sobolInitialize>},
      {"aten::_sobol_engine_scramble_", &run<sobolScramble>},
      {"aten::_softmax_backward_data", &run<likeOutput>},
      {"aten::_stack", &run<stack>},
      {"aten::_thnn_differentiable_gru_cell_backward", &run<gruCellBackward>},
      {"aten::_thnn_differentiable_lstm_cell_backward", &run<lstmCellBackward>},
      {"aten::_transform_bias_rescale_qkv", &run<biasAndHeads>},
      {"aten::_unsafe_masked_index", &run<maskedIndex>},
      {"aten::_unsafe_masked_index_put_accumulate", &run<maskedIndex>},
      {"aten::_weight_norm", &run<weightNorm>},
      {"aten::_weight_norm_interface", &run<weightNormInterface>},
      {"aten::_weight_norm_interface_backward", &run<weightNormBackward>},
      {"aten::adaptive_avg_pool3d_backward", &run<averagePoolBackward<3>>},
      {"aten::adaptive_max_pool2d", &run<adaptivePool>},
      {"aten::adaptive_max_pool2d_backward", &run<maxPoolBackward<2>>},
      {"aten::adaptive_max_pool3d", &run<adaptivePool>},
      {"aten::adaptive_max_pool3d_backward", &run<maxPoolBackward<3>>},
      {"aten::batch_norm_backward", &run<batchNormBackward>},
      {"aten::batch_norm_update_stats", &run<batchNormTraining>},
      {"aten::binomial", &run<binomial>},
      {"aten::choose_qparams_optimized", &run<quantizationSearch>},
      {"aten::ctc_loss", &run<ctcForward>},
      {"aten::embedding_backward", &run<embeddingBackwardEither>},
      {"aten::embedding_bag", &run<bagOffsets>},
      {"aten::embedding_dense_backward", &run<embeddingBackward>},
      {"aten::fbgemm_linear_quantize_weight", &run<someFloats>},
      {"aten::fbgemm_pack_gemm_matrix_fp16", &run<matrixOfFloats>},
      {"aten::fbgemm_pack_quantized_matrix", &run<matrixOfBytes>},
      {"aten::fractional_max_pool2d_backward", &run<fractionalPoolBackward<2>>},
      {"aten::fractional_max_pool3d_backward", &run<fractionalPoolBackward<3>>},
      {"aten::fused_moving_avg_obs_fake_quant", &run<movingAverages>},
      {"aten::grid_sampler_2d_backward", &run<gridSamplerBackward>},
      {"aten::grid_sampler_3d_backward", &run<gridSamplerBackward>},
      {"aten::gru", &run<gru>},
      {"aten::linalg_eigvals", &run<eigenvalues>},
      {"aten::linalg__powsum", &run<powerSum>},
      {"aten::linalg_lu_solve", &run<linalgLuSolve>},
      {"aten::lstm", &run<lstm>},
      {"aten::lu_solve", &run<luSolve>},
      {"aten::lu_unpack", &run<luUnpack>},
      {"aten::max_pool1d", &run<maxPool1d>},
      {"aten::max_pool2d_with_indices_backward", &run<maxPoolBackward<2>>},
      {"aten::max_pool3d_with_indices_backward", &run<maxPoolBackward<3>>},
      {"aten::median", &run<medianAlong>},
      {"aten::mkldnn_reorder_conv2d_weight", &run<reorderConvolution>},
      {"aten::mkldnn_reorder_conv3d_weight", &run<reorderConvolution>},
      {"aten::mkldnn_rnn_layer", &run<mkldnnLstm>},
      {"aten::mkldnn_rnn_layer_backward", &run<mkldnnLstmBackward>},
      {"aten::nanmedian", &run<medianAlong>},
      {"aten::native_batch_norm", &run<batchNormByFlag>},
      {"aten::native_batch_norm_backward", &run<batchNormBackward>},
      {"aten::native_group_norm", &run<groups>},
      {"aten::native_group_norm_backward", &run<groupNormBackward>},
      {"aten::native_layer_norm_backward", &run<layerNormBackward>},
      {"aten::quantized_lstm_cell", &run<twoHiddenStates>},
      {"aten::range", &run<range>},
      {"quantized::quantized_gru_cell_dynamic", &run<packedCell<3>>},
      {"quantized::quantized_lstm_cell_dynamic", &run<packedCell<4>>},
      {"quantized::quantized_rnn_relu_cell_dynamic", &run<packedCell<1>>},
      {"quantized::quantized_rnn_tanh_cell_dynamic", &run<packedCell<1>>},
      {"aten::reflection_pad1d_backward", &run<paddingBackward<1, true>>},
      {"aten::reflection_pad2d_backward", &run<paddingBackward<2, true>>},
      {"aten::reflection_pad3d_backward", &run<paddingBackward<3, true>>},
      {"aten::repeat_interleave", &run<repeats>},
      {"aten::replication_pad1d_backward", &run<paddingBackward<1, false>>},
      {"aten::replication_pad2d_backward", &run<paddingBackward<2, false>>},
      {"aten::replication_pad3d_backward", &run<paddingBackward<3, false>>},
      {"aten::rnn_relu", &run<rnn>},
      {"aten::rnn_tanh", &run<rnn>},
      {"aten::scaled_dot_product_attention", &run<groupedAttention>},
      {"aten::segment_reduce", &run<segmentReduce>},
      {"aten::slow_conv3d", &run<windowOfWeight<3>>},
      {"aten::slow_conv3d_forward", &run<windowOfWeight<3>>},
      {"aten::slow_conv_transpose2d", &run<windowOfWeight<2>>},
      {"aten::slow_conv_transpose3d", &run<windowOfWeight<3>>},
      {"aten::smooth_l1_loss_backward", &run<smoothL1Backward>},
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
      {"aten::unfold_backward", &run<unfoldBackward>},
      {"c10d::check_for_nan", &run<contiguousInput>},
      {"inductor::_alloc_from_pool", &run<fromPool>},
      {"inductor::_reinterpret_tensor", &run<reinterpret>},
      {"inductor::resize_storage_bytes_", &run<resizeStorage>},
      {"mkl::_mkl_linear", &run<packedProduct>},
      {"mkl::_mkl_reorder_linear_weight", &run<matrix>},
      {"mkldnn::_reorder_convolution_transpose_weight", &run<reorderConvolution>},
      {"mkldnn::_reorder_convolution_weight", &run<reorderConvolution>},
      {"mkldnn::_reorder_mkldnn_rnn_layer_weight", &run<reorderLstmWeights>},
      {"onednn::linear_prepack_fp16", &run<matrixOfFloats>},
      {"onednn::qconv1d_pointwise", &run<packedByOneDnn>},
      {"onednn::qconv2d_pointwise", &run<packedByOneDnn>},
      {"onednn::qconv3d_pointwise", &run<packedByOneDnn>},
      {"onednn::qconv_pointwise", &run<packedByOneDnn>},
      {"onednn::qlinear_pointwise", &run<packedByOneDnn>},
      {"onednn::qlinear_prepack", &run<matrix>},
      {"quantization::_FloatToBfloat16Quantized", &run<contiguousInput>},
      {"quantization::_Bfloat16QuantizedToFloat", &run<contiguousInput>},
      {"quantized::embedding_bag_2bit_prepack", &run<embeddingInBits>},
      {"quantized::embedding_bag_2bit_prepack_with_rowwise_min_max", &run<embeddingInBits>},
      {"quantized::embedding_bag_4bit_prepack", &run<embeddingInBits>},
      {"quantized::embedding_bag_4bit_prepack_with_rowwise_min_max", &run<embeddingInBits>},
      {"quantized::embedding_bag_byte_prepack_with_rowwise_min_max", &run<embeddingInBits>},
      {"quantized::linear_prepack_fp16", &run<matrixOfFloats>},
      {"quantized::linear_prepack_fp16_legacy", &run<matrixOfFloats>},
      {"quantized::make_quantized_cell_params", &run<quantizedCell>},
      {"_quantized::linear_prepack_fp16", &run<matrixOfFloats>},
      {"_quantized::linear_prepack_fp16_legacy", &run<matrixOfFloats>},
  };
  const auto found = kGuards.find(name.name);
  if (found != kGuards.end()) return found->second;
  return name.name.starts_with("aten::_foreach_") ? &run<foreachNumbers> : nullptr;
}

void checkLength(const c10::Argument& argument, size_t expected, size_t given) {
  // One value stands for all, and an empty stride for the size of the window.
  if (given >= expected || given == 1 || (given == 0 && argument.name() == "stride")) return;
  throw std::invalid_argument(c10::str("expected ", expected, " values, got ", given));
}

}  // namespace torch_node
