// Checks the fused engine (native/program/fused) against a plain implementation in double precision: outputs, loss and
// every gradient, for networks with all kinds of layers, batches that fill the vectors and that do not, and every set
// of instructions that this machine has. Exits with 1 where something differs. fused.test.ts compiles and runs it.
//
// `check time [batch [network [instructions [threads]]]]` measures training steps instead.
#include "../../../native/program/fused/chain.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <limits>
#include <optional>
#include <random>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace {

using torch_node::fused::Chain;
using torch_node::fused::Input;
using torch_node::fused::Isa;
using torch_node::fused::Layer;
using torch_node::fused::Shape;
using Kind = Layer::Kind;
using Doubles = std::vector<double>;

Layer convolution(int64_t inputs, int64_t outputs, int64_t kernel, int64_t padding = 0, bool bias = true) {
  return {.kind = Kind::kConvolution,
          .inputs = inputs,
          .outputs = outputs,
          .kernelHeight = kernel,
          .kernelWidth = kernel,
          .paddingHeight = padding,
          .paddingWidth = padding,
          .bias = bias};
}
Layer oblong(int64_t inputs, int64_t outputs, int64_t height, int64_t width, int64_t paddingHeight,
             int64_t paddingWidth) {
  return {.kind = Kind::kConvolution,
          .inputs = inputs,
          .outputs = outputs,
          .kernelHeight = height,
          .kernelWidth = width,
          .paddingHeight = paddingHeight,
          .paddingWidth = paddingWidth};
}
Layer linear(int64_t inputs, int64_t outputs, bool bias = true) {
  return {.kind = Kind::kLinear, .inputs = inputs, .outputs = outputs, .bias = bias};
}
Layer pool(int64_t side = 2) { return {.kind = Kind::kMaxPool, .kernelHeight = side, .kernelWidth = side}; }
const Layer kRelu{.kind = Kind::kRelu};
const Layer kLeaky{.kind = Kind::kLeakyRelu, .slope = 0.01F};
const Layer kTanh{.kind = Kind::kTanh};
const Layer kFlatten{.kind = Kind::kFlatten};

// ---- threads ----

// Threads that wait in a loop for work, since a step is over before one that sleeps would be awake.
class Threads {
 public:
  explicit Threads(int64_t count) {
    for (int64_t i = 1; i < count; i++) threads_.emplace_back([this, i] { work(i); });
  }
  Threads(const Threads&) = delete;
  Threads& operator=(const Threads&) = delete;
  ~Threads() {
    stop_ = true;
    for (auto& t : threads_) t.join();
  }
  void run(int64_t count, const std::function<void(int64_t)>& call) {
    call_ = &call;
    count_ = count;
    running_ = static_cast<int64_t>(threads_.size());
    turn_++;
    call(0);
    while (running_ > 0) std::this_thread::yield();
  }

 private:
  void work(int64_t i) {
    for (int64_t seen = 0; !stop_;) {
      if (turn_ == seen) {
        std::this_thread::yield();
        continue;
      }
      seen++;
      if (i < count_) (*call_)(i);
      running_--;
    }
  }
  std::atomic<bool> stop_ = false;
  std::atomic<int64_t> turn_ = 0;
  std::atomic<int64_t> running_ = 0;
  const std::function<void(int64_t)>* call_ = nullptr;
  int64_t count_ = 0;
  std::vector<std::thread> threads_;
};

// ---- the plain implementation: layer after layer, sample after sample ----

struct Plain {
  std::vector<Layer> layers;
  Shape shape;
  std::vector<Doubles> parameters;

  struct Sizes {
    int64_t c, h, w;
    [[nodiscard]] int64_t all() const { return c * h * w; }
  };

