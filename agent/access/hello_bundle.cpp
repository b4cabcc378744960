#include "agent/access/hello_bundle.hpp"

#include <vector>

namespace culvert::agent {

std::string hello_bundle(const std::optional<note::Note>& policy, const note::Note& enrolment,
                         const std::optional<note::Note>& enrolled) {
  std::vector<note::Note> notes{enrolment};
  if (enrolled) notes.push_back(*enrolled);
  auto out = note::render_bundle(notes);
  if (!policy) return out;
  notes.insert(notes.begin(), *policy);
  auto with_policy = note::render_bundle(notes);
  return with_policy.size() <= kMaxHelloBundle ? with_policy : out;
}

}  // namespace culvert::agent
