// culvert_sim [--seed N] [--seeds COUNT] [--verbose]: runs the mesh from COUNT seeds, from N on.
// A failure prints its seed; `culvert_sim --seed N --verbose` plays it again, step by step.
#include <cstdlib>
#include <exception>
#include <string_view>

#include "tests/sim/world.hpp"

namespace {

struct Arguments {
  std::uint64_t seed = 1;
  std::uint64_t seeds = 1;
  bool verbose = false;
};

bool parse(int argc, char** argv, Arguments& out) {
  for (int i = 1; i < argc; ++i) {
    const std::string_view name = argv[i];
    if (name == "--verbose") {
      out.verbose = true;
    } else if ((name == "--seed" || name == "--seeds") && i + 1 < argc) {
      (name == "--seed" ? out.seed : out.seeds) = std::strtoull(argv[++i], nullptr, 10);
    } else {
      return false;
    }
  }
  return true;
}

// True: all that must hold held.
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

}  // namespace

int main(int argc, char** argv) {
  Arguments arguments;
  if (!parse(argc, argv, arguments)) {
    std::puts("usage: culvert_sim [--seed N] [--seeds COUNT] [--verbose]");
    return 2;
  }
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  std::uint64_t failed = 0;
  std::uint64_t deliveries = 0;
  for (std::uint64_t i = 0; i < arguments.seeds; ++i) {
    if (!run(arguments.seed + i, arguments.verbose, deliveries)) ++failed;
  }
  std::printf("%llu seeds from %llu on, %llu packets delivered, %llu seeds failed\n",
              static_cast<unsigned long long>(arguments.seeds),
              static_cast<unsigned long long>(arguments.seed),
              static_cast<unsigned long long>(deliveries), static_cast<unsigned long long>(failed));
  return failed == 0 ? 0 : 1;
}
