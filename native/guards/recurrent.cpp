// Guards of recurrent networks: cells, layers, and weights as oneDNN packs them.
#include <ATen/native/quantized/PackedParams.h>

#include "given.h"

namespace torch_node {

namespace {

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
  given.readOnce("batch_sizes");
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
  given.readOnce("batch_sizes");
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
void gru(const Given& given) {
  given.readOnce("batch_sizes");
  (void)weightsOfLayer(given, 3, false);
}
void rnn(const Given& given) {
  given.readOnce("batch_sizes");
  (void)weightsOfLayer(given, 1, false);
}

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
  // How large the workspace of the forward layer is only oneDNN knows; it reads it unchecked.
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

}  // namespace

GuardRows recurrentGuards() {
  return {
      {"aten::_pad_packed_sequence", &run<padPackedSequence>},
      {"aten::_thnn_differentiable_gru_cell_backward", &run<gruCellBackward>},
      {"aten::_thnn_differentiable_lstm_cell_backward", &run<lstmCellBackward>},
      {"aten::gru", &run<gru>},
      {"aten::lstm", &run<lstm>},
      {"aten::mkldnn_rnn_layer", &run<mkldnnLstm>},
      {"aten::mkldnn_rnn_layer_backward", &run<mkldnnLstmBackward>},
      {"aten::quantized_lstm_cell", &run<twoHiddenStates>},
      {"aten::rnn_relu", &run<rnn>},
      {"aten::rnn_tanh", &run<rnn>},
      {"mkldnn::_reorder_mkldnn_rnn_layer_weight", &run<reorderLstmWeights>},
      {"quantized::quantized_gru_cell_dynamic", &run<packedCell<3>>},
      {"quantized::quantized_lstm_cell_dynamic", &run<packedCell<4>>},
      {"quantized::quantized_rnn_relu_cell_dynamic", &run<packedCell<1>>},
      {"quantized::quantized_rnn_tanh_cell_dynamic", &run<packedCell<1>>},
  };
}

}  // namespace torch_node
