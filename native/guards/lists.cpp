// Guards of operators over lists of tensors: stack, foreach, fused optimizers.
#include "given.h"

namespace torch_node {

namespace {

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

// Sums in the type that it is told, whatever the result can hold.
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

}  // namespace

GuardRows listGuards() {
  return {
      {"aten::_chunk_cat", &run<chunkCat>},
      {"aten::_foreach_copy", &run<foreachCopy>},
      {"aten::_foreach_copy_", &run<foreachCopy>},
      {"aten::_foreach_powsum", &run<powerSum>},
      {"aten::_fused_adagrad", &run<fusedOptimizer>},
      {"aten::_fused_adagrad_", &run<fusedOptimizer>},
      {"aten::_fused_adam", &run<fusedOptimizer>},
      {"aten::_fused_adam_", &run<fusedOptimizer>},
      {"aten::_fused_adamw", &run<fusedOptimizer>},
      {"aten::_fused_adamw_", &run<fusedOptimizer>},
      {"aten::_fused_sgd", &run<fusedOptimizer>},
      {"aten::_fused_sgd_", &run<fusedOptimizer>},
      {"aten::_stack", &run<stack>},
      {"aten::linalg__powsum", &run<powerSum>},
  };
}

Guard foreachGuard() { return &run<foreachNumbers>; }

}  // namespace torch_node
