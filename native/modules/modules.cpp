// Conv2d, Linear and MaxPool2d: the classes, tables of their options, and the bindings.
#include "modules.h"

#include "bindings.h"

#include <span>

namespace torch_node {

namespace {

namespace nn = torch::nn;
using Pair = torch::ExpandingArray<2>;

// ---- options to and from JavaScript ----

using Padding = nn::detail::conv_padding_t<2>;
using PaddingMode = nn::detail::conv_padding_mode_t;

bool isA(Environment& environment, napi_value value, napi_valuetype type) {
  napi_valuetype found = napi_undefined;
  check(environment.env(), napi_typeof(environment.env(), value, &found));
  return found == type;
}

template <class T>
void readOption(Environment& environment, napi_value value, T& option) {
  option = FromJs<T>::get(environment, value);
}

void readOption(Environment& environment, napi_value value, Pair& option) {
  if (isA(environment, value, napi_number)) {
    option = Pair(FromJs<int64_t>::get(environment, value));
    return;
  }
  const auto numbers = FromJs<std::vector<int64_t>>::get(environment, value);
  if (numbers.size() != 2) {
    throw TypeMismatch("expected a number or [height, width], got an array of " + std::to_string(numbers.size()));
  }
  option = Pair(numbers);
}

// A size, and whether it was given as one number for both dimensions: what Python keeps, and prints, of MaxPool2d's.
struct GivenPair {
  Pair& pair;
  bool& single;
};

void readOption(Environment& environment, napi_value value, GivenPair& option) {
  readOption(environment, value, option.pair);
  option.single = isA(environment, value, napi_number);
}

void readOption(Environment& environment, napi_value value, Padding& option) {
  if (!isA(environment, value, napi_string)) {
    Pair pair(0);
    readOption(environment, value, pair);
    option = pair;
    return;
  }
  const auto name = FromJs<std::string>::get(environment, value);
  if (name == "same") {
    option = torch::kSame;
  } else if (name == "valid") {
    option = torch::kValid;
  } else {
    throw TypeMismatch("expected 'same' or 'valid', got '" + name + "'");
  }
}

void readOption(Environment& environment, napi_value value, PaddingMode& option) {
  const auto name = FromJs<std::string>::get(environment, value);
  if (name == "zeros") {
    option = torch::kZeros;
  } else if (name == "reflect") {
    option = torch::kReflect;
  } else if (name == "replicate") {
    option = torch::kReplicate;
  } else if (name == "circular") {
    option = torch::kCircular;
  } else {
    throw TypeMismatch("expected 'zeros', 'reflect', 'replicate' or 'circular', got '" + name + "'");
  }
}

template <class T>
napi_value optionToJs(Environment& environment, const T& option) {
  return ToJs<T>::set(environment, option);
}

napi_value optionToJs(Environment& environment, const Pair& option) {
  return ToJs<std::vector<int64_t>>::set(environment, {option->begin(), option->end()});
}

napi_value optionToJs(Environment& environment, const GivenPair& option) {
  return option.single ? optionToJs(environment, (*option.pair)[0]) : optionToJs(environment, option.pair);
}

napi_value optionToJs(Environment& environment, const Padding& option) {
  if (const auto* pair = std::get_if<Pair>(&option)) return optionToJs(environment, *pair);
  const bool same = std::holds_alternative<torch::enumtype::kSame>(option);
  return ToJs<std::string>::set(environment, same ? "same" : "valid");
}

napi_value optionToJs(Environment& environment, const PaddingMode& option) {
  struct Name {
    const char* operator()(torch::enumtype::kZeros) const { return "zeros"; }
    const char* operator()(torch::enumtype::kReflect) const { return "reflect"; }
    const char* operator()(torch::enumtype::kReplicate) const { return "replicate"; }
    const char* operator()(torch::enumtype::kCircular) const { return "circular"; }
  };
  return ToJs<std::string>::set(environment, std::visit(Name{}, option));
}

// An option of the module class M by the name that JavaScript knows.
template <class M>
struct Option {
  const char* name;
  napi_value (*get)(Environment&, M&);
  void (*set)(Environment&, M&, napi_value);
};

// The option that `Of` finds in a module.
template <class M, auto Of>
constexpr Option<M> option(const char* name) {
  return {name,
          [](Environment& environment, M& module) {
            const auto& found = Of(module);
            return optionToJs(environment, found);
          },
          [](Environment& environment, M& module, napi_value value) {
            auto&& found = Of(module);
            readOption(environment, value, found);
          }};
}

// ---- the classes ----

// The constructors of libtorch's modules draw their parameters on the CPU, in float32; a copy of a module draws
// nothing. So each module here begins as a copy, and its parameters are made where they are wanted and drawn as those
// of all other modules are.
template <class Impl>
const Impl& blank();

template <>
const nn::LinearImpl& blank() {
  // No features out, nothing to draw.
  static const nn::LinearImpl kBlank(nn::LinearOptions(1, 0).bias(false));
  return kBlank;
}

template <>
const nn::Conv2dImpl& blank() {
  static const nn::Conv2dImpl kBlank = [] {
    // A weight of one number is drawn: the generator's state is put back.
    auto generator = at::detail::getDefaultCPUGenerator();
    const at::Tensor before = generator.get_state();
    nn::Conv2dImpl made(nn::Conv2dOptions(1, 1, 1).bias(false));
    generator.set_state(before);
    return made;
  }();
  return kBlank;
}

struct Linear : nn::LinearImpl {
  Linear() : nn::LinearImpl(blank<nn::LinearImpl>()) {}

