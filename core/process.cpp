#include "core/process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
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

[[noreturn]] void become(const std::vector<char*>& argv, const Pipe& out, const Pipe& err) {
  setpgid(0, 0);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  dup2(open("/dev/null", O_RDONLY), STDIN_FILENO);
  dup2(out.write_end, STDOUT_FILENO);
  dup2(err.write_end, STDERR_FILENO);
  execvp(argv[0], argv.data());
  _exit(127);
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
  return ask_program(command, seconds, "");
}

ProgramAnswer ask_program(const std::vector<std::string>& command, double seconds, const std::string& hopeless) {
  ProgramAnswer answer;
  std::vector<char*> argv;
  for (const std::string& word : command) argv.push_back(const_cast<char*>(word.c_str()));
  argv.push_back(nullptr);
  const std::string program = command.at(0).find('/') == std::string::npos ? find_in_path(command[0]) : command[0];
  if (program.empty() || access(program.c_str(), X_OK) != 0) return answer;
  argv[0] = const_cast<char*>(program.c_str());
  Pipe out, err;
  const pid_t child = fork();
  if (child < 0) fail("fork");
  if (child == 0) become(argv, out, err);
  setpgid(child, child);
  Pipe::close_end(out.write_end);
  Pipe::close_end(err.write_end);
  const auto end = Clock::now() + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds));
  while (out.read_end >= 0 || err.read_end >= 0) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(end - Clock::now()).count();
    std::array<pollfd, 2> waits{pollfd{out.read_end, POLLIN, 0}, pollfd{err.read_end, POLLIN, 0}};
    const int ready = left > 0 ? poll(waits.data(), waits.size(), static_cast<int>(left)) : 0;
    if (ready < 0 && errno == EINTR) continue;
    if (ready <= 0) {
      answer.timed_out = true;
      break;
    }
    if (waits[0].revents != 0) take(out.read_end, answer.out);
    if (waits[1].revents != 0) take(err.read_end, answer.err);
    answer.given_up = !hopeless.empty() && answer.err.find(hopeless) != std::string::npos;
    if (answer.given_up) break;
  }
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
