// What an agent's statement rests on, as its hello to the coordinator carries it.
#pragma once

#include <optional>
#include <string>

#include "proto/note/note.hpp"

namespace culvert::agent {

// A coordinator takes hellos of 64 KiB. When the policy would make the bundle longer than this, the
// bundle has no policy: the coordinator has the policy from its operator, or from `culvert policy
// sign --publish`.
inline constexpr std::size_t kMaxHelloBundle = std::size_t{48} << 10U;

std::string hello_bundle(const std::optional<note::Note>& policy, const note::Note& enrolment,
                         const std::optional<note::Note>& enrolled);

}  // namespace culvert::agent
