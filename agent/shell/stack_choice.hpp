// Chooses the TCP stack for the mesh: the kernel's where a user namespace is allowed, else lwIP.
#pragma once

#include <functional>
#include <memory>

#include "agent/shell/config.hpp"
#include "agent/stack/stack.hpp"
#include "proto/core/rng.hpp"
#include "proto/runtime/packet/private_network.hpp"

namespace culvert::agent {

using ForkedNetwork = Result<std::unique_ptr<runtime::PrivateNetwork>>;

struct StackOptions {
  StackChoice choice = StackChoice::kLwip;
  runtime::Offloads offloads;
  ForkedNetwork network;        // was forked at the start of the program
  std::function<void()> ended;  // the kernel stack has lost its helper or device; flows are cut
};

struct ChosenStack {
  std::unique_ptr<stack::Stack> stack;
  std::string why;  // why this stack was chosen
};

// Fails for kKernel where the system refuses the kernel stack.
Result<ChosenStack> make_stack(runtime::Loop& loop, Rng& rng, StackOptions options,
                               stack::Stack::Output output);

}  // namespace culvert::agent
