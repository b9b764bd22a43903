#include "launcher/answer.h"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <new>
#include <system_error>

#include "core/text.h"

namespace broadsheet {
namespace {

// What LibTorch says when there is no memory: it throws an exception of its own, and no LibTorch is known here. Its
// matrix library compiles kernels while it runs, and says only that it could not.
bool tells_of_memory(const std::string& text) {
  for (const char* words : {"DefaultCPUAllocator: can't allocate memory", "DefaultCPUAllocator: not enough memory",
                            "std::bad_alloc", "could not create a primitive", "could not create a memory object"})
    if (text.find(words) != std::string::npos) return true;
  return false;
}

// "1234" of "you tried to allocate 1234 bytes"; empty when it does not say.
std::string wanted_bytes(const std::string& text) {
  constexpr char kBefore[] = "you tried to allocate ";
  const size_t at = text.find(kBefore);
  if (at == std::string::npos) return "";
  const size_t begin = at + sizeof kBefore - 1;
  return text.substr(begin, text.find_first_not_of("0123456789", begin) - begin);
}

Failure out_of_memory(const std::string& text) {
  const std::string bytes = wanted_bytes(text);
  const std::string message = cat("out of memory", bytes.empty() ? "" : cat(", ", bytes, " bytes were wanted"),
                                  "; a smaller train.micro_batch_size or data.max_length needs less");
  return {static_cast<int>(ExitCode::kFailed), {"memory", {}, "", message, ""}, message};
}

}  // namespace

Failure current_failure() {
  try {
    throw;
  } catch (const Error& error) {
    return {static_cast<int>(error.exit_code()), error.faults().front(), error.what()};
  } catch (const std::bad_alloc&) {
    return out_of_memory("");
  } catch (const std::system_error& error) {
    if (error.code() == std::errc::not_enough_memory) return out_of_memory("");
    // A thread that could not be made: too many processes, or no memory for its stack.
    const std::string message =
        cat("the system refuses: ", error.what(), "; look at the limits on memory and processes (ulimit -a)");
    return {static_cast<int>(ExitCode::kFailed), {"system", {}, "", message, ""}, message};
  } catch (const std::exception& error) {
    if (tells_of_memory(error.what())) return out_of_memory(error.what());
    const std::string message =
        cat("internal error: ", error.what(), "; please report it with the command and its log");
    return {static_cast<int>(ExitCode::kBug), {"internal", {}, "", message, ""}, message};
  } catch (...) {
    const std::string message = "internal error: unknown exception; please report it with the command and its log";
    return {static_cast<int>(ExitCode::kBug), {"internal", {}, "", message, ""}, message};
  }
}

nlohmann::json to_json(const Failure& failure) {
  const Fault& fault = failure.fault;
  const auto text_or_null = [](const std::string& text) {
    return text.empty() ? nlohmann::json() : nlohmann::json(text);
  };
  const auto number_or_null = [](int number) { return number == 0 ? nlohmann::json() : nlohmann::json(number); };
  return {{"error",
           {{"code", fault.code},
            {"message", failure.message},
            {"file", text_or_null(fault.place.file)},
            {"line", number_or_null(fault.place.line)},
            {"column", number_or_null(fault.place.column)},
            {"key", text_or_null(fault.key)}}}};
}

Failure failure_from_json(const nlohmann::json& value) {
  const nlohmann::json& error = value.at("error");
  const auto text = [&](const char* key) { return error.at(key).is_string() ? error.at(key).get<std::string>() : ""; };
  const auto number = [&](const char* key) { return error.at(key).is_number_integer() ? error.at(key).get<int>() : 0; };
  Failure failure;
  failure.message = text("message");
  failure.fault = {text("code"), {text("file"), number("line"), number("column")}, text("key"), failure.message, ""};
  failure.exit_code = value.value("exit_code", static_cast<int>(ExitCode::kFailed));
  return failure;
}

int report_failure(const Failure& failure, bool json) {
  if (json) print_json(to_json(failure));
  std::fflush(stdout);
  const std::string line = "broadsheet: " + failure.message + "\n";
  std::fwrite(line.data(), 1, line.size(), stderr);
  return failure.exit_code;
}

int answer(bool json, const std::function<int()>& body) {
  try {
    return body();
  } catch (...) {
    const Failure failure = current_failure();
    try {
      return report_failure(failure, json);
    } catch (...) {
      return failure.exit_code;
    }
  }
}

void print_text(const std::string& text) {
  if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size() || std::fflush(stdout) != 0) {
    throw RunError("io.stdout", cat("standard output: ", std::strerror(errno)));
  }
}

void print_json(const nlohmann::json& value) {
  // Text from files may hold bytes that are not UTF-8; they must not cost us the answer.
  print_text(value.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n");
}

bool wants_json(int argc, char** argv) {
  for (int i = 1; i < argc; ++i) {
    if (std::strcmp(argv[i], "--json") == 0) return true;
  }
  return false;
}

}  // namespace broadsheet
