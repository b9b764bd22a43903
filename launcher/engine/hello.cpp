// hello: what doctor has two or more ranks do on a site: find each other, compare clocks, share a folder.
#include <ifaddrs.h>
#include <net/if.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <optional>
#include <set>
#include <thread>

#include "core/durable.h"
#include "core/text.h"
#include "launcher/answer.h"
#include "launcher/engine/models.h"
#include "launcher/program.h"
#include "trainer/parallel/communicator.h"
#include "trainer/parallel/library_version.h"

namespace broadsheet {
namespace {

using Clock = std::chrono::steady_clock;

constexpr double kPatience = 20;  // seconds for a file of another node's to be seen
constexpr int64_t kElements = 1 << 16;

double seconds_since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

double to_microseconds(double seconds) {
  return std::round(1e6 * seconds) / 1e6;
}

double wall_clock() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

std::vector<std::string> interfaces() {
  std::set<std::string> names;
  ifaddrs* list = nullptr;
  if (getifaddrs(&list) != 0) return {};
  for (const ifaddrs* one = list; one != nullptr; one = one->ifa_next) {
    const bool network =
        one->ifa_addr != nullptr && (one->ifa_addr->sa_family == AF_INET || one->ifa_addr->sa_family == AF_INET6);
    if (network && (one->ifa_flags & IFF_UP) != 0) names.insert(one->ifa_name);
  }
  freeifaddrs(list);
  return {names.begin(), names.end()};
}

// Whether every rank sees the first one's file, and after how long the slowest did; negative: some never did.
double share_folder(const std::string& folder, Communicator& ranks) {
  const std::string path = folder + "/hello";
  if (ranks.first()) write_file_durably(path, "hello\n");
  ranks.broadcast("written", 0);
  const auto begin = Clock::now();
  while (!exists(path) && seconds_since(begin) < kPatience) std::this_thread::sleep_for(std::chrono::milliseconds(5));
  const double mine = exists(path) ? seconds_since(begin) : -1;
  double slowest = 0;
  for (const std::string& text : ranks.all_gather(cat(mine))) {
    const double theirs = std::atof(text.c_str());
    slowest = theirs < 0 || slowest < 0 ? -1 : std::max(slowest, theirs);
  }
  return slowest;
}

// Whether a lock that the first rank holds keeps the last one out.
bool share_locks(const std::string& folder, Communicator& ranks) {
  const std::string path = folder + "/lock";
  std::optional<FolderLock> lock;
  if (ranks.first()) lock.emplace(FolderLock::acquire(path));
  ranks.broadcast("held", 0);
  bool kept_out = true;
  if (ranks.rank() == ranks.size() - 1 && ranks.size() > 1) {
    try {
      const FolderLock mine = FolderLock::acquire(path);
      kept_out = false;
    } catch (const Error&) {
    }
  }
  bool all = true;
  for (const std::string& text : ranks.all_gather(kept_out ? "yes" : "no")) all = all && text == "yes";
  return all;
}

}  // namespace

int hello(const std::vector<std::string>& folders) {
  const auto begin = Clock::now();
  const auto ranks = make_communicator();
  const double start = seconds_since(begin);
  ranks->all_gather("first");
  // After a collective all ranks are within a message's time of each other: what their clocks differ by is skew.
  ranks->all_gather("second");
  const char* node = std::getenv("SLURMD_NODENAME");
  const nlohmann::json mine = {{"rank", ranks->rank()},
                               {"host", node == nullptr ? host_name() : node},
                               {"clock", wall_clock()},
                               {"interfaces", interfaces()},
                               {"cpu", cpu_model()}};
  nlohmann::json all = nlohmann::json::array();
  double earliest = INFINITY, latest = -INFINITY;
  for (const std::string& text : ranks->all_gather(mine.dump())) {
    all.push_back(nlohmann::json::parse(text));
    earliest = std::min(earliest, all.back().at("clock").get<double>());
    latest = std::max(latest, all.back().at("clock").get<double>());
  }
  const std::vector<int64_t> sums = ranks->sum(std::vector<int64_t>(kElements, ranks->rank() + 1));
  const int64_t wanted = int64_t{ranks->size()} * (ranks->size() + 1) / 2;
  const bool adds = std::all_of(sums.begin(), sums.end(), [&](int64_t value) { return value == wanted; });
  nlohmann::json answer = {{"ranks", all},
                           {"mpi", mpi_library_version()},
                           {"start_seconds", to_microseconds(start)},
                           {"clock_skew_seconds", to_microseconds(latest - earliest)},
                           {"adds_right", adds}};
  for (const std::string& folder : folders) {
    answer["shared_folder_seconds"] = to_microseconds(share_folder(folder, *ranks));
    answer["locks_between_ranks"] = share_locks(folder, *ranks);
  }
  if (ranks->first()) print_json(answer);
  return 0;
}

}  // namespace broadsheet
