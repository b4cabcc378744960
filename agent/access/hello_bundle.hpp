// What an agent's statement rests on, as its hello to the coordinator carries it.
#pragma once

#include <optional>
#include <string>

#include "proto/note/note.hpp"

namespace culvert::agent {

// A coordinator takes hellos of 64 KiB. A policy with which the bundle would be longer than this is
// left out: the coordinator has it from its operator, or from `culvert policy sign --publish`.
inline constexpr std::size_t kMaxHelloBundle = std::size_t{48} << 10U;

std::string hello_bundle(const std::optional<note::Note>& policy, const note::Note& enrolment,
                         const std::optional<note::Note>& enrolled);

}  // namespace culvert::agent
