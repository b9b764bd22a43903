// Starting ranks on this machine, watching over them, and telling how they ended. No MPI here: `train` starts mpirun,
// or broadsheet-engine itself when there is one rank (no mpirun to load, and the same supervision).
//
// Note [What reaches the ranks]
// mpirun kills its ranks on INT and TERM before they have saved, but forwards USR1. So mpirun lives in a process group
// of its own, where the terminal's Ctrl-C does not reach it, and the launcher sends it USR1 in place of INT, TERM, HUP
// and USR2 - once the ranks have written ranks.json, because before that nobody handles USR1 and it would kill them. A
// second INT, TERM or HUP kills everything at once; USR1 and USR2 are only notices.
//
// Note [No process is left behind]
// The launcher is a subreaper: whatever mpirun leaves behind becomes a child of the launcher, which kills and reaps
// until it has none. mpirun and the ranks die with their parents (PR_SET_PDEATHSIG), which covers a killed launcher.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/hang.h"
#include "launcher/answer.h"

namespace broadsheet {

struct RankLaunch {
  std::string engine;                  // path of broadsheet-engine
  std::vector<std::string> arguments;  // the engine's
  int ranks = 1;
  int threads_per_rank = 1;
  std::string attempt_folder;  // <run>/logs/attempt-<k>: ranks.json, failure-<rank>.json, mpirun.log
  HangLimits limits{0, 0};
};

struct RankEnd {
  int exit_code = 0;
  Failure failure;    // when exit_code is not 0, 75 or 128+n after a second signal: the first failing rank's
  bool said = false;  // whether `failure` holds something to show
};

// INT, TERM, HUP, USR1 and USR2 wait from here on until run_ranks() takes them: a Ctrl-C while the run's directory is
// being opened is a stop like any other, and is not lost.
void hold_stop_signals();

// Starts the ranks, forwards what they print to stderr, and returns when every process has ended.
// Throws UserError("launch.no_mpirun") when there is none.
RankEnd run_ranks(const RankLaunch& launch);

// How this process was started. kTasksWithoutPmix: as one of several tasks of srun that cannot talk to each other.
enum class StartedAs { kAlone, kRank, kTasksWithoutPmix };
StartedAs started_as();

// broadsheet and broadsheet-engine: serve the trials of a sweep. No verb of the user's.
inline constexpr char kWorkerFlag[] = "--worker";

// What the engine is told by the launcher; environment variables, since mpirun owns the command line.
inline constexpr char kAttemptVariable[] = "BROADSHEET_ATTEMPT_FOLDER";  // set: the launcher holds the run directory
inline constexpr char kParentVariable[] = "BROADSHEET_PARENT";           // "<host>:<pid>" of mpirun, or of the launcher
inline constexpr char kWatchdogVariable[] = "BROADSHEET_WATCHDOG";       // "<min>:<max>" seconds, with the former
inline constexpr char kBindVariable[] = "BROADSHEET_BIND";               // "1": ranks take cores of their own

// Inside a job that `submit` made: where this start of it notes how it ended, for broadsheet-job; empty elsewhere.
std::string job_start_folder();
// The first rank's last word: 0 or 75. Tasks of srun that end a moment later may be killed, and srun's code is theirs.
void record_job_end(int exit_code) noexcept;
std::optional<int> recorded_job_end(const std::string& start_folder);

// The pieces, for tests.
// "rank 1 with PID 77 on node n1 exited on signal 9 (Killed)" in what mpirun wrote on its stderr.
struct KilledRank {
  int rank = -1, pid = 0, signal = 0;  // some versions of mpirun say PID 0
  std::string host;
};
bool find_killed_rank(const std::string& mpirun_stderr, KilledRank* killed);
// The process number that the rank wrote into ranks.json when it started.
std::optional<int64_t> recorded_process(const std::string& attempt_folder, int rank);
// The earliest of the attempt's failure records, if any; one of a rank that only lost its peers when there is no other.
bool blames_another(const Failure& failure);
// `node`, when given, is where it happened, by Slurm's name when there is one.
bool find_first_failure(const std::string& attempt_folder, Failure* failure, std::string* node = nullptr);
// Cores in the order in which ranks take them: one hardware thread of every core first.
std::vector<int> cores_in_order();

// For the engine: end with the launcher, take cores of one's own. Call before any thread exists.
void settle_as_rank();
// For the engine: failure-<rank>.json for find_first_failure(). Never throws: it is called when all is lost already.
// False: it could not be written, and nobody will show it.
// `rank` -1: the launcher.
bool record_failure(const std::string& attempt_folder, int rank, const Failure& failure) noexcept;

}  // namespace broadsheet
