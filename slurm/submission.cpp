#include "slurm/submission.h"

#include <algorithm>
#include <cctype>
#include <chrono>
#include <optional>
#include <thread>

#include "core/durable.h"
#include "core/log.h"
#include "core/process.h"
#include "core/text.h"

namespace broadsheet {
namespace {

constexpr char kExclude[] = "--exclude=";
constexpr char kSleeps[] = "sleeping and retrying";  // in sbatch's words: the queue is full

void wait(double seconds) {
  std::this_thread::sleep_for(std::chrono::duration<double>(seconds));
}

int64_t number_of(const std::string& id) {
  return std::atoll(id.c_str());
}

// Every job of this token that Slurm still knows, and the one that says of itself that it has started. First the
// oldest.
std::vector<std::string> jobs_of(const std::string& token, const std::string& folder, const SlurmClient& slurm) {
  std::vector<std::string> ids;
  for (const JobEvent& event : read_job_events(folder)) {
    if (event.token == token && event.event == "start") ids.push_back(event.job);
  }
  for (const QueuedJob& job : slurm.queue()) {
    if (job.comment == comment_of(token)) ids.push_back(job.id);
  }
  std::sort(ids.begin(), ids.end(),
            [](const std::string& a, const std::string& b) { return number_of(a) < number_of(b); });
  ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
  return ids;
}

class Submission {
 public:
  Submission(std::vector<std::string> command, std::string token, std::string folder, const SlurmClient& slurm,
             const SubmitPatience& patience)
      : command_(std::move(command)),
        token_(std::move(token)),
        folder_(std::move(folder)),
        slurm_(slurm),
        patience_(patience),
        pause_(patience.first_wait) {}

  Submitted run() {
    for (int number = 1; number <= patience_.tries; ++number) {
      // Who tries once has others to look after; sbatch itself would try for minutes.
      const ProgramAnswer answer = ask_program(command_, patience_.sbatch_seconds, patience_.tries == 1 ? kSleeps : "");
      if (answer.status == -1)
        throw UserError("slurm.not_installed", "sbatch: not found in PATH",
                        "work on a login node of the cluster, or try slurm/testcluster");
      const std::string id = answer.good() ? id_in_answer(answer.out) : "";
      if (!id.empty()) return finished(id);
      words_ = answer.timed_out && !answer.given_up ? cat("no answer within ", patience_.sbatch_seconds, " s")
                                                    : answer.last_words();
      if (words_.empty()) words_ = cat("exit ", answer.status, " without a word");
      if (const std::string found = look(); !found.empty()) {
        notes_.push_back(cat("sbatch said \"", words_, "\"; the job had been accepted all the same"));
        return finished(found);
      }
      // It said no, and the queue says the same.
      const bool refused = !answer.good() && !answer.timed_out && answer.status < 128 &&
                           !means_unreachable(answer.err) && !trim(answer.err).empty();
      if (refused) throw UserError("slurm.refused", cat("sbatch: ", words_), "change the slurm section of the file");
      if (number == patience_.tries) break;
      log_warning(cat("sbatch: ", words_, "; trying again (", number, " of ", patience_.tries, ")"));
      rest();
    }
    throw RunError("slurm.unreachable", cat("no job was accepted in ", patience_.tries, " tries; sbatch: ", words_),
                   "submit again when Slurm answers: the same command looks for the job first");
  }

 private:
  // Waits longer each time.
  void rest() {
    wait(pause_);
    pause_ = std::min(2 * pause_, patience_.longest_wait);
  }

  // Whether the last try was accepted. Slurm may need a moment, or be away for a while.
  std::string look() {
    int tries_left = patience_.tries, looks_left = patience_.looks;
    while (true) {
      try {
        const std::vector<std::string> ids = jobs_of(token_, folder_, slurm_);
        if (!ids.empty()) return ids.front();
        if (--looks_left <= 0) return "";
        wait(patience_.first_wait);
      } catch (const RunError& error) {
        if (!is_unreachable(error) || --tries_left <= 0) throw;
        log_warning(error.what());
        rest();
      }
    }
  }

