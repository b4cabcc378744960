#include "agent/shell/stack_choice.hpp"

#include "agent/stack/kernel_stack.hpp"
#include "agent/stack/netstack.hpp"

namespace culvert::agent {
namespace {

Result<std::unique_ptr<stack::KernelStack>> open_kernel_stack(runtime::Loop& loop,
                                                              StackOptions options,
                                                              const stack::Stack::Output& output) {
  if (!options.network) return fail_with(options.network.error());
  return stack::KernelStack::open(loop, std::move(*options.network), options.offloads, output,
                                  std::move(options.ended));
}

}  // namespace

Result<ChosenStack> make_stack(runtime::Loop& loop, Rng& rng, StackOptions options,
                               stack::Stack::Output output) {
  const auto choice = options.choice;
  ChosenStack out;
  out.why = "configured";
  if (choice != StackChoice::kLwip) {
    auto kernel = open_kernel_stack(loop, std::move(options), output);
    if (kernel) {
      if (choice == StackChoice::kAuto) out.why = "the system allows it";
      out.stack = std::move(*kernel);
      return out;
    }
    if (choice == StackChoice::kKernel) {
      return fail(kernel.error().code,
                  R"("stack": "kernel" is not possible here ("auto" takes lwip then): )" +
                      kernel.error().message);
    }
    out.why = kernel.error().message;
  }
  out.stack =
      std::make_unique<stack::Netstack>(loop, rng, stack::NetstackOptions{}, std::move(output));
  return out;
}

}  // namespace culvert::agent
