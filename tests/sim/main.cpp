// culvert_sim [--seed N] [--seeds COUNT] [--jobs J] [--verbose]: runs the mesh with COUNT seeds,
// starting at N, in J processes. A failure prints its seed; `culvert_sim --seed N --verbose`
// repeats that run step by step.
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <exception>
#include <string_view>
#include <vector>

#include "tests/sim/world.hpp"

namespace {

struct Arguments {
  std::uint64_t seed = 1;
  std::uint64_t seeds = 1;
  std::uint64_t jobs = 1;
  bool verbose = false;
};

bool parse(int argc, char** argv, Arguments& out) {
  for (int i = 1; i < argc; ++i) {
    const std::string_view name = argv[i];
    auto* number = name == "--seed"    ? &out.seed
                   : name == "--seeds" ? &out.seeds
                   : name == "--jobs"  ? &out.jobs
                                       : nullptr;
    if (name == "--verbose") {
      out.verbose = true;
    } else if (number != nullptr && i + 1 < argc) {
      *number = std::strtoull(argv[++i], nullptr, 10);
    } else {
      return false;
    }
  }
  return out.jobs > 0;
}

// Runs one seed. True: no violation.
bool run(std::uint64_t seed, bool verbose, std::uint64_t& deliveries) {
  std::vector<std::string> violations;
  try {
    culvert::sim::World world(seed, verbose);
    auto outcome = world.run();
    violations = std::move(outcome.violations);
    deliveries += outcome.deliveries;
  } catch (const std::exception& error) {
    violations.emplace_back(error.what());
  }
  for (const auto& what : violations) {
    std::printf("seed %llu: %s\n", static_cast<unsigned long long>(seed), what.c_str());
  }
  return violations.empty();
}

// Runs every jobs-th seed, starting with the seed of this job.
int run_share(const Arguments& arguments, std::uint64_t job) {
  std::uint64_t seeds = 0;
  std::uint64_t failed = 0;
  std::uint64_t deliveries = 0;
  for (std::uint64_t i = job; i < arguments.seeds; i += arguments.jobs) {
    ++seeds;
    if (!run(arguments.seed + i, arguments.verbose, deliveries)) ++failed;
  }
  std::printf("%llu seeds, %llu packets delivered, %llu seeds failed\n",
              static_cast<unsigned long long>(seeds), static_cast<unsigned long long>(deliveries),
              static_cast<unsigned long long>(failed));
  return failed == 0 ? 0 : 1;
}

int run_all(const Arguments& arguments) {
  std::vector<pid_t> children;
  for (std::uint64_t job = 1; job < arguments.jobs; ++job) {
    const auto child = ::fork();
    if (child < 0) return 1;
    if (child == 0) std::exit(run_share(arguments, job));
    children.push_back(child);
  }
  int result = run_share(arguments, 0);
  for (const auto child : children) {
    int status = 0;
    if (::waitpid(child, &status, 0) != child || status != 0) result = 1;
  }
  return result;
}

}  // namespace

int main(int argc, char** argv) {
  Arguments arguments;
  if (!parse(argc, argv, arguments)) {
    std::puts("usage: culvert_sim [--seed N] [--seeds COUNT] [--jobs J] [--verbose]");
    return 2;
  }
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  return run_all(arguments);
}
