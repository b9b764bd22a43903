#include "core/process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>

#include "core/errors.h"
#include "core/text.h"

namespace broadsheet {
namespace {

using Clock = std::chrono::steady_clock;

constexpr size_t kWordsOfInterest = 3;  // lines

[[noreturn]] void fail(const char* what) {
  throw RunError("process.system", cat(what, ": ", std::strerror(errno)), "close some programs and try again");
}

struct Pipe {
  int read_end = -1, write_end = -1;
  Pipe() {
    std::array<int, 2> ends{};
    if (pipe2(ends.data(), O_CLOEXEC) != 0) fail("pipe");
    read_end = ends[0];
    write_end = ends[1];
  }
  ~Pipe() {
    close_end(read_end);
    close_end(write_end);
  }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;
  static void close_end(int& end) {
    if (end >= 0) ::close(end);
    end = -1;
  }
};

// What mpirun tells its ranks, and not what a user tells mpirun.
bool tells_a_rank(std::string_view variable) {
  if (!starts_with(variable, "OMPI_")) return starts_with(variable, "PMIX_");
  if (starts_with(variable, "OMPI_MCA_"))
    return starts_with(variable, "OMPI_MCA_ess") || starts_with(variable, "OMPI_MCA_orte_");
  return !starts_with(variable, "OMPI_ALLOW_");
}

// The variables of this process, and those of its kind that are for ranks left out.
std::vector<char*> variables(bool outside_of_ranks) {
  std::vector<char*> kept;
  for (char** one = environ; *one != nullptr; ++one) {
    const bool of_rank = tells_a_rank(*one);
    if (!outside_of_ranks || !of_rank) kept.push_back(*one);
  }
  kept.push_back(nullptr);
  return kept;
}

// posix_spawn shares this process's memory until the program begins: nothing of a fork between threads can go wrong.
pid_t start_program(const std::vector<char*>& argv, bool outside_of_ranks, const Pipe& in, const Pipe& out,
                    const Pipe& err) {
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_adddup2(&files, in.read_end, STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&files, out.write_end, STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&files, err.write_end, STDERR_FILENO);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  posix_spawnattr_setpgroup(&attributes, 0);
  sigset_t none, usual;
  sigemptyset(&none);
  sigemptyset(&usual);
  sigaddset(&usual, SIGPIPE);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &usual);
  std::vector<char*> environment = variables(outside_of_ranks);
  pid_t child = -1;
  const int error = posix_spawn(&child, argv[0], &files, &attributes, argv.data(), environment.data());
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&files);
  if (error == EAGAIN || error == ENOMEM) {
    errno = error;
    fail("posix_spawn");
  }
  return error == 0 ? child : -1;
}

// For as long as it lives, a pipe that nobody reads any more is an error of write() and no signal to this thread.
class NoPipeSignal {
 public:
  NoPipeSignal() {
    sigemptyset(&pipe_);
    sigaddset(&pipe_, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &pipe_, &before_);
  }
  ~NoPipeSignal() {
    const timespec now{0, 0};
    if (sigismember(&before_, SIGPIPE) == 0) {
      while (sigtimedwait(&pipe_, nullptr, &now) > 0) {
      }
    }
    pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }
  NoPipeSignal(const NoPipeSignal&) = delete;
  NoPipeSignal& operator=(const NoPipeSignal&) = delete;

 private:
  sigset_t pipe_{}, before_{};
};

// Writes some of `text` and takes it away; closes the end when there is no more, or nobody reads.
void give(int& end, std::string_view& text) {
  const ssize_t size = text.empty() ? 0 : write(end, text.data(), text.size());
  if (size < 0 && (errno == EINTR || errno == EAGAIN)) return;
  if (size > 0) text.remove_prefix(static_cast<size_t>(size));
  if (size < 0 || text.empty()) Pipe::close_end(end);
}

// False at the end of the stream.
bool take(int& end, std::string& text) {
  std::array<char, 1 << 16> buffer{};
  const ssize_t size = read(end, buffer.data(), buffer.size());
  if (size < 0 && (errno == EINTR || errno == EAGAIN)) return true;
  if (size <= 0) {
    Pipe::close_end(end);
    return false;
  }
  text.append(buffer.data(), std::min(static_cast<size_t>(size), kMostAnswer - text.size()));
  return true;
}

