// culvert: the agent's daemon and its command line in one binary.
#include "agent/cli/cli.hpp"

int main(int argc, char** argv) { return culvert::cli::run(argc, argv); }
