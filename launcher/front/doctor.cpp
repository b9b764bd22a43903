// doctor: what this machine and site have, and the remedy for what is missing.
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>

#include "core/durable.h"
#include "core/errors.h"
#include "core/text.h"
#include "launcher/answer.h"
#include "launcher/front/actions.h"
#include "launcher/program.h"

namespace broadsheet {
namespace {

constexpr int kPatienceMilliseconds = 20'000;

struct Answered {
  int status = -1;  // exit status; -1: could not be started, or did not end in time
  std::string text;
};

// stdout and stderr of a program that is given no input.
Answered ask(const std::vector<std::string>& command) {
  Answered answered;
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return answered;
  const pid_t child = fork();
  if (child == 0) {
    dup2(open("/dev/null", O_RDONLY), STDIN_FILENO);
    dup2(ends[1], STDOUT_FILENO);
    dup2(ends[1], STDERR_FILENO);
    std::vector<char*> argv;
    for (const std::string& word : command) argv.push_back(const_cast<char*>(word.c_str()));
    argv.push_back(nullptr);
    execvp(argv[0], argv.data());
    _exit(127);
  }
  close(ends[1]);
  char buffer[4096];
  pollfd wait{ends[0], POLLIN, 0};
  ssize_t size = 1;
  while (child > 0 && size > 0 && poll(&wait, 1, kPatienceMilliseconds) > 0 && answered.text.size() < (1u << 20)) {
    size = read(ends[0], buffer, sizeof buffer);
    if (size > 0) answered.text.append(buffer, static_cast<size_t>(size));
  }
  close(ends[0]);
  if (child <= 0) return answered;
  if (size != 0) kill(child, SIGKILL);
  int status = 0;
  waitpid(child, &status, 0);
  if (WIFEXITED(status) && WEXITSTATUS(status) != 127) answered.status = WEXITSTATUS(status);
  return answered;
}

std::string first_line(const Answered& answered) {
  return split(answered.text, '\n')[0];
}

class Examination {
 public:
  void look() {
    engine();
    mpirun();
    slurm();
    machine();
    locks();
  }
  nlohmann::json found = nlohmann::json::object();
  std::vector<std::string> faults;

 private:
  void engine() {
    for (const char* key : {"libtorch", "mpi", "hdf5"}) found[key] = nullptr;
    try {
      const Answered answered = ask({engine_path(), "--version"});
      const nlohmann::json parts = nlohmann::json::parse(answered.text, nullptr, /*allow_exceptions=*/false);
      if (answered.status == 0 && parts.is_object()) {
        found.update(parts);
      } else {
        faults.push_back(cat("broadsheet-engine does not start: ", first_line(answered),
                             "; is LibTorch where it was when Broadsheet was built?"));
      }
    } catch (const Error& error) {
      faults.push_back(error.what());
    }
  }

  void mpirun() {
    const Answered answered = ask({"mpirun", "--version"});
    found["mpirun"] = answered.status == 0 ? nlohmann::json(first_line(answered)) : nlohmann::json();
    if (answered.status != 0) {
      faults.push_back(
          "mpirun is not in PATH: only --ranks 1 works; install Open MPI (Debian: openmpi-bin) or load its module");
    }
  }

  void slurm() {
    const Answered answered = ask({"sbatch", "--version"});
    found["slurm"] = answered.status == 0 ? nlohmann::json(first_line(answered)) : nlohmann::json();
    found["slurm_job"] = slurm_ids();
  }

  void machine() {
    found["version"] = program_version();
    found["host"] = host_name();
    found["cpu"] = cpu_model();
    found["cores"] = available_cores();
    found["memory_bytes"] = memory_bytes();
  }

  void locks() {
    const std::string path = cat(".broadsheet-doctor-", getpid(), ".lock");
    try {
      const FolderLock lock = FolderLock::acquire(path);
      found["file_locks"] = "work in the working directory";
    } catch (const Error& error) {
      found["file_locks"] = error.what();
    }
  }
};

std::string text_of(const Examination& examination) {
  const auto line = [&](const char* title, const char* key) {
    const nlohmann::json& value = examination.found.at(key);
    const std::string text = value.is_null()     ? "not found"
                             : value.is_string() ? value.get<std::string>()
                                                 : value.dump();
    return cat("  ", title, std::string(12 - std::string(title).size(), ' '), text, "\n");
  };
  std::string text = line("broadsheet", "version") + line("LibTorch", "libtorch") + line("MPI", "mpi") +
                     line("mpirun", "mpirun") + line("HDF5", "hdf5") + line("Slurm", "slurm") + line("host", "host") +
                     line("CPU", "cpu") + line("cores", "cores");
  text += cat("  memory      ", human_bytes(examination.found.at("memory_bytes").get<uint64_t>()), "\n");
  text += line("file locks", "file_locks");
  for (const std::string& fault : examination.faults) text += "missing: " + fault + "\n";
  if (examination.faults.empty()) text += "Everything that training needs is here.\n";
  return text;
}

}  // namespace

int do_doctor(const Command& command) {
  Examination examination;
  examination.look();
  if (command.json) {
    nlohmann::json answer = examination.found;
    answer["missing"] = examination.faults;
    print_json(answer);
  } else {
    print_text(text_of(examination));
  }
  return static_cast<int>(examination.faults.empty() ? ExitCode::kDone : ExitCode::kUser);
}

}  // namespace broadsheet