// Until it has closed its output, its time is up or it is given up; the two latter are noted in `answer`.
void talk(const ProgramQuestion& question, Clock::time_point end, int& in, int& out, int& err, ProgramAnswer& answer) {
  std::string_view input = question.input;
  if (input.empty()) Pipe::close_end(in);
  while (out >= 0 || err >= 0) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(end - Clock::now()).count();
    std::array<pollfd, 3> waits{pollfd{out, POLLIN, 0}, pollfd{err, POLLIN, 0}, pollfd{in, POLLOUT, 0}};
    const int ready =
        left > 0 ? poll(waits.data(), waits.size(), static_cast<int>(std::min<int64_t>(left, 60'000))) : 0;
    if (ready < 0 && errno == EINTR) continue;
    if (ready == 0 && left > 0 && Clock::now() < end) continue;
    if (ready <= 0) {
      answer.timed_out = true;
      return;
    }
    if (waits[0].revents != 0) take(out, answer.out);
    if (waits[1].revents != 0) take(err, answer.err);
    if (in >= 0 && waits[2].revents != 0) give(in, input);
    answer.given_up = !question.hopeless.empty() && answer.err.find(question.hopeless) != std::string::npos;
    if (answer.given_up) return;
  }
}

// Waits until `end`; false: it still runs then.
bool has_ended(pid_t child, Clock::time_point end, int& status) {
  while (true) {
    const pid_t ended = waitpid(child, &status, WNOHANG);
    if (ended == child) return true;
    if (ended < 0 && errno != EINTR) return true;
    if (Clock::now() >= end) return false;
    usleep(2'000);
  }
}

}  // namespace

std::string ProgramAnswer::last_words() const {
  const std::string_view said = trim(err).empty() ? trim(out) : trim(err);
  const std::vector<std::string> lines = split(said, '\n');
  const size_t first = lines.size() > kWordsOfInterest ? lines.size() - kWordsOfInterest : 0;
  return printable(join({lines.begin() + static_cast<ptrdiff_t>(first), lines.end()}, "; "), 400);
}

std::string find_in_path(const std::string& program) {
  const char* path = std::getenv("PATH");
  for (const std::string& folder : split(path == nullptr ? "/usr/local/bin:/usr/bin:/bin" : path, ':')) {
    const std::string candidate = folder + "/" + program;
    if (!folder.empty() && access(candidate.c_str(), X_OK) == 0) return candidate;
  }
  return "";
}

ProgramAnswer ask_program(const std::vector<std::string>& command, double seconds) {
  return ask_program(command, ProgramQuestion{.seconds = seconds});
}

ProgramAnswer ask_program(const std::vector<std::string>& command, double seconds, const std::string& hopeless) {
  return ask_program(command, ProgramQuestion{.seconds = seconds, .hopeless = hopeless});
}

ProgramAnswer ask_program(const std::vector<std::string>& command, const ProgramQuestion& question) {
  ProgramAnswer answer;
  std::vector<char*> argv;
  for (const std::string& word : command) argv.push_back(const_cast<char*>(word.c_str()));
  argv.push_back(nullptr);
  const std::string program = command.at(0).find('/') == std::string::npos ? find_in_path(command[0]) : command[0];
  if (program.empty() || access(program.c_str(), X_OK) != 0) return answer;
  argv[0] = const_cast<char*>(program.c_str());
  const NoPipeSignal no_pipe_signal;
  Pipe in, out, err;
  const pid_t child = start_program(argv, question.outside_of_ranks, in, out, err);
  if (child < 0) return answer;
  Pipe::close_end(in.read_end);
  Pipe::close_end(out.write_end);
  Pipe::close_end(err.write_end);
  fcntl(in.write_end, F_SETFL, O_NONBLOCK);
  const auto end =
      Clock::now() + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(question.seconds));
  talk(question, end, in.write_end, out.read_end, err.read_end, answer);
  int status = 0;
  answer.timed_out = answer.timed_out || answer.given_up ||
                     !has_ended(child, end, status);  // it may have closed its output and gone on
  if (answer.timed_out) {
    kill(-child, SIGKILL);
    has_ended(child, Clock::time_point::max(), status);
  }
  answer.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  if (answer.status == 127 && answer.out.empty() && answer.err.empty()) answer.status = -1;
  return answer;
}

}  // namespace broadsheet
