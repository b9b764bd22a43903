// Study: what a sweep knows and decides. It changes by events alone: the driver decides, writes the event into the
// journal, applies it, and then acts. Reading the journal again therefore gives the same Study, and the same decisions.
//
// Events (the fields beside "event"):
//   begin   max_resource          where a trial of the base configuration ends, in early termination's resource
//   trial   number, configuration, repeat, parameters, origin     a suggestion (origin: point | the method's name)
//   leg     trial, leg, worker                                     a start of it
//   report  trial, leg, step, value                                it has reached a rung, and waits (value null: not
//   finite) answer  trial, leg, step, go_on                                what it was told end     trial, leg, state,
//   step, value, seconds, cores, verdict, why, code known   configuration, parameters, value                       of a
//   past sweep (warm_start) driver  number, time          a start of the driver worker  name, where           about to
//   be started exhausted                     the space has no configuration more finished  why                 nothing
//   more will be started: done | budget | fault continued                     more trials are wanted after all; those
//   that wait at rungs have ended
// `time`, on all: seconds since that start of the driver.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "experiments/search/early_termination.h"
#include "experiments/search/sampler.h"
#include "experiments/sweep/mailbox.h"
#include "experiments/sweep/sweep_config.h"
#include "experiments/sweep/sweep_view.h"

namespace broadsheet {

struct Trial {
  // kWaiting: no leg of it runs, and it wants one. kAtRung: its worker waits for an answer. kPaused: it waits for a
  // promotion, at a rung.
  enum class State { kWaiting, kRunning, kAtRung, kPaused, kDone, kInfeasible, kFailed };
  int64_t number = 0, configuration = 0, repeat = 0;
  Assignment parameters;
  State state = State::kWaiting;
  int64_t legs = 0;        // started so far; the present or last one's number
  size_t rung = 0;         // the next one at which it must ask; number of rungs: none
  bool at_rung = false;    // it has reported at `rung` and is not told to go on
  int64_t told_step = -1;  // step whose question was answered last
  int64_t step = 0;
  std::optional<double> value;  // best so far, as the metric is
  double seconds = 0;
  int64_t cores = 1;
  int64_t failures = 0;   // legs that failed for causes which a retry may help
  int64_t idle_legs = 0;  // in a row that trained for a while, stopped, and had not come further
  std::string worker, why, code;
  bool ended() const { return state == State::kDone || state == State::kInfeasible || state == State::kFailed; }
  bool has_worker() const { return state == State::kRunning || state == State::kAtRung; }
};

// What becomes of a leg that failed.
enum class Verdict { kRetry, kRetrySmaller, kInfeasible, kFailed };
// `failure`: of LegRecord. `divisor`: by how much the trial's passes are smaller already.
Verdict judge_failure(const nlohmann::json& failure, int64_t failures, int64_t max_failures, int64_t divisor,
                      int64_t global_batch_size);

// What a worker that is free should do.
struct Work {
  enum class Kind { kSuggest, kTrial, kWait, kNone };
  Kind kind = Kind::kNone;  // kNone: nothing will come for it any more unless what runs fails
  int64_t trial = -1;
};

class Study {
 public:
  explicit Study(const Sweep& sweep);  // which must outlive it

  void apply(const nlohmann::json& event);

  // `just_reported`: the trial that the asking worker holds at a rung, or -1.
  Work next(int64_t just_reported = -1) const;
  // The next configuration, as events; empty when there is none (then "exhausted" is to be applied).
  std::vector<nlohmann::json> suggest();

  const std::vector<int64_t>& rungs() const { return rungs_; }
  const std::vector<Trial>& trials() const { return trials_; }
  const Trial& trial(int64_t number) const { return trials_.at(static_cast<size_t>(number)); }
  bool begun() const { return termination_ != nullptr; }
  bool finished() const { return finished_; }
  const std::string& finish_reason() const { return finish_reason_; }
  bool everything_ended() const { return with_worker_ == 0; }              // no leg runs
  double driver_seconds() const { return driver_seconds_ + driver_now_; }  // of all starts together
  double core_seconds() const { return core_seconds_; }                    // of all legs that have ended
  const std::vector<std::string>& workers() const { return workers_; }
  // The k-th best value among trials that are done; none when fewer are.
  std::optional<double> kth_best(int64_t k) const;
  std::optional<int64_t> best() const;  // number
  // Trials whose models stay: the best keep_best, and with repeats all of their configurations.
  std::vector<int64_t> kept() const;
  // The same fault of the user's in the first trials, and none that worked: its code, else empty.
  std::string common_fault() const;

  SweepView view(const std::string& folder) const;
  // A guess, once there is something to go by.
  std::optional<double> seconds_left() const;

 private:
  Trial& at(const nlohmann::json& event) { return trials_.at(event.at("trial").get<size_t>()); }
  void on_trial(const nlohmann::json& event);
  void on_leg(const nlohmann::json& event);
  void on_report(const nlohmann::json& event);
  void on_answer(const nlohmann::json& event);
  void on_end(const nlohmann::json& event);
  void go_on(Trial& trial);
  void observe(int64_t configuration);
  double signed_value(double value) const { return sweep_.maximize ? -value : value; }
  bool better(double a, double b) const { return sweep_.maximize ? a > b : a < b; }
  // Done ones by value, best first, at most `most`; equal ones by number.
  std::vector<const Trial*> ranked(size_t most) const;
  void settle(Trial& trial, Trial::State state);
  bool more() const;
  int64_t resource_of(const Trial& trial) const;

  const Sweep& sweep_;
  std::vector<int64_t> rungs_;
  std::unique_ptr<Sampler> sampler_;
  std::unique_ptr<EarlyTermination> termination_;
  std::vector<Trial> trials_;
  // What of the trials is asked for again and again.
  std::set<int64_t> waiting_;
  std::set<std::pair<double, int64_t>> done_;  // signed value, number
  int64_t with_worker_ = 0;
  double core_seconds_ = 0;
  std::vector<Assignment> configurations_;  // by number
  std::vector<std::string> workers_;
  size_t known_ = 0;  // configurations of past sweeps, which the sampler knows before ours
  bool exhausted_ = false, finished_ = false;
  std::string finish_reason_;
  double driver_seconds_ = 0, driver_now_ = 0;
};

}  // namespace broadsheet
