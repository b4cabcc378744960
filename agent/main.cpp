// culvert: the agent's daemon and its command line in one binary.
#include "agent/cli/cli.hpp"
#include "proto/runtime/loop/startup.hpp"

int main(int argc, char** argv) {
  return culvert::runtime::run_main("culvert", [&] { return culvert::cli::run(argc, argv); });
}