  // A twin can only be of an earlier try that seemed to have failed.
  Submitted finished(const std::string& id) {
    std::string kept = id;
    try {
      const std::vector<std::string> ids = jobs_of(token_, folder_, slurm_);
      if (!ids.empty()) kept = ids.front();
      for (const std::string& other : ids) {
        if (other == kept) continue;
        notes_.push_back(cat("job ", other, " is a second one of this submission: cancelled"));
        slurm_.cancel(other);
      }
    } catch (const RunError& error) {
      notes_.push_back(error.what());  // the lease keeps a twin from harm
    }
    return {kept, notes_};
  }

  std::vector<std::string> command_;
  std::string token_, folder_;
  const SlurmClient& slurm_;
  SubmitPatience patience_;
  double pause_;
  std::string words_;
  std::vector<std::string> notes_;
};

Submitted submit_record(const std::string& folder, JobRecord record, const SlurmClient& slurm,
                        const SubmitPatience& patience) {
  write_job_record(folder, record);
  const Submitted submitted = Submission(record.command, record.token, folder, slurm, patience).run();
  record.id = submitted.id;
  write_job_record(folder, record);
  return submitted;
}

}  // namespace

std::string id_in_answer(const std::string& out) {
  const std::string line(trim(out));
  const std::string id = line.substr(0, line.find(';'));
  const bool digits = !id.empty() && id.size() < 19 &&
                      std::all_of(id.begin(), id.end(), [](unsigned char c) { return std::isdigit(c) != 0; });
  return digits && line.find('\n') == std::string::npos ? id : "";
}

bool is_job_of(const JobRecord& record, const QueuedJob& job) {
  return job.comment == comment_of(record.token) || (!record.id.empty() && job.id == record.id);
}

std::string find_job(const JobRecord& record, const std::string& folder, const SlurmClient& slurm) {
  if (!record.id.empty()) return record.id;
  const std::vector<std::string> ids = jobs_of(record.token, folder, slurm);
  return ids.empty() ? "" : ids.front();
}

Submitted submit_job(const JobSpec& spec, const SlurmClient& slurm, const SubmitPatience& patience) {
  write_job(spec);
  return submit_record(spec.folder, {spec.token, "", spec.kind, utc_now(), sbatch_command(spec), spec.after}, slurm,
                       patience);
}

Submitted move_job(const std::string& folder, const std::string& from, const SlurmClient& slurm,
                   const SubmitPatience& patience) {
  const std::optional<JobRecord> old = read_job_record(folder);
  if (!old || old->command.size() < 3)
    throw RunError("slurm.no_record", cat(folder, "/job.json: not a record of a job"), "submit the run again");
  JobRecord record = *old;
  record.token = new_token();
  record.id.clear();
  record.submitted = utc_now();
  record.after = {from};
  std::vector<std::string> command;
  std::string excluded = join(excluded_nodes(folder), ",");
  for (const std::string& word : old->command) {
    const bool replaced = starts_with(word, "--comment=") || starts_with(word, "--dependency=");
    if (starts_with(word, kExclude)) excluded = word.substr(sizeof kExclude - 1) + "," + excluded;
    if (!replaced && !starts_with(word, kExclude)) command.push_back(word);
  }
  // The script and its argument come last.
  command.insert(command.end() - 2,
                 {"--comment=" + comment_of(record.token), "--dependency=afterany:" + from, kExclude + excluded});
  record.command = command;
  std::string parameters;
  for (const std::string& line : split(read_file(folder + "/parameters"), '\n')) {
    if (!line.empty()) parameters += (starts_with(line, "token ") ? "token " + record.token : line) + "\n";
  }
  write_file_durably(folder + "/parameters", parameters);
  return submit_record(folder, record, slurm, patience);
}

}  // namespace broadsheet
