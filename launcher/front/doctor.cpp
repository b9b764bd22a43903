// doctor: what this machine and site have, and the remedy for what is missing.
#include <unistd.h>

#include <cstdlib>

#include "core/durable.h"
#include "core/errors.h"
#include "core/process.h"
#include "core/text.h"
#include "launcher/answer.h"
#include "launcher/front/actions.h"
#include "launcher/front/site_examination.h"
#include "launcher/program.h"

namespace broadsheet {
namespace {

constexpr double kPatience = 20;  // seconds for a program that is asked

std::string first_line(const ProgramAnswer& answered) {
  return split(answered.out.empty() ? answered.err : answered.out, '\n')[0];
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
      const ProgramAnswer answered = ask_program({engine_path(), "--version"}, kPatience);
      const nlohmann::json parts = nlohmann::json::parse(answered.out, nullptr, /*allow_exceptions=*/false);
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
    const ProgramAnswer answered = ask_program({"mpirun", "--version"}, kPatience);
    found["mpirun"] = answered.status == 0 ? nlohmann::json(first_line(answered)) : nlohmann::json();
    if (answered.status != 0) {
      faults.push_back(
          "mpirun is not in PATH: only --ranks 1 works; install Open MPI (Debian: openmpi-bin) or load its module");
    }
  }

  void slurm() {
    const ProgramAnswer answered = ask_program({"sbatch", "--version"}, kPatience);
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

namespace {

// Nested objects as indented lines; what ranks say of themselves is left to --json.
void add_findings(std::string& text, const nlohmann::json& value, const std::string& indent) {
  for (const auto& [key, child] : value.items()) {
    if (key == "ranks") continue;
    if (child.is_object()) {
      text += cat(indent, key, "\n");
      add_findings(text, child, indent + "  ");
    } else if (child.is_array() && !child.empty() && child[0].is_object()) {
      text += cat(indent, key, "\n");
      for (const nlohmann::json& one : child) {
        std::string line;
        for (const auto& [name, field] : one.items())
          line += cat(line.empty() ? "" : ", ", name, " ", field.is_string() ? field.get<std::string>() : field.dump());
        text += cat(indent, "  ", line, "\n");
      }
    } else if (!child.is_null()) {
      text += cat(indent, key, std::string(key.size() < 22 ? 22 - key.size() : 1, ' '),
                  child.is_string() ? child.get<std::string>() : child.dump(), "\n");
    }
  }
}

}  // namespace

int do_doctor(const Command& command) {
  Examination examination;
  examination.look();
  SiteFindings site;
  // The engine must start before ranks can say hello.
  if (!examination.found["libtorch"].is_null() && !examination.found["mpirun"].is_null())
    site = examine_site(command.has("site"));
  nlohmann::json answer = examination.found;
  answer.update(site.found);
  answer["missing"] = examination.faults;
  answer["notes"] = site.notes;
  if (command.has("bundle")) answer["bundle"] = write_support_bundle(command.value("bundle"), answer.dump(2) + "\n");
  if (command.json) {
    print_json(answer);
  } else {
    std::string text = text_of(examination);
    add_findings(text, site.found, "  ");
    for (const std::string& note : site.notes) text += "note: " + note + "\n";
    if (command.has("bundle")) text += cat("packed: ", answer["bundle"].get<std::string>(), "\n");
    print_text(text);
  }
  return static_cast<int>(examination.faults.empty() ? ExitCode::kDone : ExitCode::kUser);
}

}  // namespace broadsheet
