// Training the course's network in a loop over libtorch in C++, as train.py does it in Python: the same settings, the same
// lines of JSON.
//
//     train folder=DIR start=DIR threads=1 warmup=50 steps=400 [feed=batch] [count=1]
//
// feed=batch trains on one batch again and again, so that no gathering of images is in the step.
#include <ATen/Parallel.h>
#include <ATen/record_function.h>
#include <torch/nn/functional/loss.h>
#include <torch/nn/modules/activation.h>
#include <torch/nn/modules/container/sequential.h>
#include <torch/nn/modules/conv.h>
#include <torch/nn/modules/linear.h>
#include <torch/nn/modules/loss.h>
#include <torch/nn/modules/pooling.h>
#include <torch/optim/sgd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

namespace nn = torch::nn;
using Settings = std::map<std::string, std::string>;
constexpr int64_t BATCH = 32;
constexpr size_t FIRST = 5;

template <class T>
std::vector<T> readFile(const std::string& name) {
  std::ifstream file(name, std::ios::binary | std::ios::ate);
  if (!file) throw std::runtime_error("cannot read " + name);
  std::vector<T> values(static_cast<size_t>(file.tellg()) / sizeof(T));
  file.seekg(0);
  file.read(reinterpret_cast<char*>(values.data()), static_cast<std::streamsize>(values.size() * sizeof(T)));
  return values;
}

// Modules are made one after another: C++ would evaluate the arguments of one call in an order of its own.
nn::Sequential network(const std::string& start) {
  nn::Sequential net;
  net->push_back(nn::Conv2d(nn::Conv2dOptions(3, 6, 5)));
  net->push_back(nn::ReLU());
  net->push_back(nn::MaxPool2d(nn::MaxPool2dOptions(2)));
  net->push_back(nn::Conv2d(nn::Conv2dOptions(6, 16, 5)));
  net->push_back(nn::ReLU());
  net->push_back(nn::MaxPool2d(nn::MaxPool2dOptions(2)));
  net->push_back(nn::Flatten());
  net->push_back(nn::Linear(400, 120));
  net->push_back(nn::ReLU());
  net->push_back(nn::Linear(120, 84));
  net->push_back(nn::ReLU());
  net->push_back(nn::Linear(84, 10));
  auto weights = readFile<float>(start + "/weights.f32");
  const at::NoGradGuard none;
  int64_t at = 0;
  for (auto& parameter : net->parameters()) {
    parameter.copy_(at::from_blob(weights.data() + at, parameter.sizes()));
    at += parameter.numel();
  }
  return net;
}

// The whole set as normalised floats; a batch is gathered by index.
class Batches {
 public:
  Batches(const Settings& settings) : one_(settings.contains("feed") && settings.at("feed") == "batch") {
    std::vector<at::Tensor> parts;
    for (int i = 1; i <= 5; i++) {
      auto raw = readFile<uint8_t>(settings.at("folder") + "/data_batch_" + std::to_string(i) + ".bin");
      const auto records = static_cast<int64_t>(raw.size()) / 3073;
      parts.push_back(at::from_blob(raw.data(), {records, 3073}, at::kByte).clone());
    }
    const at::Tensor all = at::cat(parts);
    images_ = all.narrow(1, 1, 3072).reshape({-1, 3, 32, 32}).to(at::kFloat).div_(255).sub_(0.5).div_(0.5);
    labels_ = all.select(1, 0).to(at::kLong);
    auto order = readFile<int64_t>(settings.at("start") + "/order.i64");
    order_ = at::from_blob(order.data(), {static_cast<int64_t>(order.size())}, at::kLong).clone();
    if (one_) gather();
  }

  std::pair<at::Tensor, at::Tensor> next() {
    if (!one_) gather();
    return batch_;
  }

 private:
  void gather() {
    if (at_ + BATCH > order_.size(0)) at_ = 0;
    const at::Tensor index = order_.narrow(0, at_, BATCH);
    at_ += BATCH;
    batch_ = {images_.index_select(0, index), labels_.index_select(0, index)};
  }

  bool one_;
  int64_t at_ = 0;
  at::Tensor images_, labels_, order_;
  std::pair<at::Tensor, at::Tensor> batch_;
};

// How many operators were called by no other operator.
thread_local int depth = 0;
thread_local int64_t counted = 0;

struct Depth : at::ObserverContext {};

void countOperators() {
  at::addGlobalCallback(at::RecordFunctionCallback(
                            [](const at::RecordFunction& call) -> std::unique_ptr<at::ObserverContext> {
                              if (std::strncmp(call.name(), "aten::", 6) != 0) return nullptr;
                              if (depth++ == 0) counted++;
                              return std::make_unique<Depth>();
                            },
                            [](const at::RecordFunction&, at::ObserverContext* context) {
                              if (context != nullptr) depth--;
                            })
                            .scopes({at::RecordScope::FUNCTION}));
}

double peakMb() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("VmHWM:")) return std::strtod(line.c_str() + 6, nullptr) / 1024;
  }
  return 0;
}

void train(const Settings& settings) {
  const auto number = [&](const char* name) { return std::stol(settings.at(name)); };
  at::set_num_threads(static_cast<int>(number("threads")));
  Batches batches(settings);
  nn::Sequential net = network(settings.at("start"));
  nn::CrossEntropyLoss criterion;
  torch::optim::SGD optimizer(net->parameters(), torch::optim::SGDOptions(0.001).momentum(0.9));
  const auto step = [&] {
    const auto [images, labels] = batches.next();
    optimizer.zero_grad();
    at::Tensor loss = criterion(net->forward(images), labels);
    loss.backward();
    optimizer.step();
    return loss;
  };

  std::vector<double> losses{step().item<double>()};
  std::printf("{\"first\": true}\n");
  std::fflush(stdout);
  while (losses.size() < FIRST) losses.push_back(step().item<double>());
  std::printf("{\"losses\": [");
  for (size_t i = 0; i < FIRST; i++) std::printf("%s%.17g", i == 0 ? "" : ", ", losses[i]);
  std::printf("]}\n");

  if (settings.contains("count")) {
    countOperators();
    constexpr int TIMES = 4;
    for (int i = 0; i < TIMES; i++) step();
    std::printf("{\"kernels\": %g}\n", static_cast<double>(counted) / TIMES);
    return;
  }
  for (long i = 0; i < number("warmup"); i++) step();
  const long steps = number("steps");
  const auto start = std::chrono::steady_clock::now();
  for (long i = 0; i < steps; i++) step();
  const std::chrono::duration<double, std::micro> spent = std::chrono::steady_clock::now() - start;
  const double us = spent.count() / static_cast<double>(steps);
  std::printf("{\"us\": %.3f, \"steps\": %ld, \"memoryMb\": %.1f}\n", us, steps, peakMb());
}

}  // namespace

int main(int argc, char** argv) {
  Settings settings;
  for (int i = 1; i < argc; i++) {
    const std::string argument = argv[i];
    const auto equals = argument.find('=');
    settings[argument.substr(0, equals)] = argument.substr(equals + 1);
  }
  train(settings);
}