  static Sizes after(const Layer& l, Sizes s) {
    switch (l.kind) {
      case Kind::kConvolution:
        return {l.outputs, s.h + (2 * l.paddingHeight) - l.kernelHeight + 1,
                s.w + (2 * l.paddingWidth) - l.kernelWidth + 1};
      case Kind::kLinear: return {l.outputs, 1, 1};
      case Kind::kMaxPool: return {s.c, s.h / l.kernelHeight, s.w / l.kernelHeight};
      case Kind::kFlatten: return {s.all(), 1, 1};
      default: return s;
    }
  }

  template <typename F>
  static void taps(const Layer& l, Sizes in, Sizes out, F f) {
    for (int64_t o = 0; o < out.c; o++)
      for (int64_t y = 0; y < out.h; y++)
        for (int64_t x = 0; x < out.w; x++)
          for (int64_t c = 0; c < in.c; c++)
            for (int64_t ky = 0; ky < l.kernelHeight; ky++)
              for (int64_t kx = 0; kx < l.kernelWidth; kx++) {
                const int64_t iy = y + ky - l.paddingHeight;
                const int64_t ix = x + kx - l.paddingWidth;
                if (iy < 0 || ix < 0 || iy >= in.h || ix >= in.w) continue;
                f((((o * out.h) + y) * out.w) + x, (((c * in.h) + iy) * in.w) + ix,
                  (((((o * in.c) + c) * l.kernelHeight) + ky) * l.kernelWidth) + kx);
              }
  }

  // All activations of one sample.
  [[nodiscard]] std::vector<Doubles> forward(Doubles x, std::vector<std::vector<int64_t>>& chosen) const {
    std::vector<Doubles> values{std::move(x)};
    chosen.assign(layers.size(), {});
    Sizes in{shape.channels, shape.height, shape.width};
    size_t p = 0;
    for (size_t i = 0; i < layers.size(); i++) {
      const Layer& l = layers[i];
      const Sizes out = after(l, in);
      const Doubles& from = values.back();
      Doubles to(static_cast<size_t>(out.all()), 0.0);
      switch (l.kind) {
        case Kind::kConvolution: {
          const Doubles& w = parameters[p++];
          taps(l, in, out, [&](int64_t o, int64_t i, int64_t k) { to[o] += w[k] * from[i]; });
          if (l.bias) {
            const Doubles& b = parameters[p++];
            for (int64_t j = 0; j < out.all(); j++) to[j] += b[j / (out.h * out.w)];
          }
          break;
        }
        case Kind::kLinear: {
          const Doubles& w = parameters[p++];
          for (int64_t o = 0; o < l.outputs; o++)
            for (int64_t j = 0; j < l.inputs; j++) to[o] += w[(o * l.inputs) + j] * from[j];
          if (l.bias) {
            const Doubles& b = parameters[p++];
            for (int64_t o = 0; o < l.outputs; o++) to[o] += b[o];
          }
          break;
        }
        case Kind::kMaxPool: {
          chosen[i].resize(to.size());
          for (int64_t j = 0; j < out.all(); j++) {
            const int64_t c = j / (out.h * out.w);
            const int64_t y = j / out.w % out.h;
            const int64_t x0 = j % out.w;
            double most = -std::numeric_limits<double>::infinity();
            for (int64_t q = 0; q < l.kernelHeight * l.kernelHeight; q++) {
              const int64_t at = (((c * in.h) + (y * l.kernelHeight) + (q / l.kernelHeight)) * in.w) +
                                 (x0 * l.kernelHeight) + (q % l.kernelHeight);
              if (from[at] > most || std::isnan(from[at])) {
                most = from[at];
                chosen[i][j] = at;
              }
            }
            to[j] = most;
          }
          break;
        }
        case Kind::kRelu:
          for (size_t j = 0; j < to.size(); j++) to[j] = from[j] < 0 ? 0 : from[j];
          break;
        case Kind::kLeakyRelu:
          for (size_t j = 0; j < to.size(); j++) to[j] = from[j] < 0 ? l.slope * from[j] : from[j];
          break;
        case Kind::kTanh:
          for (size_t j = 0; j < to.size(); j++) to[j] = std::tanh(from[j]);
          break;
        case Kind::kFlatten: to = from; break;
      }
      values.push_back(std::move(to));
      in = out;
    }
    return values;
  }

