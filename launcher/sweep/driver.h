// The sweep's driver: asks the study what to do, writes it into the journal, and does it.
//
// Note [On disk before it is acted on]: events change the study at once and wait in `unwritten_`; write_journal() puts
// all that wait on the disk with one sync. It is called before every act: a task or an answer for a worker, a worker's
// start or stop, the removal of files; and before the driver waits. What a killed driver had decided and not written,
// nobody has seen, and its next start decides anew from the same facts.
//
// Note [Kill it at any moment]: between any two lines here the driver may die. So every act can be done again: a task
// or an answer that is in the journal but not in the worker's mailbox is written anew, a report or an end that is in a
// trial's folder but not in the journal is read anew, and a worker that was announced but never came is given up by a
// mark that it would find.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>

#include "core/folder_watch.h"
#include "experiments/sweep/journal.h"
#include "experiments/sweep/study.h"
#include "experiments/sweep/sweep_directory.h"
#include "launcher/sweep/workers.h"

namespace broadsheet {

enum class SweepEnd { kDone, kStopped, kLeft };  // kStopped: on request, trials saved; kLeft: at once

struct SweepOutcome {
  SweepEnd end = SweepEnd::kDone;
  int signal = 0;             // that it left by
  std::string fault;          // all trials failed alike: what they said
  bool workers_stay = false;  // it was only the driver that left
};

// What the driver needs to know of trials beside the study: where their rungs are, in steps.
struct TrialPlan {
  int64_t total_steps = 0;
  std::vector<int64_t> gate_steps;  // by rung; only those before total_steps
};
TrialPlan plan_trial(const RunConfig& config, const EarlyTerminationConfig& termination,
                     const std::vector<int64_t>& rungs, int64_t examples);

class SweepDriver {
 public:
  // `examples`: of the train split. All borrowed.
  SweepDriver(const Sweep& sweep, const SweepDirectory& directory, Study& study, Journal& journal, WorkerPool& workers,
              int64_t examples);
  SweepOutcome run();

 private:
  static constexpr double kFirstPause = 1, kLongestPause = 60;  // seconds
  struct Slot {
    std::string worker;        // empty: none
    int64_t trial = -1;        // that it was given
    int64_t sequence = 0;      // of its last task
    std::string seen;          // identity of the leg's file when it was last read
    int64_t replied = -1;      // step whose answer is in its mailbox
    bool lived = false;        // it was seen to
    double since = 0;          // when it was started
    double busy_since = 0;     // when its trial began to cost
    bool passed_over = false;  // what it was given went to another: nothing more before it lives
  };

  void adopt();
  void adopt_worker(const std::string& name, Slot& slot);
  bool tend(Slot& slot);
  bool look_at_leg(Slot& slot);
  void answer(Slot& slot, const LegRecord& leg);
  void end_leg(Slot& slot, const LegRecord& leg);
  void check_workers();
  void lose(Slot& slot, const std::string& why, bool begun = true);
  bool give_work(Slot& slot);
  bool take_from_pending(Slot& slot);
  void withdraw(Slot& slot);
  void start_leg(Slot& slot, int64_t trial);
  void send(Slot& slot);
  bool start_worker(Slot& slot);
  void start_later(const Slot& slot, const Error& error);
  void refuse_trial(int64_t trial, const UserError& error);
  bool over_budget() const;
  double elapsed() const { return earlier_ + seconds(); }  // of all starts of the driver
  void finish(const std::string& why);
  void clean(int64_t trial);
  void clean_up();
  void write_journal();
  void record(const nlohmann::json& event);
  void record_all(std::vector<nlohmann::json> events);
  double seconds() const;
  size_t wanted_slots() const { return static_cast<size_t>(sweep_.config.concurrency); }
  void stop_trials(bool now);
  bool asked_to_stop(SweepOutcome& outcome);
  void show(bool last);
  void wipe_table();
  void say(const std::string& text);
  void warn(const std::string& text);

  const Sweep& sweep_;
  const SweepDirectory& directory_;
  Study& study_;
  Journal& journal_;
  WorkerPool& workers_;
  int64_t examples_;
  std::vector<Slot> slots_;  // after the first wanted_slots(): of an earlier start with more, on their way out
  FolderWatch watch_;
  std::vector<nlohmann::json> unwritten_;  // events that the study knows and the disk does not
  std::set<int64_t> unclean_;  // trials that have ended or wait at a rung, whose folders may hold more than they shall
  int64_t worker_number_ = 0;
  double start_ = 0, earlier_ = 0, shown_ = -1e9, looked_ = -1e9, stopping_since_ = 0;
  bool stopping_ = false, told_to_end_ = false, untidy_ = true;
  std::string last_line_;
  bool one_came_ = false;                               // a worker has lived
  double start_again_ = 0, start_pause_ = kFirstPause;  // when a worker may be started next; how long that is put off
  int64_t stillborn_ = 0;                               // workers in a row that ended before they lived
  std::string start_trouble_;                           // that was said last
  int64_t drawn_lines_ = 0;                             // of the table on the terminal
};

}  // namespace broadsheet
