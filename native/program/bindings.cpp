// Programs, for JavaScript: lib/program is the other side.
#include <ATen/DeviceAccelerator.h>
#include <c10/core/StreamGuard.h>

#include "js/background.h"
#include "js/callback.h"
#include "bindings.h"
#include "capsule.h"
#include "graph.h"
#include "program.h"
#include "recorder.h"

namespace torch_node {

namespace {

// recordStep(step, inputs, ownPlaces, graphs): a program's handle. `step` gives handles, which are released: the
// outputs. Lines of a stack that name one of `ownPlaces` are not what errors name. `graphs`: 'on', 'off' or 'dry-run'.
uint32_t recordStep(Environment& environment, Raw step, const std::vector<at::Tensor>& inputs,
                    std::vector<std::string> ownPlaces, const std::string& graphs) {
  Recorder recorder(environment, inputs, std::move(ownPlaces));
  const JsCallback callback(environment, step.value);
  std::vector<at::Tensor> outputs;
  {
    const Recorder::Session session(recorder);
    outputs = callback.call("compileStep", {});
  }
  GraphMode mode = GraphMode::kDryRun;
  if (graphs == "on") mode = GraphMode::kOn;
  if (graphs == "off") mode = GraphMode::kOff;
  return hold<Program>(environment, recorder.finish(outputs), mode);
}

// schedulePlaceholder(value): while a step is recorded.
uint32_t schedulePlaceholder(Environment& /*environment*/, double value) {
  Recorder* recorder = Recorder::current();
  if (!recorder) throw std::logic_error("no step is being recorded");
  return recorder->placeholder(value);
}

// unrecorded(run): calls a function whose operators are no part of the step that is being recorded.
void unrecorded(Environment& environment, Raw run) {
  const OutsideOfStep outside;
  const JsCallback callback(environment, run.value);
  (void)callback.call("unrecorded", {});
}

// isKnownInStep(tensor): while a step is recorded.
bool isKnownInStep(Environment& /*environment*/, const at::Tensor& tensor) {
  const Recorder* recorder = Recorder::current();
  return recorder != nullptr && recorder->isKnown(tensor);
}

// describeProgram(handle): { instructions: [[operator, where], ...], draws }
Raw describeProgram(Environment& environment, const c10::intrusive_ptr<Program>& program) {
  const Napi::Env env(environment.env());
  const Recorded& recorded = program->recorded();
  const Napi::Array list = Napi::Array::New(env, recorded.instructions.size());
  for (uint32_t i = 0; i < recorded.instructions.size(); i++) {
    const Napi::Array entry = Napi::Array::New(env, 2);
    entry.Set(0U, c10::toString(recorded.instructions[i].op.operator_name()));
    entry.Set(1U, recorded.instructions[i].where);
    list.Set(i, entry);
  }
  const Napi::Object out = Napi::Object::New(env);
  out.Set("instructions", list);
  out.Set("draws", recorded.draws);
  return {out};
}

// programWay(handle): { graph, why, accelerator, captures, replays } of the steps made last.
Raw programWay(Environment& environment, const c10::intrusive_ptr<Program>& program) {
  const Graphs::Way way = program->graphs().way();
  const Napi::Object out = Napi::Object::New(Napi::Env(environment.env()));
  out.Set("graph", way.graph);
  out.Set("why", way.why);
  out.Set("accelerator", at::isAccelerator(deviceOf(program->recorded()).type()));
  out.Set("captures", static_cast<double>(way.captures));
  out.Set("replays", static_cast<double>(way.replays));
  return {out};
}

// fuseProgram(handle): why nothing was fused, or "".
std::string fuseProgram(Environment& /*environment*/, const c10::intrusive_ptr<Program>& program) {
  return program->fuseChains();
}

// runProgram(handle, inputs, numbers): one step; the outputs.
std::vector<at::Tensor> runProgram(Environment& /*environment*/, const c10::intrusive_ptr<Program>& program,
                                   const std::vector<at::Tensor>& inputs, const std::vector<double>& numbers) {
  return program->run(inputs, numbers);
}

// What runs, held for whichever thread runs it.
struct Steps {
  c10::intrusive_ptr<Program> program;
  std::vector<Source> sources;
  at::Tensor permutation;
  int64_t from = 0;
  int64_t batch = 0;
  int64_t count = 0;
  std::vector<double> numbers;
  // That the thread which asked for the steps works on: threads of the pool have others.
  std::optional<c10::Stream> stream;

  void run() const {
    const c10::OptionalStreamGuard guard(stream);
    program->steps(sources, permutation, from, batch, count, numbers);
  }
};

// runSteps(handle, rows, tables, permutation, [from, batch, count], numbers, inBackground): steps over a set; a promise
// where they run in the background.
Raw runSteps(Environment& environment, const c10::intrusive_ptr<Program>& program, const std::vector<at::Tensor>& rows,
             const std::vector<std::optional<at::Tensor>>& tables, const at::Tensor& permutation,
             const std::vector<int64_t>& range, std::vector<double> numbers, bool background) {
  if (range.size() != 3 || rows.size() != tables.size())
    throw TypeMismatch("expected a range and a table for each set");
  if (rows.size() != program->recorded().inputs.size()) {
    throw TypeMismatch("the step takes " + std::to_string(program->recorded().inputs.size()) + " inputs, the set has " +
                       std::to_string(rows.size()) + " tensors");
  }
  auto steps = std::make_shared<Steps>();
  *steps = {program, {}, permutation, range[0], range[1], range[2], std::move(numbers), {}};
  if (const at::Device device = deviceOf(program->recorded()); at::isAccelerator(device.type())) {
    steps->stream = c10::impl::VirtualGuardImpl(device.type()).getStream(device);
  }
  for (size_t i = 0; i < rows.size(); i++) steps->sources.push_back({rows[i], tables[i].value_or(at::Tensor())});
  napi_env env = environment.env();
  const auto nothing = [env] {
    napi_value undefined = nullptr;
    check(env, napi_get_undefined(env, &undefined));
    return undefined;
  };
  if (background) return inBackground(environment, [steps] { steps->run(); }, nothing);
  steps->run();
  return {nothing()};
}

}  // namespace

std::vector<Binding> programBindings() {
  return {
      bound<&recordStep>("recordStep"),
      bound<&schedulePlaceholder>("schedulePlaceholder"),
      bound<&unrecorded>("unrecorded"),
      bound<&isKnownInStep>("isKnownInStep"),
      bound<&describeProgram>("describeProgram"),
      bound<&programWay>("programWay"),
      bound<&fuseProgram>("fuseProgram"),
      bound<&runProgram>("runProgram"),
      bound<&runSteps>("runSteps"),
  };
}

}  // namespace torch_node
