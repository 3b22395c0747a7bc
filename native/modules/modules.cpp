// The table of leaf modules: options in, parameters and forward out.
#include "modules.h"

#include <c10/core/DefaultDtype.h>

#include <map>

namespace torch_node {

namespace {

// Options as they come from TypeScript: an object with PyTorch's names in camelCase.
class Options {
 public:
  Options(Environment& environment, Napi::Object object) : environment_(&environment), object_(object) {}

  template <class T>
  T get(const char* name) const {
    const Napi::Value value = object_.Get(name);
    if (value.IsUndefined()) throw TypeMismatch(std::string("option '") + name + "' is missing");
    return read<T>(name, value);
  }
  template <class T>
  T get(const char* name, T fallback) const {
    const Napi::Value value = object_.Get(name);
    return value.IsUndefined() ? std::move(fallback) : read<T>(name, value);
  }
  bool has(const char* name) const { return !object_.Get(name).IsUndefined(); }

  // One number for both, or [height, width].
  torch::ExpandingArray<2> pair(const char* name) const {
    const Napi::Value value = object_.Get(name);
    if (!value.IsArray()) return get<int64_t>(name);
    const auto numbers = get<std::vector<int64_t>>(name);
    if (numbers.size() != 2) {
      throw TypeMismatch(std::string("option '") + name + "': expected a number or [height, width], got an array of " +
                         std::to_string(numbers.size()));
    }
    return {numbers};
  }
  torch::ExpandingArray<2> pair(const char* name, int64_t fallback) const {
    return has(name) ? pair(name) : torch::ExpandingArray<2>(fallback);
  }
  std::optional<at::Tensor> tensor(const char* name) const {
    return get<std::optional<at::Tensor>>(name, std::nullopt);
  }

 private:
  template <class T>
  T read(const char* name, napi_value value) const {
    try {
      return FromJs<T>::get(*environment_, value);
    } catch (const std::invalid_argument& error) {
      throw TypeMismatch(std::string("option '") + name + "': " + error.what());
    }
  }

  Environment* environment_;
  Napi::Object object_;
};

int64_t positive(const Options& options, const char* name) {
  const auto value = options.get<int64_t>(name);
  if (value < 0)
    throw TypeMismatch(std::string("option '") + name + "': expected 0 or more, got " + std::to_string(value));
  return value;
}

const at::Tensor& only(const std::vector<at::Tensor>& inputs) {
  if (inputs.size() != 1) throw TypeMismatch("forward expects 1 input, got " + std::to_string(inputs.size()));
  return inputs[0];
}

// A module of one input.
template <class M>
LeafModule leaf(M module) {
  return {module.ptr(),
          [module](const std::vector<at::Tensor>& inputs) mutable { return module->forward(only(inputs)); }};
}

// libtorch's C++ module swaps height and width when it works out 'same' for a padding mode other than zeros; Python's
// does not. (conv.h, _reversed_padding_repeated_twice: F.pad wants the last dimension first.)
struct SamePaddingConv2dImpl : torch::nn::Conv2dImpl {
  explicit SamePaddingConv2dImpl(const torch::nn::Conv2dOptions& options) : torch::nn::Conv2dImpl(options) {
    auto& padding = _reversed_padding_repeated_twice;
    if (std::holds_alternative<torch::enumtype::kSame>(options.padding())) {
      std::swap(padding[0], padding[2]);
      std::swap(padding[1], padding[3]);
    }
  }
};
TORCH_MODULE_IMPL(SamePaddingConv2d, SamePaddingConv2dImpl);

LeafModule conv2d(const Options& o) {
  torch::nn::Conv2dOptions options(positive(o, "inChannels"), positive(o, "outChannels"), o.pair("kernelSize"));
  options.stride(o.pair("stride", 1)).dilation(o.pair("dilation", 1));
  options.groups(o.get<int64_t>("groups", 1)).bias(o.get<bool>("bias", true));
  if (o.has("paddingName")) {
    const auto name = o.get<std::string>("paddingName");
    if (name == "same") {
      options.padding(torch::kSame);
    } else if (name == "valid") {
      options.padding(torch::kValid);
    } else {
      throw TypeMismatch("option 'padding': expected a number, [height, width], 'same' or 'valid', got '" + name + "'");
    }
  } else {
    options.padding(o.pair("padding", 0));
  }
  const auto mode = o.get<std::string>("paddingMode", "zeros");
  if (mode == "zeros") {
    options.padding_mode(torch::kZeros);
  } else if (mode == "reflect") {
    options.padding_mode(torch::kReflect);
  } else if (mode == "replicate") {
    options.padding_mode(torch::kReplicate);
  } else if (mode == "circular") {
    options.padding_mode(torch::kCircular);
  } else {
    throw TypeMismatch("option 'paddingMode': expected zeros, reflect, replicate or circular, got '" + mode + "'");
  }
  return leaf(SamePaddingConv2d(options));
}

LeafModule linear(const Options& o) {
  return leaf(torch::nn::Linear(
      torch::nn::LinearOptions(positive(o, "inFeatures"), positive(o, "outFeatures")).bias(o.get<bool>("bias", true))));
}

LeafModule maxPool2d(const Options& o) {
  torch::nn::MaxPool2dOptions options(o.pair("kernelSize"));
  if (o.has("stride")) options.stride(o.pair("stride"));
  options.padding(o.pair("padding", 0)).dilation(o.pair("dilation", 1)).ceil_mode(o.get<bool>("ceilMode", false));
  return leaf(torch::nn::MaxPool2d(options));
}

LeafModule relu(const Options& o) { return leaf(torch::nn::ReLU(o.get<bool>("inplace", false))); }

LeafModule leakyRelu(const Options& o) {
  return leaf(torch::nn::LeakyReLU(torch::nn::LeakyReLUOptions()
                                       .negative_slope(o.get<double>("negativeSlope", 0.01))
                                       .inplace(o.get<bool>("inplace", false))));
}

LeafModule tanhModule(const Options& /*options*/) { return leaf(torch::nn::Tanh()); }

LeafModule softmax(const Options& o) { return leaf(torch::nn::Softmax(o.get<int64_t>("dim"))); }

LeafModule flatten(const Options& o) {
  return leaf(torch::nn::Flatten(
      torch::nn::FlattenOptions().start_dim(o.get<int64_t>("startDim", 1)).end_dim(o.get<int64_t>("endDim", -1))));
}

LeafModule crossEntropyLoss(const Options& o) {
  torch::nn::CrossEntropyLossOptions options;
  if (auto weight = o.tensor("weight")) options.weight(*weight);
  options.ignore_index(o.get<int64_t>("ignoreIndex", -100)).label_smoothing(o.get<double>("labelSmoothing", 0.0));
  const auto reduction = o.get<std::string>("reduction", "mean");
  if (reduction == "mean") {
    options.reduction(torch::kMean);
  } else if (reduction == "sum") {
    options.reduction(torch::kSum);
  } else if (reduction == "none") {
    options.reduction(torch::kNone);
  } else {
    throw TypeMismatch("option 'reduction': expected mean, sum or none, got '" + reduction + "'");
  }
  torch::nn::CrossEntropyLoss module(options);
  return {module.ptr(), [module](const std::vector<at::Tensor>& inputs) mutable {
            if (inputs.size() != 2) throw TypeMismatch("forward expects (input, target)");
            return module->forward(inputs[0], inputs[1]);
          }};
}

const std::map<std::string, LeafModule (*)(const Options&)>& table() {
  static const std::map<std::string, LeafModule (*)(const Options&)> kTable{
      {"Conv2d", conv2d},   {"Linear", linear},       {"MaxPool2d", maxPool2d},
      {"ReLU", relu},       {"LeakyReLU", leakyRelu}, {"Tanh", tanhModule},
      {"Softmax", softmax}, {"Flatten", flatten},     {"CrossEntropyLoss", crossEntropyLoss},
  };
  return kTable;
}

// Parameters are drawn in the module's own dtype, as in Python, not drawn in float32 and converted.
class DefaultDtype {
 public:
  explicit DefaultDtype(std::optional<at::ScalarType> type) : before_(c10::get_default_dtype()) {
    if (type) c10::set_default_dtype(c10::scalarTypeToTypeMeta(*type));
  }
  ~DefaultDtype() { c10::set_default_dtype(before_); }
  DefaultDtype(const DefaultDtype&) = delete;
  DefaultDtype& operator=(const DefaultDtype&) = delete;

