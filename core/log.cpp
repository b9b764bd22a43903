#include "core/log.h"

#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/ansicolor_sink.h>
#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <memory>
#include <vector>

#include "core/errors.h"
#include "core/text.h"

namespace broadsheet {
namespace {

spdlog::level::level_enum spdlog_level(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return spdlog::level::debug;
    case LogLevel::kInfo:
      return spdlog::level::info;
    case LogLevel::kWarning:
      return spdlog::level::warn;
    case LogLevel::kError:
      return spdlog::level::err;
  }
  return spdlog::level::info;
}

spdlog::sink_ptr console_sink(const LogOptions& options) {
  spdlog::sink_ptr sink;
  if (options.console_stdout) {
    sink = std::make_shared<spdlog::sinks::stdout_sink_mt>();
  } else if (colour_allowed()) {
    sink = std::make_shared<spdlog::sinks::ansicolor_stderr_sink_mt>();
  } else {
    sink = std::make_shared<spdlog::sinks::stderr_sink_mt>();
  }
  // People read these lines: the level is told by a word only where it matters (see write()).
  // On a terminal a progress line may stand there unfinished: the log line takes its place.
  sink->set_pattern(!options.console_stdout && console_is_terminal() ? "\r\033[K%^%v%$" : "%^%v%$");
  return sink;
}

std::shared_ptr<spdlog::logger> make_logger(const LogOptions& options) {
  std::vector<spdlog::sink_ptr> sinks;
  if (options.console) sinks.push_back(console_sink(options));
  if (!options.file.empty()) {
    try {
      sinks.push_back(std::make_shared<spdlog::sinks::basic_file_sink_mt>(options.file, /*truncate=*/false));
    } catch (const spdlog::spdlog_ex& error) {
      throw RunError("io.log", cat("cannot open the log file ", options.file, ": ", error.what()),
                     "check that its folder exists and can be written");
    }
    auto formatter = std::make_unique<spdlog::pattern_formatter>(
        cat("%Y-%m-%dT%H:%M:%S.%eZ %l rank ", options.rank, ": %v"), spdlog::pattern_time_type::utc);
    sinks.back()->set_formatter(std::move(formatter));
  }
  auto logger = std::make_shared<spdlog::logger>("broadsheet", sinks.begin(), sinks.end());
  logger->set_level(spdlog_level(options.level));
  logger->flush_on(spdlog::level::trace);
  return logger;
}

std::shared_ptr<spdlog::logger>& current_logger() {
  static std::shared_ptr<spdlog::logger> logger = make_logger({});
  return logger;
}

void write(spdlog::level::level_enum level, const std::string& message) {
  // The message is data, never a format string.
  std::atomic_load(&current_logger())->log(level, spdlog::string_view_t(message.data(), message.size()));
}

}  // namespace

void init_logging(const LogOptions& options) {
  std::atomic_store(&current_logger(), make_logger(options));
}

void log_debug(const std::string& message) {
  write(spdlog::level::debug, message);
}
void log_info(const std::string& message) {
  write(spdlog::level::info, message);
}
void log_warning(const std::string& message) {
  write(spdlog::level::warn, "warning: " + message);
}
void log_error(const std::string& message) {
  write(spdlog::level::err, "error: " + message);
}

bool console_is_terminal() {
  const char* terminal = std::getenv("TERM");
  return ::isatty(STDERR_FILENO) == 1 && (terminal == nullptr || std::strcmp(terminal, "dumb") != 0);
}

bool colour_allowed() {
  const char* no_colour = std::getenv("NO_COLOR");
  return console_is_terminal() && (no_colour == nullptr || *no_colour == '\0');
}

}  // namespace broadsheet