  void backward(const std::vector<Doubles>& values, const std::vector<std::vector<int64_t>>& chosen, Doubles g,
                std::vector<Doubles>& gradients) const {
    std::vector<Sizes> sizes{{shape.channels, shape.height, shape.width}};
    for (const Layer& l : layers) sizes.push_back(after(l, sizes.back()));
    size_t p = parameters.size();
    for (size_t i = layers.size(); i-- > 0;) {
      const Layer& l = layers[i];
      const Doubles& from = values[i];
      const Doubles& to = values[i + 1];
      Doubles before(from.size(), 0.0);
      switch (l.kind) {
        case Kind::kConvolution: {
          if (l.bias) {
            p--;
            for (size_t j = 0; j < g.size(); j++) {
              gradients[p][j / (sizes[i + 1].h * sizes[i + 1].w)] += g[j];
            }
          }
          p--;
          taps(l, sizes[i], sizes[i + 1], [&](int64_t o, int64_t in, int64_t k) {
            gradients[p][k] += g[o] * from[in];
            before[in] += g[o] * parameters[p][k];
          });
          break;
        }
        case Kind::kLinear: {
          if (l.bias) {
            p--;
            for (size_t j = 0; j < g.size(); j++) gradients[p][j] += g[j];
          }
          p--;
          for (int64_t o = 0; o < l.outputs; o++)
            for (int64_t j = 0; j < l.inputs; j++) {
              gradients[p][(o * l.inputs) + j] += g[o] * from[j];
              before[j] += g[o] * parameters[p][(o * l.inputs) + j];
            }
          break;
        }
        case Kind::kMaxPool:
          for (size_t j = 0; j < g.size(); j++) before[chosen[i][j]] += g[j];
          break;
        case Kind::kRelu:
          for (size_t j = 0; j < g.size(); j++) before[j] = from[j] > 0 ? g[j] : 0;
          break;
        case Kind::kLeakyRelu:
          for (size_t j = 0; j < g.size(); j++) before[j] = from[j] > 0 ? g[j] : l.slope * g[j];
          break;
        case Kind::kTanh:
          for (size_t j = 0; j < g.size(); j++) before[j] = g[j] * (1 - (to[j] * to[j]));
          break;
        case Kind::kFlatten: before = g; break;
      }
      g = std::move(before);
    }
  }
};

struct Network {
  std::string name;
  Shape shape;
  std::vector<Layer> layers;
};

