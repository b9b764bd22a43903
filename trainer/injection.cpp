#include "trainer/injection.h"

#include <algorithm>
#include <atomic>
#include <charconv>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <limits>
#include <map>
#include <thread>

#include "core/activity.h"
#include "core/errors.h"
#include "core/log.h"
#include "core/text.h"

namespace broadsheet {
namespace {

[[noreturn]] void refuse(const std::string& text) {
  throw UserError("fault.syntax", cat("BROADSHEET_FAULT: cannot use \"", text, "\""),
                  "unset it, or see trainer/injection.h");
}

int64_t number(const std::map<std::string, std::string>& values, const char* key, const std::string& text) {
  const auto found = values.find(key);
  int64_t value = 0;
  if (found == values.end()) refuse(text);
  const char* end = found->second.data() + found->second.size();
  const auto [next, error] = std::from_chars(found->second.data(), end, value);
  if (error != std::errc() || next != end) refuse(text);
  return value;
}

std::map<std::string, std::string> values_of(const std::vector<std::string>& words, const std::string& text) {
  std::map<std::string, std::string> values;
  for (size_t i = 1; i < words.size(); ++i) {
    const size_t equals = words[i].find('=');
    if (equals == std::string::npos) refuse(text);
    values[words[i].substr(0, equals)] = words[i].substr(equals + 1);
  }
  return values;
}

double value_of(const std::string& name, const std::string& text) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  if (name.empty() || name == "nan") return std::numeric_limits<double>::quiet_NaN();
  if (name == "inf") return kInfinity;
  if (name == "-inf") return -kInfinity;
  refuse(text);
}

std::atomic<int64_t> stop_step{std::numeric_limits<int64_t>::max()};
std::atomic<Phase> stop_phase{Phase::kStep};

void stop_here(Phase phase, int64_t step) {
  if (phase != stop_phase || step < stop_step) return;
  stop_step = std::numeric_limits<int64_t>::max();
  ::raise(SIGSTOP);
}

void stop_in(const std::string& name, int64_t step, const std::string& text) {
  size_t phase = 0;
  while (phase < kPhases && name != phase_name(static_cast<Phase>(phase))) ++phase;
  if (phase == kPhases) refuse(text);
  stop_phase = static_cast<Phase>(phase);
  stop_step = step;
  set_phase_hook(stop_here);
}

void flip_a_bit(at::Tensor tensor) {
  constexpr uint32_t kBit = 1u << 12;  // of the mantissa: the value stays finite
  *reinterpret_cast<uint32_t*>(tensor.mutable_data_ptr()) ^= kBit;
}

const Parameter& named(const std::vector<Parameter>& trained, const std::string& name) {
  for (const Parameter& parameter : trained)
    if (parameter.name == name) return parameter;
  throw UserError("fault.tensor", cat("BROADSHEET_FAULT: no trained parameter is called \"", name, "\""),
                  "name one that model.safetensors lists");
}

}  // namespace

Injection Injection::from_environment(const std::vector<Parameter>& trained, int rank) {
  const char* text = std::getenv("BROADSHEET_FAULT");
  return parse(text == nullptr ? "" : text, trained, rank);
}

Injection Injection::parse(const std::string& text, const std::vector<Parameter>& trained, int rank) {
  static const std::vector<std::string> kinds = {"nan", "flip", "flip_moment", "skip", "die", "slow", "stop"};
  Injection injection;
  injection.present_step_ = std::make_shared<int64_t>(0);
  if (text.empty()) return injection;
  for (const std::string& one : split(text, ';')) {
    const std::vector<std::string> words = split(one, ':');
    const std::map<std::string, std::string> values = values_of(words, one);
    Entry entry;
    entry.kind = words[0];
    if (std::find(kinds.begin(), kinds.end(), entry.kind) == kinds.end()) refuse(one);
    if (entry.kind == "slow") entry.milliseconds = number(values, "milliseconds", one);
    if (entry.kind != "slow") entry.step = number(values, "step", one);
    if (entry.kind != "skip" && number(values, "rank", one) != rank) continue;
    const auto tensor = values.find("tensor"), value = values.find("value");
    if (tensor != values.end()) entry.tensor = tensor->second;
    entry.value = value_of(value == values.end() ? "" : value->second, one);
    log_warning(cat("a fault is set on purpose: ", one));
    if (entry.kind == "stop") stop_in(values.count("phase") > 0 ? values.at("phase") : "", entry.step, one);
    if (entry.kind == "nan") {
      // Called when the gradient of one micro-batch is there, before it is added up and summed over ranks.
      named(trained, entry.tensor)
          .tensor.register_hook([entry, present = injection.present_step_](at::Tensor gradient) {
            if (*present != entry.step) return gradient;
            at::Tensor changed = gradient.clone();
            changed.view(-1)[0].fill_(entry.value);
            return changed;
          });
    } else if (starts_with(entry.kind, "flip")) {
      named(trained, entry.tensor);
    }
    injection.entries_.push_back(std::move(entry));
  }
  return injection;
}

void Injection::before_step(int64_t step) {
  *present_step_ = step;
  for (const Entry& entry : entries_) {
    if (entry.kind == "slow") std::this_thread::sleep_for(std::chrono::milliseconds(entry.milliseconds));
    if (entry.kind == "die" && entry.step == step) ::raise(SIGKILL);
  }
}

bool Injection::skips(int64_t step) const {
  return std::any_of(entries_.begin(), entries_.end(),
                     [&](const Entry& entry) { return entry.kind == "skip" && entry.step == step; });
}

void Injection::after_update(int64_t step, const std::vector<Parameter>& trained, Optimizer& optimizer) const {
  for (const Entry& entry : entries_) {
    if (entry.step != step) continue;
    if (entry.kind == "flip") flip_a_bit(named(trained, entry.tensor).tensor.detach());
    if (entry.kind != "flip_moment") continue;
    for (const Optimizer::NamedState& state : optimizer.state())
      if (state.name == "exp_avg." + entry.tensor) flip_a_bit(state.tensor);
  }
}

}  // namespace broadsheet