 private:
  caffe2::TypeMeta before_;
};

// A list of [name, handle].
template <class Named>
Napi::Array handles(Environment& environment, const Named& named) {
  const Napi::Env env(environment.env());
  Napi::Array out = Napi::Array::New(env);
  uint32_t i = 0;
  for (const auto& item : named) {
    const Napi::Array entry = Napi::Array::New(env);
    entry.Set(0U, item.key());
    entry.Set(1U, Napi::Value(env, ToJs<at::Tensor>::set(environment, item.value())));
    out.Set(i++, entry);
  }
  return out;
}

// createModule(kind, options): { handle, parameters: [[name, handle]], buffers: [[name, handle]] }
Raw createModule(Environment& environment, const std::string& kind, Raw options) {
  const auto found = table().find(kind);
  if (found == table().end()) throw TypeMismatch("unknown module '" + kind + "'");
  const Napi::Env env(environment.env());
  const Options read(environment, Napi::Value(env, options.value).As<Napi::Object>());
  const DefaultDtype dtype(read.get<std::optional<at::ScalarType>>("dtype", std::nullopt));
  auto leaf = std::make_shared<LeafModule>(found->second(read));
  const Napi::Object out = Napi::Object::New(env);
  out.Set("parameters", handles(environment, leaf->module->named_parameters()));
  out.Set("buffers", handles(environment, leaf->module->named_buffers()));
  out.Set("handle", static_cast<double>(environment.modules.insert(std::move(leaf))));
  return {out};
}

void adoptModule(Environment& environment, Raw object, uint32_t handle) {
  environment.adoptModule(object.value, handle);
}

at::Tensor forwardModule(Environment& /*environment*/, const std::shared_ptr<LeafModule>& leaf,
                         const std::vector<at::Tensor>& inputs) {
  return leaf->forward(inputs);
}

void trainModule(Environment& /*environment*/, const std::shared_ptr<LeafModule>& leaf, bool on) {
  leaf->module->train(on);
}

}  // namespace

std::vector<Binding> moduleBindings() {
  return {
      bound<&createModule>("createModule"),
      bound<&adoptModule>("adoptModule"),
      bound<&forwardModule>("forwardModule"),
      bound<&trainModule>("trainModule"),
  };
}

}  // namespace torch_node
