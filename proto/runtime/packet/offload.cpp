#include "proto/runtime/packet/offload.hpp"

#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include "proto/crypto/aead_backend.hpp"
#include "proto/runtime/loop/loop.hpp"

namespace culvert::runtime {
namespace {

constexpr std::array kNames = {
    std::pair{"vnet", &Offloads::vnet}, std::pair{"tso", &Offloads::tso},
    std::pair{"uso", &Offloads::uso},   std::pair{"gro", &Offloads::gro},
    std::pair{"gso", &Offloads::gso},
};

bool switch_off(Offloads& out, std::string_view word) {
  if (word == "-all") {
    out = Offloads::none();
    return true;
  }
  if (word.empty() || word.front() != '-') return false;
  const auto* const found = std::find_if(
      kNames.begin(), kNames.end(), [&](const auto& each) { return each.first == word.substr(1); });
  if (found == kNames.end()) return false;
  out.*found->second = false;
  return true;
}

}  // namespace

Result<Offloads> Offloads::parse(std::string_view words) {
  Offloads out;
  while (!words.empty()) {
    const auto word = words.substr(0, words.find(','));
    if (!switch_off(out, word)) {
      return fail(ErrorCode::kInvalid, "no offload to switch off: \"" + std::string(word) +
                                           "\"; there are -vnet -tso -uso -gro -gso -all");
    }
    words.remove_prefix(std::min(words.size(), word.size() + 1));
  }
  return out;
}

Status choose_aead(std::string_view name) {
  if (name.empty()) name = crypto::fastest_aead([] { return read_clocks().steady; }).name;
  if (crypto::choose_aead(name)) return {};
  std::string names;
  for (const auto& each : crypto::aead_backends()) names += " " + std::string(each.name);
  return fail(ErrorCode::kInvalid, "no library \"" + std::string(name) + "\", here are" + names);
}

}  // namespace culvert::runtime
