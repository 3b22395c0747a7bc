// Guards of attention.
#include "given.h"

namespace torch_node {

namespace {

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

}  // namespace

GuardRows attentionGuards() {
  return {
      {"aten::_scaled_dot_product_attention_math", &run<groupedAttention>},
      {"aten::_scaled_dot_product_flash_attention_for_cpu", &run<attention>},
      {"aten::_scaled_dot_product_flash_attention_for_cpu_backward", &run<attentionBackward>},
      {"aten::_transform_bias_rescale_qkv", &run<biasAndHeads>},
      {"aten::scaled_dot_product_attention", &run<groupedAttention>},
  };
}

}  // namespace torch_node
