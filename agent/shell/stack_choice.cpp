#include "agent/shell/stack_choice.hpp"

#include "agent/device/kernel_stack.hpp"
#include "agent/device/netstack.hpp"
#include "proto/runtime/log.hpp"

namespace culvert::agent {
namespace {

Result<std::unique_ptr<device::KernelStack>> open_kernel_stack(
    runtime::Loop& loop, StackOptions options, const device::Stack::Output& output) {
  if (!options.network) return fail_with(options.network.error());
  return device::KernelStack::open(loop, std::move(*options.network), options.offloads, output,
                                   std::move(options.ended));
}

}  // namespace

Result<std::unique_ptr<device::Stack>> make_stack(runtime::Loop& loop, Rng& rng,
                                                  StackOptions options,
                                                  device::Stack::Output output) {
  const auto choice = options.choice;
  std::string why = "configured";
  if (choice != StackChoice::kLwip) {
    auto kernel = open_kernel_stack(loop, std::move(options), output);
    if (kernel) {
      runtime::log::info("mesh TCP runs in the kernel, in a namespace of its own");
      return std::unique_ptr<device::Stack>(std::move(*kernel));
    }
    if (choice == StackChoice::kKernel) {
      return fail(kernel.error().code,
                  R"("stack": "kernel" is not possible here ("auto" takes lwip then): )" +
                      kernel.error().message);
    }
    why = kernel.error().message;
  }
  runtime::log::info("mesh TCP runs in this process (lwip)", {{"why", why}});
  return std::unique_ptr<device::Stack>(
      std::make_unique<device::Netstack>(loop, rng, device::NetstackOptions{}, std::move(output)));
}

}  // namespace culvert::agent