  // libtorch's own multiplies and then adds, which Python does not: on three dimensions the last bits differ.
  at::Tensor forward(const at::Tensor& input) const { return at::linear(input, weight, bias); }

  [[nodiscard]] std::vector<int64_t> weightShape() const { return {options.out_features(), options.in_features()}; }
  [[nodiscard]] int64_t outputs() const { return options.out_features(); }

  static std::span<const Option<Linear>> table() {
    static constexpr std::array kTable{
        option<Linear, [](Linear& m) -> auto& { return m.options.in_features(); }>("inFeatures"),
        option<Linear, [](Linear& m) -> auto& { return m.options.out_features(); }>("outFeatures"),
        option<Linear, [](Linear& m) -> auto& { return m.options.bias(); }>("bias"),
    };
    return kTable;
  }  // namespace
};  // namespace torch_node

struct Conv2d : nn::Conv2dImpl {
  Conv2d() : nn::Conv2dImpl(blank<nn::Conv2dImpl>()) {}

  at::Tensor forward(const at::Tensor& input) {
    // libtorch works these out once, when the module is made; the options may have changed since.
    if (!std::holds_alternative<torch::enumtype::kZeros>(options.padding_mode())) {
      _reversed_padding_repeated_twice = sides();
    }
    return nn::Conv2dImpl::forward(input);
  }

  [[nodiscard]] std::vector<int64_t> weightShape() const {
    const auto& size = *options.kernel_size();
    return {options.out_channels(), options.in_channels() / options.groups(), size[0], size[1]};
  }
  [[nodiscard]] int64_t outputs() const { return options.out_channels(); }

