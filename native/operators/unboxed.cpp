// The unboxed call. Boxing costs 200 ns of a small operator's 700, so the signatures that most calls of a training loop
// have go to the dispatcher unboxed: a table of C++ types, not of operators.
#include "unboxed.h"

#include <unordered_set>

#include "convolution.h"
#include "parameters.h"

namespace torch_node {

namespace {

template <class F>
class UnboxedOperator;

template <class... A>
class UnboxedOperator<at::Tensor(A...)> : public Operator {
 public:
  // The operator under this signature, or nothing when its schema is another.
  static std::unique_ptr<Operator> match(const c10::OperatorHandle& handle, const Signature& signature) {
    if (signature.arguments.size() != sizeof...(A) || signature.results.size() != 1) return nullptr;
    const Result& result = signature.results[0];
    if (result.argument >= 0 || result.type.kind != Kind::kTensor || result.type.optional) return nullptr;
    size_t i = 0;
    if (!(Parameter<A>::fits(signature.arguments[i++]) && ...)) return nullptr;
    try {
      return std::unique_ptr<Operator>(
          std::make_unique<UnboxedOperator>(handle.typed<at::Tensor(A...)>(), std::index_sequence_for<A...>()));
    } catch (const c10::Error&) {
      return nullptr;  // the kernels were registered with another C++ signature (SymInt for int, say)
    }
  }

  template <size_t... I>
  UnboxedOperator(c10::TypedOperatorHandle<at::Tensor(A...)> handle, std::index_sequence<I...> /*indices*/)
      : handle_(std::move(handle)),
        parameters_(handle_.schema().arguments()[I]...),
        makesItsResult_(makesItsResult(handle_)),
        checksNumber_(takesNumbersAsTheyAre(handle_.operator_name())),
        shortcut_(handle_.operator_name().overload_name.empty() ? shortcutOf<A...>(handle_.operator_name().name)
                                                                : nullptr) {}

  napi_value call(Environment& environment, std::span<const napi_value> arguments) const override {
    return call(environment, arguments, std::index_sequence_for<A...>());
  }
  [[nodiscard]] bool takesLists() const override { return true; }

 private:
  template <size_t... I>
  napi_value call(Environment& environment, std::span<const napi_value> arguments,
                  std::index_sequence<I...> /*indices*/) const {
    if (arguments.size() > sizeof...(A)) {
      throw TypeMismatch("expected at most " + std::to_string(sizeof...(A)) + " arguments, got " +
                         std::to_string(arguments.size()));
    }
    // References stay valid because nothing is inserted before the call ends.
    std::tuple<typename Parameter<A>::Held...> values;
    (read<I>(environment, arguments, std::get<I>(values)), ...);
    if constexpr (sizeof...(A) == 2) checkNumberIn(values);
    const auto call = [&] { return handle_.call(Parameter<A>::pass(std::get<I>(values))...); };
    if (makesItsResult_ && (untracked(Parameter<A>::pass(std::get<I>(values))) && ...)) {
      const at::AutoDispatchBelowADInplaceOrView below;
      at::Tensor out;
      if (shortcut_) out = shortcut_(Parameter<A>::pass(std::get<I>(values))...);
      if (!out.defined()) out = call();
      return ToJs<at::Tensor>::set(environment, std::move(out));
    }
    return ToJs<at::Tensor>::set(environment, call());
  }

  // Whether the result is always a new tensor, to which the autograd layer only adds its record: true of operators with
  // a derivative formula of their own that give no view of an argument, and of these that are composed of others; most
  // of those give an argument back where there is nothing to do.
  static bool makesItsResult(const c10::OperatorHandle& handle) {
    static const std::unordered_set<std::string> kComposed{"aten::matmul", "aten::linear", "aten::conv1d",
                                                           "aten::conv2d", "aten::conv3d"};
    const c10::OperatorName& name = handle.operator_name();
    return handle.schema().returns()[0].alias_info() == nullptr &&
           (!handle.hasKernelForDispatchKey(c10::DispatchKey::CompositeImplicitAutograd) ||
            (name.overload_name.empty() && kComposed.contains(name.name)));
  }

  // A tensor without autograd metadata requires no gradient, is no view and has no tangent, so that the autograd layer
  // has nothing to do for it; going around that layer saves a fifth of a small operator's time.
  static bool untracked(const at::Tensor& tensor) { return tensor.unsafeGetTensorImpl()->autograd_meta() == nullptr; }
  static bool untracked(const std::optional<at::Tensor>& tensor) { return !tensor || untracked(*tensor); }
  template <class T>
  static bool untracked(const T& /*value*/) {
    return true;
  }

  template <class Values>
  void checkNumberIn(const Values& values) const {
    if (!checksNumber_) return;
    using Given = std::tuple<A...>;
    if constexpr (std::is_same_v<Given, std::tuple<const at::Tensor&, const at::Scalar&>>) {
      checkNumber(*std::get<0>(values), std::get<1>(values));
    } else if constexpr (std::is_same_v<Given, std::tuple<const at::Tensor&, const at::Tensor&>>) {
      checkNumber(*std::get<0>(values), *std::get<1>(values));
    }
  }

  template <size_t I, class Held>
  void read(Environment& environment, std::span<const napi_value> arguments, Held& out) const {
    napi_value value = nullptr;
    if (I < arguments.size()) {
      value = arguments[I];
    } else {
      if (std::get<I>(parameters_).leaveOut(out)) return;
      check(environment.env(), napi_get_undefined(environment.env(), &value));
    }
    try {
      std::get<I>(parameters_).read(environment, value, out);
    } catch (const std::invalid_argument&) {
      rethrowNamed(handle_.schema().arguments()[I]);
    }
  }

  c10::TypedOperatorHandle<at::Tensor(A...)> handle_;
  std::tuple<Parameter<A>...> parameters_;
  bool makesItsResult_;
  bool checksNumber_;
  at::Tensor (*shortcut_)(A...);
};

}  // namespace

std::unique_ptr<Operator> unboxedOperator(const c10::OperatorHandle& handle, const Signature& signature) {
  using T = const at::Tensor&;
  using S = const at::Scalar&;
  using O = const std::optional<at::Tensor>&;
  std::unique_ptr<Operator> out;
  const auto attempt = [&]<class F>() { return !out && (out = UnboxedOperator<F>::match(handle, signature)); };
  attempt.operator()<at::Tensor(T)>();
  attempt.operator()<at::Tensor(T, T)>();
  attempt.operator()<at::Tensor(T, T, S)>();
  attempt.operator()<at::Tensor(T, S)>();
  attempt.operator()<at::Tensor(T, S, S)>();
  attempt.operator()<at::Tensor(T, int64_t, std::optional<at::ScalarType>)>();
  attempt.operator()<at::Tensor(T, std::optional<at::ScalarType>)>();
  attempt.operator()<at::Tensor(T, int64_t)>();
  attempt.operator()<at::Tensor(T, int64_t, int64_t)>();
  attempt.operator()<at::Tensor(T, c10::SymIntArrayRef)>();
  attempt.operator()<at::Tensor(T, at::IntArrayRef)>();
  attempt.operator()<at::Tensor(T, at::OptionalIntArrayRef, bool, std::optional<at::ScalarType>)>();
  attempt.operator()<at::Tensor(T, T, O)>();
  attempt.operator()<at::Tensor(T, T, O, c10::SymIntArrayRef, c10::SymIntArrayRef, c10::SymIntArrayRef, c10::SymInt)>();
  return out;
}

}  // namespace torch_node
