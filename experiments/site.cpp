#include "experiments/site.h"

#include <cstdlib>

#include "core/durable.h"
#include "core/path.h"
#include "core/text.h"
#include "experiments/config_tables.h"
#include "experiments/yaml.h"

namespace broadsheet {
namespace {

constexpr char kUsualPlace[] = "/etc/broadsheet/site.yaml";

struct SiteFile {
  int schema = 1;
  std::string kind;
  SlurmConfig slurm;
  SlurmLimits limits;
};

const Section<SiteFile>& site_section() {
  static const auto section =
      Section<SiteFile>()
          .key("schema", &SiteFile::schema, fixed_integer(1), "Version of the file's format.", Need::kRequired)
          .key("kind", &SiteFile::kind, one_of({{"site"}, {}, {}}), "What the file describes.", Need::kRequired)
          .key("slurm", &SiteFile::slurm, nested(slurm_section()), "Defaults of every run file's section slurm.")
          .key("limits", &SiteFile::limits, nested(slurm_limits_section()), "Ceilings that no run file may exceed.");
  return section;
}

// Every fault at once. Returns the tree that was read.
template <class T>
ConfigNode read_checked(const std::string& path, const Section<T>& section, T& value) {
  Faults faults;
  ConfigNode root = read_yaml(path, faults);
  ConfigReader reader(parent_folder(absolute_path(path)));
  section.read(root, "", reader, value);
  for (const Fault& fault : reader.faults().all()) faults.add(fault);
  faults.throw_if_any();
  return root;
}

}  // namespace

std::optional<Site> find_site() {
  const char* named = std::getenv("BROADSHEET_SITE");
  if ((named == nullptr || *named == '\0') && !exists(kUsualPlace)) return std::nullopt;
  const std::string path = named == nullptr || *named == '\0' ? kUsualPlace : named;
  SiteFile file;
  const ConfigNode root = read_checked(path, site_section(), file);
  Site site{path, {}, file.slurm, file.limits};
  if (const ConfigNode* slurm = root.find("slurm")) site.slurm = *slurm;
  return site;
}

void write_slurm_config(const std::string& path, const SlurmConfig& config) {
  write_file_durably(path, emit_yaml(slurm_section().write(config)));
}

SlurmConfig load_slurm_config(const std::string& path) {
  SlurmConfig config;
  read_checked(path, slurm_section(), config);
  return config;
}

}  // namespace broadsheet