std::vector<Layer> join(std::vector<Layer> a, const std::vector<Layer>& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

std::vector<Layer> classifier(int64_t inputs, const Layer& f) {
  return {kFlatten, linear(inputs, 120), f, linear(120, 84), f, linear(84, 10)};
}

Network course(const std::string& name, int64_t c1, int64_t c2, const Layer& f) {
  return {name,
          {3, 32, 32},
          join({convolution(3, c1, 5), f, pool(), convolution(c1, c2, 5), f, pool()}, classifier(c2 * 25, f))};
}

Network perceptron(const std::string& name, const std::vector<int64_t>& hidden) {
  Network n{name, {3, 32, 32}, {kFlatten}};
  int64_t width = 3072;
  for (const int64_t h : hidden) {
    n.layers.push_back(linear(width, h));
    n.layers.push_back(kRelu);
    width = h;
  }
  n.layers.push_back(linear(width, 10));
  return n;
}

std::vector<Network> courseNetworks() {
  return {course("cnn", 6, 16, kRelu),
          course("double-channel", 12, 32, kRelu),
          course("leaky-relu", 6, 16, kLeaky),
          course("tanh", 6, 16, kTanh),
          {"conv1", {3, 32, 32}, join({convolution(3, 6, 5), kRelu, pool()}, classifier(6 * 14 * 14, kRelu))},
          {"conv3",
           {3, 32, 32},
           join({convolution(3, 6, 3), kRelu, pool(), convolution(6, 16, 3), kRelu, pool(), convolution(16, 26, 3),
                 kRelu, pool()},
                classifier(104, kRelu))},
          perceptron("mlp2", {120}),
          perceptron("mlp3", {120, 50}),
          perceptron("mlp4", {120, 50, 30}),
          perceptron("mlp5", {120, 50, 30, 20})};
}

// One layer at a time, and what the course's networks do not have.
std::vector<Network> smallNetworks() {
  return {
      {"linear", {37, 1, 1}, {linear(37, 11)}},
      {"linear without bias", {16, 1, 1}, {linear(16, 2, false)}},
      {"linear relu", {5, 1, 1}, {linear(5, 23), kRelu}},
      {"linear tanh linear", {50, 1, 1}, {linear(50, 33), kTanh, linear(33, 7)}},
      {"convolution", {3, 9, 11}, {convolution(3, 7, 3)}},
      {"convolution 1 x 1", {5, 4, 4}, {convolution(5, 3, 1, 0, false), kTanh, convolution(3, 2, 1)}},
      {"convolution padded", {2, 7, 5}, {convolution(2, 5, 3, 1), kLeaky, convolution(5, 4, 5, 2, false)}},
      {"convolution pool", {3, 9, 11}, {convolution(3, 7, 3), pool()}},
      {"pool before activation", {1, 10, 10}, {convolution(1, 4, 3), pool(), kTanh, convolution(4, 9, 3), kRelu}},
      {"windows of 3 x 3", {2, 17, 16}, {convolution(2, 5, 3, 1), kRelu, pool(3), convolution(5, 13, 2), kTanh}},
      {"windows of 3 x 3 twice",
       {2, 26, 23},
       {convolution(2, 3, 2), kLeaky, pool(3), convolution(3, 8, 3, 2), kTanh, pool(3), kFlatten, linear(72, 3)}},
      {"oblong",
       {3, 12, 9},
       {oblong(3, 4, 1, 5, 0, 2), kRelu, pool(), oblong(4, 17, 3, 1, 1, 0), kLeaky, kFlatten, linear(17 * 6 * 4, 6)}},
      {"odd sizes",
       {3, 15, 13},
       {convolution(3, 6, 3), kRelu, pool(), convolution(6, 5, 3), kRelu, pool(), kFlatten, linear(5 * 2 * 1, 4)}},
      {"many channels", {20, 6, 6}, {convolution(20, 33, 3, 1), kRelu, pool(), convolution(33, 18, 3, 1), kTanh}}};
}

// ---- the comparison ----

constexpr double kTolerance = 1e-5;
int failures = 0;
double worst = 0.0;

void compare(const std::string& what, const float* got, const Doubles& expected) {
  double difference = 0.0;
  double most = 0.0;
  for (size_t i = 0; i < expected.size(); i++) {
    const double d = std::abs(static_cast<double>(got[i]) - expected[i]);
    difference = std::isnan(d) ? std::numeric_limits<double>::infinity() : std::max(difference, d);
    most = std::max(most, std::abs(expected[i]));
  }
  const double relative = most > 0.0 ? difference / most : difference;
  worst = std::max(worst, relative);
  if (!(relative <= kTolerance)) {
    failures++;
    std::printf("%s differs by %.3g\n", what.c_str(), relative);
  }
}

struct Problem {
  Plain plain;
  std::vector<std::vector<float>> parameters;
  std::vector<const float*> parameterData;
  std::vector<std::vector<float>> gradients;
  std::vector<float*> gradientData;
  std::vector<uint8_t> images;
  std::vector<float> table;
  std::vector<int64_t> index;
  std::vector<int64_t> labels;
  std::vector<float> values;
};

Problem problemOf(const Network& n, const Chain& chain, int64_t batch, uint32_t seed, int64_t images = 150) {
  Problem p;
  std::mt19937 random(seed);
  std::uniform_real_distribution<float> uniform(-1.0F, 1.0F);
  p.plain = {n.layers, n.shape, {}};
  int64_t fan = 1;
  int64_t i = 0;
  for (const Layer& l : n.layers) {
    if (l.kind != Kind::kConvolution && l.kind != Kind::kLinear) continue;
    fan = l.inputs * std::max<int64_t>(1, l.kernelHeight * l.kernelWidth);
    for (int j = 0; j < (l.bias ? 2 : 1); j++, i++) {
      std::vector<float> values(static_cast<size_t>(chain.parameterSize(i)));
      for (float& v : values) v = 1.7F * uniform(random) / std::sqrt(static_cast<float>(fan));
      p.plain.parameters.emplace_back(values.begin(), values.end());
      p.parameters.push_back(std::move(values));
      p.gradients.emplace_back(static_cast<size_t>(chain.parameterSize(i)), 1e30F);
    }
  }
  for (auto& v : p.parameters) p.parameterData.push_back(v.data());
  for (auto& v : p.gradients) p.gradientData.push_back(v.data());
  p.images.resize(static_cast<size_t>(images * chain.inputSize()));
  for (auto& v : p.images) v = static_cast<uint8_t>(random() & 255U);
  for (int j = 0; j < 256; j++) p.table.push_back(((static_cast<float>(j) / 255.0F) - 0.5F) / 0.29F);
  for (int64_t s = 0; s < batch; s++) {
    p.index.push_back(static_cast<int64_t>(random() % static_cast<uint64_t>(images)));
    p.labels.push_back(static_cast<int64_t>(random()) % chain.outputSize());
    for (int64_t j = 0; j < chain.inputSize(); j++) {
      p.values.push_back(p.table[p.images[(p.index.back() * chain.inputSize()) + j]]);
    }
  }
  return p;
}

// What the plain implementation says.
struct Expected {
  Doubles loss{0.0};
  Doubles outputs;
  std::vector<Doubles> gradients;
};

Expected expectedOf(const Problem& p, int64_t batch) {
  Expected e;
  for (const auto& v : p.gradients) e.gradients.emplace_back(v.size(), 0.0);
  const auto inputSize = static_cast<int64_t>(p.values.size()) / batch;
  for (int64_t s = 0; s < batch; s++) {
    std::vector<std::vector<int64_t>> chosen;
    const float* x = p.values.data() + (s * inputSize);
    const auto values = p.plain.forward(Doubles(x, x + inputSize), chosen);
    const Doubles& logits = values.back();
    e.outputs.insert(e.outputs.end(), logits.begin(), logits.end());
    double sum = 0.0;
    for (const double v : logits) sum += std::exp(v);
    e.loss[0] += (std::log(sum) - logits[p.labels[s]]) / static_cast<double>(batch);
    Doubles g(logits.size());
    for (size_t j = 0; j < g.size(); j++) g[j] = std::exp(logits[j]) / sum / static_cast<double>(batch);
    g[p.labels[s]] -= 1.0 / static_cast<double>(batch);
    p.plain.backward(values, chosen, g, e.gradients);
  }
  return e;
}

void check(const Network& n, const std::vector<Isa>& isas, int64_t batch) {
  std::optional<Expected> expected;
  for (const Isa isa : isas) {
    Chain chain(n.layers, n.shape, isa);
    Problem p = problemOf(n, chain, batch, static_cast<uint32_t>(batch));
    if (!expected) expected = expectedOf(p, batch);
    const std::string name = n.name + ", batch " + std::to_string(batch) + ", " + chain.isa();
    std::vector<float> got(static_cast<size_t>(batch * chain.outputSize()));
    const Input bytes{.images = p.images.data(), .index = p.index.data(), .table = p.table.data()};
    const float loss =
        chain.train(bytes, p.labels.data(), batch, p.parameterData.data(), p.gradientData.data(), got.data());
    compare(name + ": loss", &loss, expected->loss);
    compare(name + ": outputs", got.data(), expected->outputs);
    for (size_t i = 0; i < p.gradients.size(); i++) {
      compare(name + ": gradient " + std::to_string(i), p.gradientData[i], expected->gradients[i]);
    }
    // Floats instead of bytes, and the same again without keeping anything.
    std::fill(got.begin(), got.end(), 0.0F);
    chain.forward({.values = p.values.data()}, batch, p.parameterData.data(), got.data(), false);
    compare(name + ": outputs of floats", got.data(), expected->outputs);
  }
}

// Several threads come to the same as one, up to rounding, at the sizes that divide evenly and those that do not.
void checkThreads(Isa isa) {
  for (const Network& n : {courseNetworks().front(), smallNetworks().back()}) {
    for (const int64_t threads : {2, 3}) {
      for (const int64_t batch : {1, 20, 32, 100}) {
        Threads pool(threads);
        Chain one(n.layers, n.shape, isa);
        Chain several(n.layers, n.shape, isa);
        several.useThreads(threads,
                           [&pool](int64_t count, const std::function<void(int64_t)>& call) { pool.run(count, call); });
        Problem a = problemOf(n, one, batch, 9);
        Problem b = problemOf(n, several, batch, 9);
        const Input input{.values = a.values.data()};
        one.train(input, a.labels.data(), batch, a.parameterData.data(), a.gradientData.data());
        several.train(input, a.labels.data(), batch, b.parameterData.data(), b.gradientData.data());
        for (size_t i = 0; i < a.gradients.size(); i++) {
          compare(n.name + " on " + std::to_string(threads) + " threads, batch " + std::to_string(batch),
                  b.gradientData[i], Doubles(a.gradients[i].begin(), a.gradients[i].end()));
        }
      }
    }
  }
}

// Null gradients are left out, and do not change the others.
void checkFrozen(Isa isa) {
  const Network n = courseNetworks().front();
  Chain chain(n.layers, n.shape, isa);
  Problem a = problemOf(n, chain, 9, 3);
  Problem b = problemOf(n, chain, 9, 3);
  const Input input{.values = a.values.data()};
  chain.train(input, a.labels.data(), 9, a.parameterData.data(), a.gradientData.data());
  for (const size_t frozen : {0U, 3U, 4U}) b.gradientData[frozen] = nullptr;
  chain.train(input, a.labels.data(), 9, b.parameterData.data(), b.gradientData.data());
  for (size_t i = 0; i < a.gradients.size(); i++) {
    if (b.gradientData[i] == nullptr) {
      b.gradientData[i] = b.gradients[i].data();
      std::fill(a.gradients[i].begin(), a.gradients[i].end(), 1e30F);
    }
    compare("frozen: gradient " + std::to_string(i), b.gradientData[i],
            Doubles(a.gradients[i].begin(), a.gradients[i].end()));
  }
}

void checkNaN(Isa isa) {
  const Network n = courseNetworks().front();
  Chain chain(n.layers, n.shape, isa);
  Problem p = problemOf(n, chain, 5, 1);
  p.values[(3 * chain.inputSize()) + 1500] = std::numeric_limits<float>::quiet_NaN();
  const float loss = chain.train({.values = p.values.data()}, p.labels.data(), 5, p.parameterData.data(),
                                 p.gradientData.data(), nullptr);
  if (!std::isnan(loss)) {
    failures++;
    std::printf("a NaN in the input is lost\n");
  }
}

void checkRefusals() {
  const std::vector<Network> refused{{"no parameters", {3, 8, 8}, {kRelu}},
                                     {"wrong channels", {3, 8, 8}, {convolution(4, 2, 3)}},
                                     {"wrong features", {8, 1, 1}, {linear(9, 2)}},
                                     {"images not flattened", {8, 2, 2}, {linear(32, 2)}},
                                     {"two activations", {8, 1, 1}, {linear(8, 2), kRelu, kTanh}},
                                     {"two pools", {3, 8, 8}, {convolution(3, 2, 3), pool(), pool()}},
                                     {"a filter that is too large", {3, 4, 4}, {convolution(3, 2, 5)}},
                                     {"a pool first", {3, 4, 4}, {pool(), convolution(3, 2, 2)}}};
  for (const Network& n : refused) {
    if (!Chain::whyNot(n.layers, n.shape).has_value()) {
      failures++;
      std::printf("not refused: %s\n", n.name.c_str());
    }
  }
}

std::vector<Isa> available() {
  std::vector<Isa> list;
  for (const Isa isa : {Isa::kAvx512, Isa::kAvx2, Isa::kBaseline}) {
    if (!Chain::whyNot({linear(1, 1)}, {1, 1, 1}, isa).has_value()) list.push_back(isa);
  }
  return list;
}

// ---- measurements ----

double seconds() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

// As in training, each step takes other images out of more than caches hold.
void measure(const Network& n, Isa isa, int64_t batch, int64_t threads) {
  constexpr int64_t kSteps = 100;
  Threads pool(threads);
  Chain chain(n.layers, n.shape, isa);
  chain.useThreads(threads,
                   [&pool](int64_t count, const std::function<void(int64_t)>& call) { pool.run(count, call); });
  Problem p = problemOf(n, chain, batch * kSteps, 1, 50000);
  double best = 1e9;
  double bestForward = 1e9;
  std::vector<float> outputs(static_cast<size_t>(batch * chain.outputSize()));
  for (int round = 0; round < 8; round++) {
    std::vector<double> times;
    std::vector<double> forward;
    for (int64_t i = 0; i < kSteps; i++) {
      const Input bytes{.images = p.images.data(), .index = p.index.data() + (i * batch), .table = p.table.data()};
      const double t0 = seconds();
      chain.train(bytes, p.labels.data() + (i * batch), batch, p.parameterData.data(), p.gradientData.data(), nullptr);
      const double t1 = seconds();
      chain.forward(bytes, batch, p.parameterData.data(), outputs.data(), false);
      forward.push_back(seconds() - t1);
      times.push_back(t1 - t0);
    }
    std::nth_element(times.begin(), times.begin() + (kSteps / 2), times.end());
    std::nth_element(forward.begin(), forward.begin() + (kSteps / 2), forward.end());
    best = std::min(best, times[kSteps / 2]);
    bestForward = std::min(bestForward, forward[kSteps / 2]);
  }
  std::printf("%-16s %-9s batch %3lld: %.3f ms a training step, %.3f ms forward\n", n.name.c_str(), chain.isa(),
              static_cast<long long>(batch), best * 1e3, bestForward * 1e3);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc > 1 && std::strcmp(argv[1], "time") == 0) {
    const int64_t batch = argc > 2 ? std::atoll(argv[2]) : 32;
    const std::string only = argc > 3 ? argv[3] : "";
    const std::string set = argc > 4 ? argv[4] : "";
    const int64_t threads = argc > 5 ? std::atoll(argv[5]) : 1;
    for (const Network& n : courseNetworks()) {
      if (!only.empty() && n.name != only) continue;
      for (const Isa isa : available()) {
        if (set.empty() || set == Chain(n.layers, n.shape, isa).isa()) measure(n, isa, batch, threads);
      }
    }
    return 0;
  }
  const auto isas = available();
  for (const auto& networks : {smallNetworks(), courseNetworks()}) {
    for (const Network& n : networks) {
      for (const int64_t batch : {1, 7, 16, 32, 33, 100}) check(n, isas, batch);
    }
  }
  for (const Isa isa : isas) {
    checkNaN(isa);
    checkThreads(isa);
    checkFrozen(isa);
  }
  checkRefusals();
  std::printf("%zu sets of instructions, %d differences, the largest %.2g\n", isas.size(), failures, worst);
  return failures == 0 ? 0 : 1;
}