  static std::span<const Option<Conv2d>> table() {
    static constexpr std::array kTable{
        option<Conv2d, [](Conv2d& m) -> auto& { return m.options.in_channels(); }>("inChannels"),
        option<Conv2d, [](Conv2d& m) -> auto& { return m.options.out_channels(); }>("outChannels"),
        option<Conv2d, [](Conv2d& m) -> auto& { return m.options.kernel_size(); }>("kernelSize"),
        option<Conv2d, [](Conv2d& m) -> auto& { return m.options.stride(); }>("stride"),
        option<Conv2d, [](Conv2d& m) -> auto& { return m.options.padding(); }>("padding"),
        option<Conv2d, [](Conv2d& m) -> auto& { return m.options.dilation(); }>("dilation"),
        option<Conv2d, [](Conv2d& m) -> auto& { return m.options.groups(); }>("groups"),
        option<Conv2d, [](Conv2d& m) -> auto& { return m.options.padding_mode(); }>("paddingMode"),
        option<Conv2d, [](Conv2d& m) -> auto& { return m.options.bias(); }>("bias"),
    };
    return kTable;
  }

 private:
  // What is added on the left, on the right, above and below. (libtorch's own has them the other way round for 'same'.)
  [[nodiscard]] std::vector<int64_t> sides() const {
    std::vector<int64_t> out;
    for (const size_t d : {1, 0}) {
      int64_t before = 0;
      int64_t after = 0;
      if (const auto* pair = std::get_if<Pair>(&options.padding())) {
        before = after = (**pair)[d];
      } else if (std::holds_alternative<torch::enumtype::kSame>(options.padding())) {
        const int64_t all = (*options.dilation())[d] * ((*options.kernel_size())[d] - 1);
        before = all / 2;
        after = all - before;
      }
      out.insert(out.end(), {before, after});
    }
    return out;
  }
};

struct MaxPool2d : nn::MaxPool2dImpl {
  MaxPool2d() : nn::MaxPool2dImpl(1) {}

  static std::span<const Option<MaxPool2d>> table() {
    static constexpr std::array kTable{
        option<MaxPool2d, [](MaxPool2d& m) { return GivenPair{m.options.kernel_size(), m.single[0]}; }>("kernelSize"),
        option<MaxPool2d, [](MaxPool2d& m) { return GivenPair{m.options.stride(), m.single[1]}; }>("stride"),
        option<MaxPool2d, [](MaxPool2d& m) { return GivenPair{m.options.padding(), m.single[2]}; }>("padding"),
        option<MaxPool2d, [](MaxPool2d& m) { return GivenPair{m.options.dilation(), m.single[3]}; }>("dilation"),
        option<MaxPool2d, [](MaxPool2d& m) -> auto& { return m.options.ceil_mode(); }>("ceilMode"),
        option<MaxPool2d, [](MaxPool2d& m) -> auto& { return m.returnIndices; }>("returnIndices"),
    };
    return kTable;
  }

  std::array<bool, 4> single{};
  // libtorch's has a function of another name for this, Python's an option.
  bool returnIndices = false;
};

// ---- what the bindings call ----

// Lends a module the parameters of its JavaScript object while it computes: they are that object's alone.
template <class M>
class Lent {
 public:
  Lent(M& module, const at::Tensor& weight, const at::Tensor& bias) : module_(module) {
    module_.weight = weight;
    module_.bias = bias;
  }
  ~Lent() {
    module_.weight.reset();
    module_.bias.reset();
  }
  Lent(const Lent&) = delete;
  Lent& operator=(const Lent&) = delete;

 private:
  M& module_;
};

template <class M>
constexpr bool kHasWeight = requires(M module) { module.weight; };

template <class M>
class ModuleOf final : public AnyModule {
 public:
  napi_value option(Environment& environment, const std::string& name) override {
    return find(name).get(environment, module_);
  }
  void setOption(Environment& environment, const std::string& name, napi_value value) override {
    try {
      find(name).set(environment, module_, value);
    } catch (const std::invalid_argument& error) {
      throw TypeMismatch(name + ": " + error.what());
    }
  }
  [[nodiscard]] std::vector<at::Tensor> parameters(const at::TensorOptions& place) const override {
    if constexpr (kHasWeight<M>) {
      return {torch::empty(module_.weightShape(), place),
              module_.options.bias() ? torch::empty({module_.outputs()}, place) : at::Tensor()};
    }
    return {};
  }
  napi_value forward(Environment& environment, const at::Tensor& input, const at::Tensor& weight,
                     const at::Tensor& bias) override {
    if constexpr (kHasWeight<M>) {
      const Lent<M> lent(module_, weight, bias);
      return ToJs<at::Tensor>::set(environment, module_.forward(input));
    } else if (module_.returnIndices) {
      const auto [values, indices] = module_.forward_with_indices(input);
      return ToJs<std::vector<at::Tensor>>::set(environment, {values, indices});
    } else {
      return ToJs<at::Tensor>::set(environment, module_.forward(input));
    }
  }
  [[nodiscard]] std::unique_ptr<AnyModule> copy() const override { return std::make_unique<ModuleOf>(*this); }

 private:
  static const Option<M>& find(const std::string& name) {
    for (const auto& option : M::table()) {
      if (name == option.name) return option;
    }
    throw TypeMismatch("there is no option '" + name + "'");
  }

  M module_;
};

std::unique_ptr<AnyModule> moduleOf(const std::string& kind) {
  if (kind == "Linear") return std::make_unique<ModuleOf<Linear>>();
  if (kind == "Conv2d") return std::make_unique<ModuleOf<Conv2d>>();
  if (kind == "MaxPool2d") return std::make_unique<ModuleOf<MaxPool2d>>();
  throw TypeMismatch("unknown module '" + kind + "'");
}

uint32_t insert(Environment& environment, std::unique_ptr<AnyModule> module) {
  return hold<LeafModule>(environment, std::move(module));
}

// createModule(kind, options, dtype, device): [module, weight, bias], 0 for a parameter that the module does not have.
std::vector<uint32_t> createModule(Environment& environment, const std::string& kind, Raw options,
                                   std::optional<at::ScalarType> dtype, std::optional<at::Device> device) {
  auto module = moduleOf(kind);
  const Napi::Object given = Napi::Value(environment.env(), options.value).As<Napi::Object>();
  const Napi::Array names = given.GetPropertyNames();
  for (uint32_t i = 0; i < names.Length(); i++) {
    const Napi::Value name = names[i];
    module->setOption(environment, name.As<Napi::String>().Utf8Value(), given.Get(name));
  }
  const auto place = at::TensorOptions().dtype(dtype.value_or(at::kFloat)).device(device.value_or(at::kCPU));
  const auto parameters = module->parameters(place);
  std::vector<uint32_t> out{insert(environment, std::move(module))};
  for (const auto& parameter : parameters) out.push_back(parameter.defined() ? environment.insert(parameter) : 0);
  return out;
}

uint32_t copyModule(Environment& environment, const c10::intrusive_ptr<LeafModule>& leaf) {
  return insert(environment, leaf->module->copy());
}

Raw moduleOption(Environment& environment, const c10::intrusive_ptr<LeafModule>& leaf, const std::string& name) {
  return {leaf->module->option(environment, name)};
}

void setModuleOption(Environment& environment, const c10::intrusive_ptr<LeafModule>& leaf, const std::string& name,
                     Raw value) {
  leaf->module->setOption(environment, name, value.value);
}

Raw forwardModule(Environment& environment, const c10::intrusive_ptr<LeafModule>& leaf, const at::Tensor& input,
                  const std::optional<at::Tensor>& weight, const std::optional<at::Tensor>& bias) {
  return {leaf->module->forward(environment, input, weight.value_or(at::Tensor()), bias.value_or(at::Tensor()))};
}

}  // namespace

std::vector<Binding> moduleBindings() {
  blank<nn::Conv2dImpl>();
  return {
      bound<&createModule>("createModule"),   bound<&copyModule>("copyModule"),
      bound<&moduleOption>("moduleOption"),   bound<&setModuleOption>("setModuleOption"),
      bound<&forwardModule>("forwardModule"),
  };
}

}  // namespace torch_node
